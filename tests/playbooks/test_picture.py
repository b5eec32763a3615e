"""Pictures of playbooks, and the page that has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.components import load_catalogue
from sekoia_export.playbooks.page import playbooks_page
from sekoia_export.playbooks.picture import picture
from sekoia_export.playbooks.reader import parse_playbook
from sekoia_export.playbooks.rules import Rule

ROOT = Path(__file__).resolve().parent.parent.parent
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.json"))


def drawn(text: str) -> list[str]:
    return [line.strip() for line in picture(parse_playbook(text.encode()).playbook, load_catalogue()).splitlines()]


def test_nodes_have_their_names_and_edges_their_branches() -> None:
    lines = drawn((ROOT / "playbooks" / "export-long-period.json").read_text())
    assert lines[0] == "flowchart TD"
    assert 'n0(["0 · Manual Trigger for Case"])' in lines
    assert 'n1["1 · Split the period into windows<br><i>plan_windows</i>"]' in lines
    assert 'n2[["2 · For each window<br><i>foreach</i>"]]' in lines
    assert 'n7[("7 · Note: exported<br><i>store</i>")]' in lines
    assert 'n14{"14 · Is a window missing?<br><i>condition</i>"}' in lines
    assert 'n2 -. "each item" .-> n3' in lines
    assert 'n2 -- "after the last" --> n14' in lines
    assert 'n3 -- "timed_out" --> n9' in lines
    assert "class n1,n3,n4,n5,n6 ours" in lines
    assert "class n0,n15,n16,n17,n18,n19,n20 other" in lines
    assert "class n21,n2,n7,n8,n9,n10,n11,n12,n13,n14 operator" in lines


def test_a_name_is_no_markup() -> None:
    node = {"name": 'A "quoted" <b>#1</b> `x`', "type": "operator", "subtype": "any", "outputs": {"default": ["7"]}}
    lines = drawn(json.dumps({"name": "p", "nodes": {"1": node}}))
    assert lines[1] == ('n1(("1 · A #34;quoted#34; #60;b#62;#35;1#60;/b#62; #96;x#96;<br><i>any</i>"))')
    assert not any("n7" in line for line in lines)


def test_the_page_has_every_playbook_and_every_rule() -> None:
    page = playbooks_page(ROOT, load_catalogue())
    for path in PLAYBOOKS:
        playbook = json.loads(path.read_text())
        assert f"### {playbook['name']}\n" in page
        assert playbook["description"] in page
    assert page.count("```mermaid") == len(PLAYBOOKS)
    assert all(f"| `{rule}` |" in page for rule in Rule)


@pytest.mark.parametrize("text", [None, "no marks", "<!-- rules: made by make manifests -->"])
def test_a_page_without_its_marks_is_an_error(text: str | None, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    if text is not None:
        (tmp_path / "docs" / "playbooks.md").write_text(text)
    with pytest.raises(UsageError, match=r"docs/playbooks\.md"):
        playbooks_page(tmp_path, load_catalogue())
