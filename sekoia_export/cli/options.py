"""Options that commands share, declared once and added to each; and options that are refused because argv is public.

`ps`, shell histories and audit logs show every argument of a process. So a secret given as an option's value is refused
with the way to give it, and not repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_command

from sekoia_export.cli.recent import complete_profile, complete_region
from sekoia_export.cli.wording import CommandLineError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Options:
    """What was given of the shared options; None where it was not."""

    base_url: str | None = None
    region: str | None = None
    profile: str | None = None
    api_key_file: str | None = None
    sse_c_key_file: str | None = None
    quiet: bool | None = None
    verbose: bool | None = None


_META = "sekoia_export.options"
_API_KEY = "Set SEKOIA_API_KEY, name a file with --api-key-file, or pipe it in with --api-key-file -."
_SSE_C_KEY = "Name a file with --sse-c-key-file, pipe it in with --sse-c-key-file -, or set SEKOIA_SSE_C_KEY."
_DERIVING = "Set SEKOIA_ENCRYPTION_SECRET, or SEKOIA_ENCRYPTION_SECRET_FILE to a file that holds it."
_BUCKET = "Set SEKOIA_S3_SECRET_ACCESS_KEY, or SEKOIA_S3_SECRET_ACCESS_KEY_FILE to a file that holds it."


def given(ctx: typer.Context) -> Options:
    """Return the shared options that were given, before the command's name or after it; the later wins."""
    return Options(**ctx.meta.get(_META, {}))


def shared_parameters(*, connects: bool) -> list[Any]:
    """Return new parameters for a command; their values reach `given`, not the command's function.

    Args:
        connects: whether the command talks to the platform.
    """
    return [
        *(parameters_of(_connection) if connects else ()),
        *parameters_of(_output),
        *parameters_of(_refused),
    ]


def parameters_of(declaration: Callable[..., None]) -> list[Any]:
    """Return the parameters that Typer makes of a function's signature."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(declaration)
    parameters: list[Any] = get_command(app).params
    return parameters


def _note(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> None:
    if value is not None:
        ctx.meta.setdefault(_META, {})[param.name] = value


def _refuse(remedy: str) -> Callable[[typer.Context, typer.CallbackParam, Any], None]:
    def refuse(ctx: typer.Context, param: typer.CallbackParam, value: Any) -> None:
        if value is not None and not ctx.resilient_parsing:
            raise CommandLineError(
                f"A secret was given with {param.opts[0]}: everyone on this machine can read a command's options.",
                f"{remedy} Replace the secret where others may have seen it.",
            )

    return refuse


def _shared(
    *names: str,
    help: str,  # noqa: A002 - Typer's name
    metavar: str | None = None,
    complete: Callable[[str], list[str]] | None = None,
) -> Any:
    return typer.Option(*names, help=help, metavar=metavar, callback=_note, expose_value=False, autocompletion=complete)


def _refusal(*names: str, remedy: str) -> Any:
    return typer.Option(*names, callback=_refuse(remedy), expose_value=False, hidden=True)


def _connection(
    *,
    profile: Annotated[
        str | None,
        _shared("--profile", metavar="NAME", help="Profile of the configuration file.", complete=complete_profile),
    ] = None,
    region: Annotated[
        str | None,
        _shared(
            "--region", metavar="NAME", help="FRA1 (default), FRA2, MCO1, UAE1, USA1, SGP1.", complete=complete_region
        ),
    ] = None,
    base_url: Annotated[
        str | None, _shared("--base-url", metavar="URL", help="The API's address, instead of a region.")
    ] = None,
    api_key_file: Annotated[
        str | None, _shared("--api-key-file", metavar="FILE", help="File with the API key; - for stdin.")
    ] = None,
    sse_c_key_file: Annotated[
        str | None,
        _shared("--sse-c-key-file", metavar="FILE", help="File with the export's own key, base64; - for stdin."),
    ] = None,
) -> None:
    """Where the platform is, and which keys are used."""


def _output(
    *,
    quiet: Annotated[bool | None, _shared("--quiet", "-q", help="Say nothing but errors.")] = None,
    verbose: Annotated[bool | None, _shared("--verbose", "-v", help="Say all that is logged, redacted.")] = None,
) -> None:
    """How much is said."""


def _refused(
    *,
    api_key: Annotated[str | None, _refusal("--api-key", "--token", remedy=_API_KEY)] = None,
    sse_c_key: Annotated[
        str | None, _refusal("--sse-c-key", "--s3-sse-c-key", "--encryption-key", remedy=_SSE_C_KEY)
    ] = None,
    encryption_secret: Annotated[str | None, _refusal("--encryption-secret", remedy=_DERIVING)] = None,
    bucket: Annotated[str | None, _refusal("--s3-secret-access-key", "--s3-secret-key", remedy=_BUCKET)] = None,
) -> None:
    """Secrets in argv, and how to give them instead."""
