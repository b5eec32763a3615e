"""The results of what answers from exported files: query, convert, hunt, observables."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sekoia_export.results.base import BadLines, Results, StepDuration

_FILE = "Path of the file that was written, relative to the data storage"


class QueryResults(Results):
    """The answer to a query."""

    rows: list[dict[str, Any]] = Field(description="Rows, as objects with the columns' names; empty with to_file")
    columns: list[str] = Field(description="Names of the columns, in order")
    row_count: int = Field(description="Number of rows that are given, in rows or in the file")
    truncated: bool = Field(description="Whether there are more rows than are given")
    file_path: str | None = Field(description=f"{_FILE}; null without to_file")
    bad_lines: BadLines
    duration_seconds: StepDuration


class ConvertResults(Results):
    """The converted file."""

    file_path: str = Field(description=f"{_FILE}; with by_day of the folder")
    file_size: int = Field(description="Size in bytes, of all files of a folder together")
    files_count: int = Field(description="Number of files that were written")
    events_count: int = Field(description="Number of events in them")
    bad_lines: BadLines
    duration_seconds: StepDuration


class HuntedRule(Results):
    """What a rule found."""

    title: str = Field(description="Title of the rule")
    id: str | None = Field(description="Id of the rule")
    level: str | None = Field(description="Level of the rule: informational, low, medium, high or critical")
    tags: list[str] = Field(description="Tags of the rule, such as attack.t1059.001")
    matches: int = Field(description="Number of events that it finds")
    first: str | None = Field(description="Time of the first of them")
    last: str | None = Field(description="Time of the last of them")
    examples: list[dict[str, Any]] = Field(description="Some of them")
    missing_fields: list[str] = Field(
        description="Fields that the rule names and no exported event has: export them too, or the rule may miss events"
    )


class UnusableRule(Results):
    """A rule that was left out."""

    title: str = Field(description="Title of the rule, or where it stands")
    reason: str = Field(description="Why it was left out")


class HuntResults(Results):
    """What Sigma rules found."""

    rules: list[HuntedRule] = Field(description="The rules that ran, those that find most first")
    unusable_rules: list[UnusableRule] = Field(description="The rules that were left out, each with the reason")
    rules_count: int = Field(description="Number of rules that ran")
    matched_rules: int = Field(description="Number of rules that find an event")
    matches: int = Field(description="Number of events that rules find, an event for each rule that finds it")
    events_count: int = Field(description="Number of events that were looked at")
    bad_lines: BadLines
    duration_seconds: StepDuration


class FoundObservable(Results):
    """An observable."""

    type: str = Field(description="ip, domain, url, email, md5, sha1, sha256 or file_name")
    value: str = Field(description="The observable")
    count: int = Field(description="Number of events that have it")
    first_seen: str | None = Field(description="Time of the first of them")
    last_seen: str | None = Field(description="Time of the last of them")
    private: bool = Field(description="Whether it is of a local network, or reserved")


class ObservablesResults(Results):
    """The observables of exported files."""

    observables: list[FoundObservable] = Field(
        description="Observables, by type, the public ones before the private ones, the most frequent ones first"
    )
    counts: dict[str, int] = Field(description="Number of different observables of each type")
    malformed: int = Field(description="Number of different values of the same fields that are none, such as -")
    truncated: bool = Field(description="Whether there are more than are given in observables")
    ip_addresses: list[str] = Field(description="Public IP addresses of these, as indicators of an IOC collection")
    domains: list[str] = Field(description="Public domain names, likewise")
    urls: list[str] = Field(description="Public URLs, likewise")
    emails: list[str] = Field(description="Public e-mail addresses, likewise")
    hashes: list[str] = Field(description="Hashes, likewise")
    file_path: str | None = Field(description=f"{_FILE}; null without to_file")
    ip_addresses_path: str | None = Field(description="Path of the list of all public IP addresses; null for none")
    domains_path: str | None = Field(description="Path of the list of all public domain names; null for none")
    urls_path: str | None = Field(description="Path of the list of all public URLs; null for none")
    emails_path: str | None = Field(description="Path of the list of all public e-mail addresses; null for none")
    hashes_path: str | None = Field(description="Path of the list of all hashes; null for none")
    bad_lines: BadLines
    duration_seconds: StepDuration
