"""The group of commands: lists and completes them from the table, and imports a command when it is typed."""

from __future__ import annotations

import difflib
import importlib
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from sekoia_export.cli.options import shared_parameters
from sekoia_export.cli.wording import CommandLineError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from sekoia_export.cli.table import Entry

COMMANDS_PACKAGE = "sekoia_export.cli.commands"
EXPLAINS = "config"
"""The command whose help explains the options that all share."""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(frozen=True, slots=True)
class Completion:
    """What a shell may complete, as Typer's completion reads it."""

    value: str
    help: str
    type: str = "plain"


class HelpWanted(typer.TyperException):
    """A group was named without a command: its text is the group's help."""


class Leaf(TyperCommand):
    """A command whose help has examples, and names the shared options without explaining them each time."""

    def __init__(self, name: str | None, **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.shared: list[Any] = []
        self._shared_names = ""
        self.examples: tuple[str, ...] = ()

    def add_shared(self, *, connects: bool) -> None:
        """Add the options that commands share."""
        self.shared = shared_parameters(connects=connects)
        self._shared_names = ", ".join(parameter.opts[0] for parameter in self.shared if not parameter.hidden)
        self.params.extend(self.shared)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        rows: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            record = None if parameter in self.shared and self.name != EXPLAINS else help_record(parameter, ctx)
            if record is not None:
                rows[parameter.param_type_name].append(record)
        for kind, found in rows.items():
            if found:
                with formatter.section(f"{kind.capitalize()}s"):
                    formatter.write_dl(found)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for example in self.examples:
                formatter.write(f"  {example}\n")
        if self.name == EXPLAINS:
            return
        formatter.write_paragraph()
        _write_wrapped(formatter, f"Also {self._shared_names}: see {ctx.find_root().info_name} {EXPLAINS} --help")


def _write_wrapped(formatter: Any, text: str) -> None:
    # Typer's own wrapping breaks options at their hyphens.
    formatter.write(textwrap.fill(text, formatter.width, break_on_hyphens=False) + "\n")


def help_record(parameter: Any, ctx: Any) -> tuple[str, str] | None:
    """Return how a parameter is written and what it means; None for a hidden one.

    Typer shows a type where the parameter says better what to write there.
    """
    record: tuple[str, str] | None = parameter.get_help_record(ctx)
    if record is None or parameter.metavar is None:
        return record
    name, separator, _ = record[0].partition(" <")
    if parameter.param_type_name == "argument" or not separator:
        return name, record[1]
    return f"{name} {parameter.metavar}", record[1]


class LazyGroup(TyperGroup):
    """A group that knows its commands from the table alone.

    Args:
        entries: the table.
        package: where their modules are.
        attributes: Typer's.
    """

    def __init__(self, *, entries: Sequence[Entry], package: str = COMMANDS_PACKAGE, **attributes: Any) -> None:
        super().__init__(**attributes, context_settings=CONTEXT, rich_markup_mode=None)
        self._entries = {entry.name: entry for entry in entries}
        self._package = package

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's form
        return list(self._entries)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - Typer's form
        """Return the command, imported now; None when there is none of this name."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        module = f"{self._package}.{cmd_name.replace('-', '_')}"
        if entry.commands:
            return LazyGroup(name=entry.name, help=f"{entry.help}.", entries=entry.commands, package=module)
        return _command(importlib.import_module(module), entry)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            raise HelpWanted(ctx.get_help())
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, one a line, then the options' names: all of it has to fit a screen."""
        self.format_commands(ctx, formatter)
        names = [", ".join(one.opts) for one in self.get_params(ctx) if help_record(one, ctx) is not None]
        formatter.write_paragraph()
        _write_wrapped(formatter, f"Options: {', '.join(names)}")

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's form
        if self.epilog:
            _write_wrapped(formatter, self.epilog)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's form
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in self._entries.values()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name not in self._entries and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self._entries, n=1)
            raise CommandLineError(
                f"There is no command {name[:40]!r}.",
                f"Did you mean {ctx.command_path} {near[0]}?" if near else f"See {ctx.command_path} --help.",
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        commands = [
            Completion(entry.name, entry.help) for entry in self._entries.values() if entry.name.startswith(incomplete)
        ]
        # Not TyperGroup's own, which imports every command for its help.
        return [*commands, *super(TyperGroup, self).shell_complete(ctx, incomplete)]


def _command(module: ModuleType, entry: Entry) -> Leaf:
    app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT)
    app.command(entry.name, cls=Leaf)(module.command)
    leaf: Leaf = get_command(app)  # type: ignore[assignment]  # the class is the one given above
    leaf.examples = module.EXAMPLES
    leaf.add_shared(connects=entry.connects)
    return leaf
