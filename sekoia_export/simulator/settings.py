"""How the simulated platform and storage behave: every reading of the documents, and every bad day, is a setting."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path


class Progress(StrEnum):
    """How a task's `progress` moves from 0 to its end."""

    STEADY = "steady"
    BURSTY = "bursty"
    """Five bursts, each after a standstill of four times its length."""
    STALLING = "stalling"
    """Fast to 60 % in a third of the time, nothing until 80 % of the time, then the rest."""
    UNKNOWN = "unknown"
    """No `progress` and no `total` until the task has ended."""


class Damage(StrEnum):
    """What is wrong, at rest, with the export's bytes."""

    FLIPPED = "flipped"
    TRUNCATED = "truncated"
    TRAILING = "trailing"
    """Garbage after the last gzip member."""
    NOT_GZIP = "not_gzip"
    """Plain JSON Lines where gzip was promised."""


class HistogramShape(StrEnum):
    """What `GET .../histograms` answers: no document tells."""

    ITEMS = "items"
    """`{"items": [{"date": ..., "count": ...}], "total": ...}`"""
    LIST = "list"
    """`[{"timestamp": <milliseconds>, "count": "..."}]`"""
    BUCKETS = "buckets"
    """As search engines answer: `{"aggregations": {"by_time": {"buckets": [{"key": ..., "doc_count": ...}]}}}`"""
    MAPPING = "mapping"
    """`{"histogram": {<time>: <count>}}`"""
    COLUMNS = "columns"
    """`{"dates": [...], "counts": [...]}`"""
    PAIRS = "pairs"
    """`{"histograms": [[<seconds>, <count>]]}`"""
    SEVERAL = "several"
    """The histogram of one value before that of all events."""
    SPARSE = "sparse"
    """As `items`, without the empty buckets."""
    STRANGE = "strange"
    """Nothing that could be understood."""
    PARTIAL = "partial"
    """As `items`, of half of the events."""
    NONE = "none"
    """404."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a simulator does. All times are seconds of the simulator's clock.

    A running simulator takes another one at any time: `simulator.settings = replace(simulator.settings, ...)`.
    """

    # Events and search
    seed: int = 1
    total_events: int = 1_000
    """What a search finds, whatever its query."""
    events_between: Callable[[datetime, datetime], int] | None = None
    """How many events lie from a moment up to another: a search finds those of its period. Wins over `total_events`."""
    histogram_shape: HistogramShape = HistogramShape.ITEMS
    histogram_buckets: int = 24
    late_events: int = 0
    """Events that arrive between the search and the export, which reads them too (`exported` = total + late)."""
    search_pending_s: float = 0.0
    search_duration_s: float = 0.3
    search_outcome: Literal["done", "canceled", "failed"] = "done"
    results_ttl_s: int = 1_800
    results_ttl_counts_from: Literal["end", "now"] = "end"
    """Whether a PUT of `results_ttl` counts from the search's end or from the PUT (not documented)."""
    ended_at_early: bool = False
    """`ended_at` is set while the status is still 1, as was seen on the platform."""
    status_style: Literal["int", "str", "name"] = "int"
    """Job fields as integers, as strings (as the OpenAPI description has them), or the status by its name."""

    # Exports
    export_pending_s: float = 0.0
    export_events_per_second: float = 100_000.0
    export_duration_s: float | None = None
    """Wins over `export_events_per_second`."""
    progress: Progress = Progress.STEADY
    unknown_as: Literal["absent", "zero"] = "absent"
    task_outcome: Literal["finished", "failed", "canceled"] = "finished"
    task_message: str = ""
    """The task's `message`; a failed one has a default of its own."""
    task_statuses: tuple[str, str, str, str, str] = ("PENDING", "RUNNING", "FINISHED", "FAILED", "CANCELED")
    """How the five are spelled."""
    trigger_status: Literal[200, 201, 202] = 202
    sse_c_supported: bool = True
    """Whether the platform's own bucket takes a customer key; else ES110."""
    platform_key: Literal["sse_customer_key", "encryption_key", "sse_c_key"] | None = None
    """The field of export-jobs with the platform's own key, made when the customer sent none; None: not encrypted."""
    platform_key_in_s3: bool = False
    """The platform's key stands inside the entry's `s3` object."""
    max_events: int = 100_000_000
    max_exports_of_a_job: int = 10
    max_active_exports: int = 1
    monthly_quota_bytes: int = 10_000_000_000
    busy_style: Literal[409, 400, 429] = 409
    quota_status: Literal[400, 403, 429] = 400
    expired_job_export: Literal["refused", "task_failed"] = "refused"
    """An export of an expired job is refused with 410, or accepted and its task fails."""

    # The listing of exports, links, permissions
    permissions_shape: Literal["list", "items"] = "list"
    export_jobs_shape: Literal["list", "object", "items"] = "list"
    download_url_in: Literal["both", "task", "export_jobs"] = "both"
    entry_id: Literal["task_uuid", "uuid", "both"] | None = "task_uuid"
    """Which id an entry carries; with `both`, `uuid` is an id of its own that is not the task's."""
    entry_status: bool = True
    entry_fields: bool = True
    entry_created_at: bool = True
    running_listed: bool = True
    """A running export is in the listing, without download_url."""
    count_present: bool = True
    count_off_by: int = 0
    """`exported_events_count` is wrong by so much."""
    url_ttl_s: int = 3_600
    url_renewed: bool = True
    """Reading the task or the listing again gives a fresh URL; else always the first one."""
    download_window_s: int = 86_400
    own_bucket_url: bool = True
    """An export to an own bucket has a download_url too."""

    # The bytes
    events_per_member: int = 10_000
    one_gzip_member: bool = False
    damage: Damage | None = None
    pattern_from_events: int = 1_000_000
    """From here on an object is a repeated pattern of `pattern_members` gzip members, computed when it is read."""
    pattern_members: int = 24

    # The storage
    storage_style: Literal["aws", "ceph", "seaweedfs"] = "aws"
    """Whose answers the storage gives where the three differ (the measured table of the platform's description)."""
    url_signs_sse_c: bool = False
    """The presigned URL of an encrypted object signs the three SSE-C headers."""
    refuses_unsigned_sse_c: bool = False
    """SSE-C headers that the URL did not sign are refused (AWS, SeaweedFS) and not let through (Ceph)."""
    url_dies_after_s: float | None = None
    """Presigned URLs are dead so long after they were signed, whatever they state."""
    min_part_bytes: int = 5 * 1024 * 1024
    """Of a multipart upload, all but the last."""
    content_encoding_gzip: bool = False
    """The storage says `Content-Encoding: gzip` of an export's object."""

    # The sockets
    tls_certificate: Path | None = None
    tls_key: Path | None = None
