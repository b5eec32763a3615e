"""The histogram of a search job, in each of the shapes that it might have: no document tells the platform's."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never

from sekoia_export.simulator.jobs import iso
from sekoia_export.simulator.settings import HistogramShape

if TYPE_CHECKING:
    from datetime import datetime

    from sekoia_export.simulator.jobs import SearchJob


def histogram(job: SearchJob, buckets: int, shape: HistogramShape) -> Any:
    """Return how many events lie in each of `buckets` equal parts of the period; None where there is no answer."""
    counts = _counts(job, buckets)
    items = [{"date": iso(start), "count": count} for start, count in counts]
    match shape:
        case HistogramShape.ITEMS:
            return {"items": items, "total": len(items)}
        case HistogramShape.LIST:
            return [{"timestamp": int(start.timestamp() * 1000), "count": str(count)} for start, count in counts]
        case HistogramShape.BUCKETS:
            found = [
                {"key_as_string": iso(start), "key": int(start.timestamp() * 1000), "doc_count": count}
                for start, count in counts
            ]
            return {"took": 12, "aggregations": {"by_time": {"buckets": found}}}
        case HistogramShape.MAPPING:
            return {"interval": "auto", "histogram": {iso(start): count for start, count in counts}}
        case HistogramShape.COLUMNS:
            return {"dates": [iso(start) for start, _ in counts], "counts": [count for _, count in counts]}
        case HistogramShape.PAIRS:
            return {"histograms": [[start.timestamp(), count] for start, count in counts]}
        case HistogramShape.SEVERAL:
            alerts = [
                {"date": item["date"], "count": count // 9} for item, (_, count) in zip(items, counts, strict=True)
            ]
            return {"items": [{"name": "alerts", "values": alerts}, {"name": "events", "values": items}]}
        case HistogramShape.SPARSE:
            return {"items": [item for item in items if item["count"]]}
        case HistogramShape.STRANGE:
            return {"bars": [{"height": count, "left": number} for number, (_, count) in enumerate(counts)]}
        case HistogramShape.PARTIAL:
            return {"items": [{**item, "count": count // 2} for item, (_, count) in zip(items, counts, strict=True)]}
        case HistogramShape.NONE:
            return None
        case never:
            assert_never(never)


def _counts(job: SearchJob, buckets: int) -> list[tuple[datetime, int]]:
    """Return start and events of each part. Ends are whole milliseconds, as those of a search are."""
    span_ms = job.period.span_ms
    bounds = [job.period.start + timedelta(milliseconds=span_ms * number // buckets) for number in range(buckets)]
    ends = [*bounds[1:], job.period.end]
    return [(start, job.between(start, end)) for start, end in zip(bounds, ends, strict=True)]
