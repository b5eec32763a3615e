"""Documents lead somewhere: the paths, links and commands that they name are there, and the map leads everywhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekoia_export.cli import PROGRAM
from sekoia_export.cli.group import Leaf
from sekoia_export.cli.invocation import root

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))
FOLDERS = ("actions", "benchmarks", "docs", "playbooks", "sekoia_export", "tests", "trigger_export")
CODE = re.compile(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code_in(text: str) -> list[str]:
    return [block or span for block, span in CODE.findall(text)]


def links_in(name: str) -> Iterator[tuple[Path, str]]:
    """Yield the file and the heading that each link within the repository leads to."""
    for link in re.findall(r'(?:\]\(|href="|src=")([^)"\s]+)', CODE.sub("", text_of(name))):
        if not re.match(r"[a-z]+:", link):
            path, _, heading = link.partition("#")
            yield (ROOT / name).parent / path if path else ROOT / name, heading


def headings_of(path: Path) -> set[str]:
    """Return the headings' anchors, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings(name: str) -> None:
    for path, heading in links_in(name):
        assert path.exists(), path
        assert not heading or heading in headings_of(path), f"{path}#{heading}"


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_paths_lead_to_files(name: str) -> None:
    named = {
        path
        for code in code_in(text_of(name))
        for path in re.findall(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*", code)
    }
    assert {path for path in named if not any(ROOT.glob(path.rstrip("/.")))} == set()


def test_every_document_can_be_reached_from_the_first_page() -> None:
    reached, waiting = {"README.md"}, ["README.md"]
    while waiting:
        linked = {path.resolve().relative_to(ROOT) for path, _ in links_in(waiting.pop())}
        new = {str(path) for path in linked if path.suffix == ".md"} - reached
        reached |= new
        waiting += new
    assert {*DOCUMENTS} - {"CHANGELOG.md"} <= reached


def test_the_map_shows_every_room_of_the_library_and_no_other() -> None:
    [drawn] = re.findall(r"## The map\n\n```\n(.*?)```", text_of("README.md"), re.DOTALL)
    inside = drawn[drawn.index("sekoia_export/ ") : drawn.index("\ntests/")].splitlines()[1:]
    names = [re.match(r"(?:\w+(?:/|\.py)(?:, )?)+", line.strip()) for line in inside]
    assert all(names), inside
    shown = {name for found in names if found for name in found[0].strip(" ,").split(", ")}
    there = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "sekoia_export").iterdir()
        if not path.name.startswith(("_", "py.typed"))
    }
    assert shown == there


def command_lines() -> Iterator[tuple[str, list[str]]]:
    """Yield each command line of this program that a document shows, with the document's name."""
    for name in DOCUMENTS:
        for code in code_in(text_of(name)):
            for line in re.findall(rf"^(?:.*?(?:&& |\$\())?{PROGRAM} (.+)$", code, re.MULTILINE):
                words = shlex.split(re.split(r" [|>] |\)\"$", line)[0].replace("\\|", "|"), comments=True)
                yield name, words


def test_commands_and_options_exist() -> None:
    program = root()
    seen = 0
    for name, words in command_lines():
        for first in words[0].split("|"):
            asked = [first, *words[1:]]
            command, ctx = program, program.context_class(program, info_name=PROGRAM)
            while not isinstance(command, Leaf) and asked and not asked[0].startswith("-"):
                command = command.get_command(ctx, asked.pop(0))
                assert command is not None, (name, words)
                ctx = command.context_class(command, parent=ctx)
            parameters = [*program.get_params(ctx), *command.get_params(ctx)]
            known = {option for parameter in parameters for option in parameter.opts}
            given = {word.partition("=")[0] for word in asked if re.match(r"--?[a-z]", word)}
            assert given <= known, (name, words)
            seen += 1
    assert seen > 60
