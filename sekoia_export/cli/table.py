"""The commands, each with its line of help and where it is implemented; nothing is imported to list them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A command, or a group of commands.

    Attributes:
        name: as it is typed.
        help: one line, of 60 characters at most, without a full stop at the end.
        connects: whether it talks to the platform, and so takes `--profile`, `--region` and the like.
        commands: those of a group; empty for a command.
        apart: the module that does its work in a process of its own, which begins while this one imports the rest.
    """

    name: str
    help: str
    connects: bool = True
    commands: tuple[Entry, ...] = ()
    apart: str | None = None


COMMANDS: tuple[Entry, ...] = (
    Entry("run", "Search, export, wait and fetch in one go"),
    Entry("resume", "Go on with a run that was interrupted or failed"),
    Entry("runs", "List the runs of this user", connects=False),
    Entry("search", "Create a search job and wait until it is done"),
    Entry("trigger", "Start the export of a search job, once"),
    Entry("wait", "Wait until an export has ended"),
    Entry("fetch", "Bring the file of a finished export home"),
    Entry("status", "Look once at an export"),
    Entry("list", "List exports with their status"),
    Entry("link", "Give the download link of an export"),
    Entry("cancel", "Stop a search"),
    Entry(
        "query",
        "Ask exported files: in SQL, or without",
        connects=False,
        apart="sekoia_export.analysis.answering",
    ),
    Entry(
        "hunt",
        "Find what Sigma rules find in exported files",
        connects=False,
        apart="sekoia_export.analysis.sigma.hunting",
    ),
    Entry(
        "observables",
        "List addresses, names, URLs and hashes in exported files",
        connects=False,
        apart="sekoia_export.analysis.observables",
    ),
    Entry(
        "convert",
        "Write exported files as Parquet, CSV or JSON",
        connects=False,
        apart="sekoia_export.analysis.converting",
    ),
    Entry("report", "Write exported files as one page to attach or mail", connects=False),
    Entry("doctor", "Look at everything that an export needs"),
    Entry("config", "Show the configuration, and where each value comes from"),
    Entry("simulate", "Serve a simulated platform for other tools to test against", connects=False),
    Entry(
        "playbook",
        "For authors of playbooks: check files, and run them",
        connects=False,
        commands=(
            Entry("check", "Find what is wrong with playbook files without running them", connects=False),
            Entry("run", "Run a playbook on this machine as the engine does"),
        ),
    ),
    Entry("completion", "Write the completion for bash, zsh or fish", connects=False),
    Entry("demo", "Run the chain of actions against a simulated platform", connects=False),
)


def apart_of(command: str) -> str | None:
    """Return the module that does a command's work in a process of its own, None where there is none."""
    return next((entry.apart for entry in COMMANDS if entry.name == command), None)
