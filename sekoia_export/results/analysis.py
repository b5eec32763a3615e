"""The results of what answers from exported files: query, convert."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sekoia_export.results.base import Results

_FILE = "Path of the file that was written, relative to the data storage"


class QueryResults(Results):
    """The answer to a query."""

    rows: list[dict[str, Any]] = Field(description="Rows, as objects with the columns' names; empty with to_file")
    columns: list[str] = Field(description="Names of the columns, in order")
    row_count: int = Field(description="Number of rows that are given, in rows or in the file")
    truncated: bool = Field(description="Whether there are more rows than are given")
    file_path: str | None = Field(description=f"{_FILE}; null without to_file")
    bad_lines: int = Field(description="Number of lines that are no JSON object and were left out")
    duration_seconds: float = Field(description="Seconds that the step took")


class ConvertResults(Results):
    """The converted file."""

    file_path: str = Field(description=f"{_FILE}; with by_day of the folder")
    file_size: int = Field(description="Size in bytes, of all files of a folder together")
    files_count: int = Field(description="Number of files that were written")
    events_count: int = Field(description="Number of events in them")
    bad_lines: int = Field(description="Number of lines that are no JSON object and were left out")
    duration_seconds: float = Field(description="Seconds that the step took")
