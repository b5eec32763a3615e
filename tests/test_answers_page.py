"""`docs/answers.md`: every command and every node of it gives the answer that stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.answers import PAGE, SECTION, answer_of_command, answer_of_node, make

SECTIONS = list(SECTION.finditer(PAGE.read_text()))
ANEW = "write the answers anew: python -m tests.answers"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("answers")
    make(path, PAGE.read_text())
    return path


def test_the_page_has_twelve_questions_with_answers() -> None:
    assert len(SECTIONS) == 12
    assert all(len(section["answer"].splitlines()) > 1 for section in SECTIONS)
    assert len(re.findall("^## ", PAGE.read_text(), re.MULTILINE)) == 12


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section["title"])
def test_command_and_node_give_the_answer_of_the_page(folder: Path, section: re.Match[str]) -> None:
    assert answer_of_command(folder, section["command"]) == section["answer"], ANEW
    assert answer_of_node(folder, json.loads(section["node"])) == section["answer"], ANEW
