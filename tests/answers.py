"""`docs/answers.md`: its export, its commands and its nodes. `python -m tests.answers` writes its answers anew."""

from __future__ import annotations

import json
import re
import shlex
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.arguments.analysis import HuntArguments, ObservablesArguments, QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.cli.answers import print_table
from sekoia_export.cli.hunting import OBSERVABLE_COLUMNS, RULE_COLUMNS, observable_rows, rule_rows
from sekoia_export.clock import SystemClock
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.observables import extract_observables
from sekoia_export.operations.query import query_export
from sekoia_export.simulator.content import members
from sekoia_export.simulator.events import Events, Period, field_names
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.analysis.conftest import in_this_process
from tests.cli.bench import CommandLine

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = Path(__file__).resolve().parents[1] / "docs" / "answers.md"
SECTION = re.compile(
    r"^## (?P<title>.*)\n(?:(?!```).*\n)*"
    r"```sh\nsekoia-export (?P<command>(?:.*\n)*?)```\n\n```json\n(?P<node>(?:.*\n)*?)```\n\n"
    r"```text\n(?P<answer>(?:(?!```).*\n)*)```\n",
    re.MULTILINE,
)


class Written:
    """Stands for a terminal of which only the data is kept."""

    def __init__(self) -> None:
        self.text = ""

    def data(self, text: str, *, style: str | None = None) -> None:
        self.text += f"{text}\n"


def make(folder: Path, page: str) -> None:
    """Write the page's export and rules into a folder."""
    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))
    events = Events(seed=7, total=3_000, period=period)
    (folder / "export.jsonl.gz").write_bytes(b"".join(members(events, field_names(), per_member=10_000)))
    (folder / "rules.yml").write_text(page.split("```yaml\n")[1].split("```", maxsplit=1)[0])


def answer_of_command(folder: Path, command: str) -> str:
    """Return what a command of the page writes to stdout."""
    done = CommandLine(folder).run(*shlex.split(command))
    assert done.status == 0, done.stderr
    return done.stdout


def answer_of_node(folder: Path, node: dict[str, Any]) -> str:
    """Return the results of a node of the page, as the command line shows such results."""
    storage, clock = LocalDataStorage(folder), SystemClock()
    columns: Sequence[str]
    match node["action"]:
        case "query_export":
            asked = read_arguments(QueryArguments, node["arguments"])
            answered = query_export(storage, clock, asked, run=in_this_process).results
            columns, rows = answered.columns, answered.rows
        case "hunt_export":
            hunt = read_arguments(HuntArguments, node["arguments"])
            columns, rows = RULE_COLUMNS, rule_rows(hunt_export(storage, clock, hunt, run=in_this_process).results)
        case _:
            wanted = read_arguments(ObservablesArguments, node["arguments"])
            found = extract_observables(storage, clock, wanted, run=in_this_process).results
            columns, rows = OBSERVABLE_COLUMNS, observable_rows(found)
    written: Any = Written()
    print_table(written, columns, rows)
    return str(written.text)


def main() -> None:
    page = PAGE.read_text()
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), page)
        for found in reversed(list(SECTION.finditer(page))):
            answer = answer_of_node(Path(name), json.loads(found["node"]))
            page = page[: found.start("answer")] + answer + page[found.end("answer") :]
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
