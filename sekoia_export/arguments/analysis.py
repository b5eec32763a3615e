"""The arguments of what answers from exported files: query, convert, hunt, observables."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field

from sekoia_export.analysis.events import OnBadLine
from sekoia_export.analysis.questions import Question
from sekoia_export.analysis.spark.opening import DEFAULT_MASTER
from sekoia_export.analysis.writing import ConvertFormat
from sekoia_export.arguments.base import LONGEST_TIMEOUT_S, Arguments, ListOfText
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ROWS = 10_000


class FilesArguments(Arguments):
    """Which files; what the steps that answer from files share."""

    file_path: str | None = Field(
        default=None,
        description="Exported file in the data storage, as an earlier step's results have it: JSON Lines (also gzip), "
        "a JSON array, Parquet, or a folder with Parquet files",
    )
    file_paths: ListOfText | None = Field(default=None, description="Several such files, read as one table")
    on_bad_line: OnBadLine = Field(
        default=OnBadLine.SKIP,
        description="What is done about a line that is no JSON object: skip (and count it), or error",
    )

    @property
    def names(self) -> Sequence[str]:
        """Return the names of the files. Raises UsageError when there is none."""
        names = [*([self.file_path] if self.file_path is not None else []), *(self.file_paths or [])]
        if not names:
            raise UsageError(
                "The argument file_path is missing.",
                "Give file_path or file_paths as the earlier step's results have it.",
            )
        return list(dict.fromkeys(names))


class Engine(StrEnum):
    """What answers."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class EngineArguments(FilesArguments):
    """Which files, and what answers from them."""

    engine: Engine = Field(
        default=Engine.DUCKDB,
        description="What answers: duckdb on this machine, or spark, of Parquet files in a folder that all of its "
        "workers see",
    )
    master: str = Field(
        default=DEFAULT_MASTER,
        description="With the engine spark: its master, such as spark://host:7077, or sc://host:15002 for Spark "
        "Connect, whose token is best in the environment variable SPARK_CONNECT_AUTHENTICATE_TOKEN; by default a Spark "
        "of this machine's own",
        min_length=1,
    )


class QueryArguments(EngineArguments):
    """What to ask of which files."""

    sql: str | None = Field(
        default=None,
        description='One SELECT in SQL (DuckDB) of the table events; its columns are the fields, such as "source.ip"',
    )
    top: str | None = Field(default=None, description="Instead of sql: field whose most frequent values are wanted")
    distinct: str | None = Field(default=None, description="Instead of sql: field whose different values are wanted")
    count_by: ListOfText | None = Field(default=None, description="Instead of sql: fields whose values are counted")
    over_time: str | None = Field(
        default=None,
        description="Instead of sql: interval by which events are counted, such as 5m, 1h or 1d; also with count_by",
    )
    where: str | None = Field(
        default=None,
        description="Condition in SQL on the events that count, such as \"user.name\" = 'j.doe'; alone: those events",
    )
    limit: int = Field(default=100, ge=1, le=MOST_ROWS, description="Rows in the results at most")
    to_file: str | None = Field(
        default=None,
        description="Name of a file in the data storage that all rows are written to instead, ending in .csv, .json, "
        ".jsonl or .parquet",
    )
    timeout: int = Field(default=1800, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for the whole step")

    @property
    def question(self) -> Question:
        """Return what is asked. Raises UsageError when it is nothing, or several things."""
        question = Question(
            sql=self.sql,
            top=self.top,
            distinct=self.distinct,
            count_by=tuple(self.count_by or ()),
            over_time=self.over_time,
            where=self.where,
        )
        question.check()
        return question


class ConvertArguments(FilesArguments):
    """What to convert to what."""

    format: ConvertFormat = Field(
        default=ConvertFormat.PARQUET,
        description="parquet (zstd), csv (for spreadsheets, without formulas), json (an array) or jsonl (a line each)",
    )
    file_name: str | None = Field(
        default=None,
        description="Name of the file, or of the folder with by_day, in the data storage; by default the first file's "
        "with the format's suffix",
    )
    by_day: bool = Field(
        default=False,
        description="With parquet: a folder with files for each day (day=2026-01-31/), as query engines take it",
    )
    timeout: int = Field(default=14400, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for the whole step")

    def check(self) -> None:
        """Raise UsageError when the choices do not go together."""
        if self.by_day and self.format is not ConvertFormat.PARQUET:
            raise UsageError("The argument by_day is for parquet only.", "Set format to parquet, or leave out by_day.")


class HuntArguments(EngineArguments):
    """What to hunt for in which files."""

    rules: str | None = Field(default=None, description="Sigma rules: YAML of one or several documents")
    rules_path: str | None = Field(
        default=None, description="File with Sigma rules in the data storage, or a folder with .yml or .yaml files"
    )
    examples: int = Field(default=3, ge=0, le=100, description="First events of each rule in the results at most")
    timeout: int = Field(default=1800, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for the whole step")


class ObservablesArguments(FilesArguments):
    """Which observables to give of which files."""

    limit: int = Field(
        default=100,
        ge=1,
        le=MOST_ROWS,
        description="Observables of each type in the results at most, the most frequent ones; as many private ones "
        "beside the public ones",
    )
    to_file: str | None = Field(
        default=None,
        description="Name of a file in the data storage that all of them are written to, ending in .csv, .json, .jsonl "
        "or .parquet",
    )
    lists_folder: str | None = Field(
        default=None,
        description="Name of a folder in the data storage for all public ones as lists, a JSON file each as "
        "indicators_path of Add IOC to IOC Collection takes it",
    )
    timeout: int = Field(default=1800, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for the whole step")
