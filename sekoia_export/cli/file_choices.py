"""Options of the commands that read exported files: `query`, `hunt`, `observables`, `convert` and `report`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.analysis.events import OnBadLine

Files = Annotated[list[str], typer.Argument(help="Exported files, or folders with Parquet files.", metavar="FILE...")]
BadLine = Annotated[OnBadLine, typer.Option("--on-bad-line", metavar="HOW", help="skip or error.")]
EngineOption = Annotated[str, typer.Option("--engine", metavar="ENGINE", help="duckdb (default) or spark.")]
Master = Annotated[str | None, typer.Option("--master", metavar="MASTER", help="Of Spark: spark://..., sc://...")]


def output(help: str) -> typer.models.OptionInfo:  # noqa: A002 - Typer's name
    """Return the option for the file that a command writes, which its help describes."""
    option: typer.models.OptionInfo = typer.Option("-o", "--output", metavar="FILE", help=help)
    return option
