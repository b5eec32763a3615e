"""What of SQL may run: one SELECT of the table `events`, judged by DuckDB's own parser.

A query may come from a playbook that is fed by the content of events, so it is taken for hostile. The first wall is
here: DuckDB parses the text, serializes the one SELECT that it must be, and everything that this tree reads from must
be `events`, a name that the query itself made (WITH), or a table function that makes rows of its arguments. The second
wall is the database, which reads nothing but the named files even if the first had a hole; alone it is not enough, for
what may be read may be written there too (COPY).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.fields import folded
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.analysis.database import Database

TABLE = "events"
SQL_LIMIT_BYTES = 4 * 1024 * 1024
TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "regexp_split_to_table", "unnest"})
# They tell of the process, change something in it, wait, or run SQL that was not judged.
REFUSED_FUNCTIONS = frozenset(
    {
        "current_connection_id",
        "current_query",
        "current_query_id",
        "current_setting",
        "current_transaction_id",
        "currval",
        "duckdb_logs_parsed",
        "duckdb_profiling_settings",
        "getenv",
        "getvariable",
        "json_execute_serialized_sql",
        "json_serialize_plan",
        "nextval",
        "parse_duckdb_log_message",
        "pg_sleep",
        "query",
        "query_table",
        "setseed",
        "setval",
        "sleep_ms",
        "stats",
        "txid_current",
        "vector_type",
        "version",
        "write_log",
    }
)
_ONLY = "Only one SELECT of the table events runs."
_REMEDY = "Give a single SELECT whose FROM names nothing but events and what the query itself makes."


@dataclass(frozen=True, slots=True)
class Judged:
    """A query that may run.

    Attributes:
        sql: as it is run.
        names: every name that it mentions where a column can stand; None when it asks for all columns (`*`).
        tree: the statement as DuckDB serializes it.
    """

    sql: str
    names: frozenset[str] | None
    tree: dict[str, Any]


def judge(database: Database, sql: str) -> Judged:
    """Return what there is to know of a query that may run.

    Raises:
        UsageError: it may not, or cannot be parsed.
    """
    if len(sql.encode(errors="replace")) > SQL_LIMIT_BYTES or "\0" in sql:
        raise UsageError("The query is longer than 4 MiB, or holds a NUL.", "Give a shorter query.")
    statements = database.statements(sql)
    if len(statements) != 1:
        raise UsageError(f"The query holds {len(statements)} statements. {_ONLY}", _REMEDY)
    kind = statements[0].type.name
    if kind != "SELECT":
        raise UsageError(f"The query is a statement of the kind {kind}. {_ONLY}", _REMEDY)
    text: str = statements[0].query
    [(serialized,)] = database.rows("SELECT json_serialize_sql(?::VARCHAR)", [text])
    try:
        tree = orjson.loads(serialized)
    except orjson.JSONDecodeError:
        raise UsageError("The query is nested too deeply.", "Give a simpler query.") from None
    if tree.get("error") or len(tree["statements"]) != 1:
        raise UsageError(f"The query is no plain SELECT. {_ONLY}", _REMEDY)
    statement = tree["statements"][0]
    return Judged(text, _Walk().names_of(statement), statement)


class _Walk:
    """A walk through the tree of a SELECT that refuses what it may not read from."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._tables: set[str] = {TABLE}
        self._all = False

    def names_of(self, tree: Any) -> frozenset[str] | None:
        for node, known in _nodes(tree):
            self._check(node, known)
        # A table's name where a column can stand is the whole row.
        whole_row = {name.lower() for name in self._names} & {name.lower() for name in self._tables}
        return None if self._all or whole_row else frozenset(self._names)

    def _check(self, node: dict[str, Any], known: frozenset[str]) -> None:
        # A value's own type is an object.
        kind = node["type"] if isinstance(node.get("type"), str) else None
        if kind == "BASE_TABLE":
            self._check_table(node, known)
        elif kind == "TABLE_FUNCTION":
            function = node.get("function") or {}
            self._check_function(function, TABLE_FUNCTIONS)
        elif kind in {"SHOW_REF", "COLUMN_DATA", "DELIM_GET", "BOUND_TABLE_REF"}:
            raise UsageError(f"The query asks what tables there are, or how they are made. {_ONLY}", _REMEDY)
        elif kind == "PIVOT" or (kind == "JOIN" and node.get("ref_type") == "NATURAL"):
            self._all = True
        elif kind == "PARAMETER" or node.get("class") == "PARAMETER":
            raise UsageError("The query has a parameter ($1 or ?), and none are given.", "Write the value itself.")
        elif node.get("class") == "STAR":
            self._all = True
        elif node.get("class") == "COLUMN_REF":
            self._names.update(node["column_names"])
        elif node.get("class") == "FUNCTION":
            self._check_function(node, None)
        if isinstance(node.get("using_columns"), list):
            self._names.update(name for name in node["using_columns"] if isinstance(name, str))
        if isinstance(node.get("alias"), str) and node["alias"] and "class" not in node:
            self._tables.add(node["alias"])

    def _check_table(self, node: dict[str, Any], known: frozenset[str]) -> None:
        path = [part for part in (node.get("qualified_name") or {}).get("path", []) if part]
        names = [node.get("catalog_name"), node.get("schema_name"), node.get("table_name"), *path]
        if len(path) > 1 or node.get("catalog_name") or node.get("schema_name") or path[-1:] != [node["table_name"]]:
            shown = ".".join(str(name) for name in names[:3] if name)
        elif folded(node["table_name"]) in known:
            self._tables.add(node["table_name"])
            return
        else:
            shown = str(node["table_name"])
        raise UsageError(f"The query reads from {shown[:100]!r}. {_ONLY}", _REMEDY)

    def _check_function(self, node: dict[str, Any], allowed: frozenset[str] | None) -> None:
        path = [part.lower() for part in (node.get("qualified_name") or {}).get("path", []) if part]
        name = str(node.get("function_name", "")).lower()
        for part in {name, *path}:
            refused = part not in allowed if allowed is not None else _is_refused(part)
            if refused:
                raise UsageError(f"The query calls {part[:100]!r}, which may not be called here.", _REMEDY)


def _is_refused(name: str) -> bool:
    return name in REFUSED_FUNCTIONS or name.startswith(("__internal", "read_", "pg_"))


def _nodes(tree: Any) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield the objects of a tree, each with the tables (folded) that it can read from.

    A name that a WITH makes is one in its own query and in what the WITH makes after it. Elsewhere the same name is
    DuckDB's own, `duckdb_views` for one, or a file's.
    """
    rest: list[tuple[Any, frozenset[str]]] = [(tree, frozenset({TABLE}))]
    while rest:
        node, known = rest.pop()
        if isinstance(node, list):
            rest.extend((part, known) for part in node)
        elif isinstance(node, dict):
            made = node.get("cte_map")
            for entry in made.get("map", []) if isinstance(made, dict) else []:
                rest.append((entry["value"], known))
                known |= {folded(entry["key"])}
            if node.get("type") == "RECURSIVE_CTE_NODE":
                known |= {folded(node["cte_name"])}
            yield node, known
            rest.extend((part, known) for name, part in node.items() if name != "cte_map")
