"""DuckDB's SQL in Spark's, by sqlglot, with what sqlglot does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from sqlglot import exp

_BUCKET_ORIGIN_S = 946_857_600
"""2000-01-03, a Monday: where DuckDB's buckets of time begin (its documentation of `time_bucket`)."""
_NO_ESCAPE = "\x01"
_FUNCTIONS = {"SUFFIX": "ENDSWITH"}


def to_spark(sql: str) -> str:
    """Return a SELECT of DuckDB's as Spark has it.

    Raises:
        UsageError: it has something that Spark's SQL has no word for.
    """
    import sqlglot
    from sqlglot.errors import ErrorLevel, SqlglotError

    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
        said: str = tree.transform(_in_spark).sql(dialect="spark", unsupported_level=ErrorLevel.RAISE)
        return said
    except SqlglotError as failure:
        said = " ".join(str(failure).split())[:300]
        raise UsageError(
            f"The query cannot be said in Spark's SQL: {said}", "Ask with engine duckdb, or write it in another way."
        ) from None


def _in_spark(node: Any) -> Any:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous) and node.name.upper() in _FUNCTIONS:
        return exp.Anonymous(this=_FUNCTIONS[node.name.upper()], expressions=node.expressions)
    if isinstance(node, exp.DateBin):
        return _bucket(node)
    if isinstance(node, exp.Like | exp.ILike) and not isinstance(node.parent, exp.Escape):
        # A backslash escapes in Spark's patterns, and is itself in DuckDB's.
        return exp.Escape(this=node.copy(), expression=exp.Literal.string(_NO_ESCAPE))
    return node


def _bucket(node: exp.DateBin) -> Any:
    """Return what DuckDB's time_bucket of a fixed interval is in Spark."""
    import sqlglot

    seconds = sqlglot.parse_one(f"SELECT {node.this.sql(dialect='duckdb')}", read="duckdb").find(_literal_type())
    width = int(str(seconds.this)) if seconds is not None else 0
    unit = str(node.this.args.get("unit") or "SECOND").upper()
    if not width or unit not in {"SECOND", "SECONDS"}:
        raise UsageError(
            "The query has a time_bucket of another interval than seconds, which Spark does not know.",
            "Write the interval in seconds: time_bucket(INTERVAL 3600 SECOND, ...).",
        )
    moment = node.expression.transform(_in_spark).sql(dialect="spark")
    since_s = f"UNIX_SECONDS(CAST({moment} AS TIMESTAMP_LTZ)) - {_BUCKET_ORIGIN_S}"
    bucket_s = f"FLOOR(({since_s}) / {width}) * {width} + {_BUCKET_ORIGIN_S}"
    return sqlglot.parse_one(f"CAST(TIMESTAMP_SECONDS({bucket_s}) AS TIMESTAMP_NTZ)", read="spark")


def _literal_type() -> type[Any]:
    from sqlglot import exp

    return exp.Literal
