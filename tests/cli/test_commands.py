"""The table of commands: what is listed, how it is found, what its help is like."""

from __future__ import annotations

import itertools
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sekoia_export.cli.invocation import root
from sekoia_export.cli.table import COMMANDS, Entry
from sekoia_export.operations.outcome import Branch
from tests.cli.bench import CommandLine

SCREEN_LINES, SCREEN_COLUMNS = 32, 100


def paths(entries: tuple[Entry, ...] = COMMANDS, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for entry in entries:
        yield (*before, entry.name)
        yield from paths(entry.commands, (*before, entry.name))


def command_of(path: tuple[str, ...]) -> Any:
    command: Any = root()
    for name in path:
        command = command.get_command(None, name)
    return command


def until_the_shells(line: str) -> list[str]:
    """Return the words of a command line, up to what is the shell's: a pipe, a redirection, the end of a `$(`."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&>)")
    words.whitespace_split = True
    return list(itertools.takewhile(lambda word: word[0] not in "|&>)", words))


LEAVES = [path for path in paths() if hasattr(command_of(path), "examples")]


@pytest.mark.parametrize("path", [(), *paths()], ids=" ".join)
def test_help_fits_a_screen(path: tuple[str, ...], command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(SCREEN_COLUMNS))
    done = command_line.run(*path, "--help")
    lines = done.stdout.splitlines()
    assert (done.status, done.stderr) == (0, "")
    assert len(lines) <= SCREEN_LINES, done.stdout
    assert max(map(len, lines)) <= SCREEN_COLUMNS, done.stdout


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_examples_that_it_takes(path: tuple[str, ...]) -> None:
    command = command_of(path)
    assert command.examples
    for example in command.examples:
        _, call, rest = example.partition(" ".join(("sekoia-export", *path)))
        assert call, example
        command.make_context("example", until_the_shells(rest)).close()


@pytest.mark.parametrize("path", [(), *paths()], ids=" ".join)
def test_the_line_of_help_is_short(path: tuple[str, ...]) -> None:
    entries: tuple[Entry, ...] = COMMANDS
    for name in path:
        entry = next(entry for entry in entries if entry.name == name)
        entries = entry.commands
        assert len(entry.help) <= 60
        assert not entry.help.endswith(".")


def test_a_typo_suggests_the_near_command(command_line: CommandLine) -> None:
    done = command_line.run("dmeo")
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == "sekoia-export: There is no command 'dmeo'. Did you mean sekoia-export demo?\n"


def test_a_word_like_no_command_points_to_the_help(command_line: CommandLine) -> None:
    assert "See sekoia-export --help." in command_line.run("xylophone").stderr


def test_no_command_shows_the_help_and_is_no_success(command_line: CommandLine) -> None:
    done = command_line.run()
    assert (done.status, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


def test_an_unknown_option_is_named_with_the_command(command_line: CommandLine) -> None:
    done = command_line.run("demo", "--event", "5")
    assert done.status == 2
    assert "--event" in done.stderr
    assert "See sekoia-export demo --help." in done.stderr


def test_an_argument_too_many_is_refused_without_repeating_it(command_line: CommandLine) -> None:
    done = command_line.run("doctor", "--quiet", "canary-pasted-by-mistake")
    assert done.status == 2
    assert done.stderr == "sekoia-export: Got unexpected extra argument. See sekoia-export doctor --help.\n"


@pytest.mark.parametrize(
    ("option", "known"),
    [
        ("--field-set", "'foo' is not one of 'network', 'identity', 'endpoint'"),
        ("--format", "'jsonl.gz', 'jsonl', 'json'"),
    ],
)
def test_an_unknown_choice_lists_the_known_ones(command_line: CommandLine, option: str, known: str) -> None:
    done = command_line.run("run", "--query", "*", "--since", "-1h", option, "foo")
    assert (done.status, done.stdout) == (2, "")
    assert known in done.stderr
    assert "Value error" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["dmeo"]])
def test_what_needs_no_command_imports_none(arguments: list[str]) -> None:
    code = (
        "import sys; from sekoia_export.cli import run; run(sys.argv[1:])\n"
        "heavy = {'rich', 'requests', 'boto3', 'flask', 'duckdb', 'orjson', 'cryptography', 'platformdirs'}\n"
        "print([name for name in sys.modules if name in heavy or name.startswith('sekoia_export.cli.commands.')])"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_query_imports_nothing_that_others_need() -> None:
    """An answer from Parquet takes less time than its command's start."""
    analysis = [f"sekoia_export.analysis.{name}" for name in ("converting", "sigma", "spark.asking")]
    others = ("duckdb", "requests", "rich.console", "sekoia_export.api", "sekoia_export.waiting", *analysis)
    code = (
        "import sys; from sekoia_export.cli import run; run(['query', 'no-such-file.parquet', '--top', 'a'])\n"
        f"print([name for name in sys.modules if name.startswith({others})])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "There is no file" in done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_branch_and_error_has_a_status() -> None:
    from sekoia_export import errors
    from sekoia_export.cli.exit_status import ExitStatus, status_of_branch, status_of_error

    of_branches = {branch: status_of_branch(branch) for branch in Branch}
    assert of_branches[Branch.BUSY] is ExitStatus.BUSY
    good = {Branch.DONE, Branch.EMPTY, Branch.TRIGGERED, Branch.FINISHED, Branch.FETCHED}
    assert {branch for branch, status in of_branches.items() if status is ExitStatus.DONE} >= good
    assert of_branches[Branch.EXPIRED] is of_branches[Branch.FAILED] is ExitStatus.FAILED
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ExportError)]
    statuses = {kind.__name__: status_of_error(kind("It happened.")) for kind in kinds}
    assert ExitStatus.DONE not in statuses.values()
    assert (
        statuses["ConfigurationError"] is statuses["KeyRejected"] is statuses["PermissionMissing"] is ExitStatus.USAGE
    )
    assert statuses["DeadlineExceeded"] is ExitStatus.TIMED_OUT
    assert statuses["InflatesTooFar"] is ExitStatus.INCOMPLETE
    assert statuses["QuotaExceeded"] is statuses["ExportBusy"] is ExitStatus.BUSY
    assert statuses["Interrupted"] is ExitStatus.INTERRUPTED
    assert statuses["NetworkError"] is statuses["LinkExpired"] is statuses["DiskFull"] is ExitStatus.FAILED
