"""The library's errors in the words of the command line.

The library speaks to authors of playbooks: of arguments, and of the module's configuration. On a terminal the same
things are options, environment variables and a configuration file.
"""

from __future__ import annotations

import os
import re

from sekoia_export.errors import ExportError, UsageError


class CommandLineError(UsageError):
    """An option, a file or a variable that cannot be used; its text is in the words of the command line."""

    remedy = "Correct it and run the command again."


def unreadable(failure: OSError | ValueError) -> str:
    """Return why a file cannot be read as text, without its name: that may be a secret, given in the wrong place."""
    if isinstance(failure, OSError):
        return os.strerror(failure.errno) if failure.errno else type(failure).__name__
    return "it is not UTF-8" if isinstance(failure, UnicodeDecodeError) else "this is no file's name"


_OPTIONS = {
    "query": "--query",
    "earliest_time": "--since",
    "latest_time": "--until",
    "max_events": "--max-events",
    "community_uuids": "--community",
    "timeout": "--timeout",
    "fields": "--fields",
    "field_set": "--field-set",
    "encryption": "--encryption",
    "encryption_key": "--sse-c-key-file",
    "s3_bucket": "--s3-bucket",
    "s3_prefix": "--s3-prefix",
    "wait_for_slot": "--wait-for-slot",
    "format": "--format",
    "file_name": "--output",
    "to_file": "--output",
    "file_path": "FILE",
    "hunt_results": "--rules",
    "rules_path": "--rules",
    "lists_folder": "--lists",
    "count_by": "--count-by",
    "over_time": "--over-time",
    "on_bad_line": "--on-bad-line",
    "by_day": "--by-day",
    "limit": "--limit",
    "where": "--where",
    "sql": "--sql",
    "base_url": "--region or --base-url",
    "api_key": "SEKOIA_API_KEY",
    "encryption_secret": "SEKOIA_ENCRYPTION_SECRET",
    "encryption_secret_previous": "SEKOIA_ENCRYPTION_SECRET_PREVIOUS",
    "s3_region": "SEKOIA_S3_REGION",
    "s3_endpoint_url": "SEKOIA_S3_ENDPOINT_URL",
    "s3_access_key_id": "SEKOIA_S3_ACCESS_KEY_ID",
    "s3_secret_access_key": "SEKOIA_S3_SECRET_ACCESS_KEY",
    "reveal_key": "--reveal-key",
    "job_uuid": "JOB_UUID",
    "task_uuid": "TASK_UUID",
    "search_events": "sekoia-export search",
    "wait_until_finished": "sekoia-export wait",
    "fetch_and_decrypt": "sekoia-export fetch",
    "convert_export": "sekoia-export convert",
}
# Words that are also English stand for an argument only where the text says so.
_ENGLISH = {"query", "timeout", "fields", "encryption", "format", "limit", "where", "sql"}
_ARGUMENT = re.compile(rf"\b[Tt]he argument ({'|'.join(_OPTIONS)})\b")
_NAME = re.compile(rf"(?<![\w.-])({'|'.join(name for name in _OPTIONS if name not in _ENGLISH)})(?![\w-])")
_PHRASES = {
    "from the module's configuration": "from the configuration",
    "Put a valid API key of this region into the module's configuration.": (
        "Give a valid API key of this region, in SEKOIA_API_KEY or with --api-key-file."
    ),
    "in the module's configuration": "in the configuration",
    "the module's configuration": "the configuration",
    "in the module": "in the configuration",
    "query and earliest_time": "--query and --since",
    "as the earlier step's results have it": "as an earlier command wrote it",
    "Run the step again": "Run it again",
    "run the step again": "run it again",
    "Give another name, or allow it to be replaced.": "Give another name with --output, or replace it with --force.",
    "the data storage": "the folder",
    "The data storage became full": "The disk of the folder became full",
}


def told(error: ExportError) -> str:
    """Return an error's text in the words of the command line."""
    return str(error) if isinstance(error, CommandLineError) else for_terminal(str(error))


def for_terminal(text: str) -> str:
    """Return a text of the library with options instead of arguments."""
    for phrase, instead in _PHRASES.items():
        text = text.replace(phrase, instead)
    text = _ARGUMENT.sub(lambda found: _OPTIONS[found[1]], text)
    return _NAME.sub(lambda found: _OPTIONS[found[1]], text)
