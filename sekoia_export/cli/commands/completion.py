"""`sekoia-export completion`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sekoia_export.cli import COMPLETION_VARIABLE, PROGRAM
from sekoia_export.cli.session import Session

EXAMPLES = (
    'eval "$(sekoia-export completion bash)"',
    "sekoia-export completion zsh > ~/.zfunc/_sekoia-export",
    "sekoia-export completion fish > ~/.config/fish/completions/sekoia-export.fish",
)


class Shell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def command(ctx: typer.Context, shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Write the shell's completion to stdout: of commands, options, choices and the uuids of recent runs.

    For good: put the first example's line into ~/.bashrc, or write the file once.
    """
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, shell=shell.value)
    Session.of(ctx).terminal.data(script)
