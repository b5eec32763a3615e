"""Ways out of a query, and that none leads anywhere: not to another file, not to the process, not to a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sekoia_export.analysis.database import MEBIBYTE, Limits, open_ahead
from sekoia_export.analysis.events import EventTable
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.guard import REFUSED_FUNCTIONS
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DeadlineExceeded, ExportError, UsageError
from tests.analysis.conftest import Folder, Open

OUTSIDE = "canary text of a file outside"


READS = [
    "SELECT * FROM '{path}'",
    'SELECT * FROM "{path}"',
    "FROM '{path}'",
    "SELECT * FROM read_csv('{path}')",
    "SELECT * FROM read_csv_auto('{path}')",
    "SELECT * FROM sniff_csv('{path}')",
    "SELECT * FROM read_text('{path}')",
    "SELECT * FROM read_blob('{path}')",
    "SELECT * FROM read_json('{path}')",
    "SELECT * FROM read_ndjson_objects('{path}')",
    "SELECT * FROM read_parquet('{path}')",
    "SELECT * FROM parquet_metadata('{path}')",
    "SELECT * FROM read_duckdb('{path}')",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT * FROM query('SELECT * FROM read_text(''{path}'')')",
    "SELECT * FROM query_table('{path}')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{path}'')'))",
    "SELECT (SELECT content FROM read_text('{path}')) FROM events",
    "WITH x AS (SELECT * FROM read_text('{path}')) SELECT * FROM x",
    "WITH RECURSIVE x AS (SELECT content FROM read_text('{path}') UNION SELECT content FROM x) SELECT * FROM x",
    'WITH x AS MATERIALIZED (SELECT 1 a) SELECT * FROM (WITH "{path}" AS (SELECT 1) SELECT 1), "{path}"',
    "SELECT a FROM events UNION ALL SELECT content FROM read_text('{path}')",
    "SELECT * FROM events SEMI JOIN read_text('{path}') ON true",
    "SELECT * FROM events, LATERAL (SELECT * FROM read_text('{path}'))",
    "SELECT * FROM (PIVOT '{path}' ON \"column\" IN ('x') USING count(*))",
    "SELECT * FROM (DESCRIBE '{path}')",
    "SUMMARIZE '{path}'",
    "SELECT * FROM events ORDER BY (SELECT content FROM read_text('{path}'))",
    "SELECT * FROM events LIMIT (SELECT length(content) FROM read_text('{path}'))",
    "SELECT a FROM events QUALIFY row_number() OVER (ORDER BY (SELECT content FROM read_text('{path}'))) = 1",
    "SELECT 1 FROM events HAVING (SELECT count(*) FROM read_text('{path}')) > 0",
    "SELECT list_transform([1], lambda x: (SELECT content FROM read_text('{path}'))) FROM events",
    "VALUES ((SELECT content FROM read_text('{path}')))",
    "SELECT * FROM 'https://127.0.0.1/x.csv'",
    "SELECT * FROM read_csv('s3://bucket/x.csv')",
    "SELECT * FROM '/dev/stdin'",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM sqlite_scan('{path}', 'x')",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM python_map_function(1)",
    "SELECT * FROM folder",  # a variable of Python, in a frame of this test
]
CHANGES = [
    "COPY (SELECT 1) TO '{source}'",
    "COPY events TO '{source}'",
    "COPY (SELECT 1) TO '{path}'",
    "EXPORT DATABASE '{folder}/db'",
    "IMPORT DATABASE '{folder}/db'",
    "ATTACH '{folder}/x.db'",
    "CREATE TABLE t AS FROM read_text('{path}')",
    "CREATE OR REPLACE TEMP VIEW events AS SELECT 1",
    "CREATE MACRO m() AS TABLE FROM read_text('{path}')",
    "CREATE FUNCTION f(x) AS x",
    "CREATE SECRET (TYPE s3)",
    "DROP VIEW events",
    "INSERT INTO events VALUES (1)",
    "UPDATE events SET a = 1",
    "DELETE FROM events",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{folder}/x.duckdb_extension'",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "SET VARIABLE x = 1",
    "RESET ALL",
    "PRAGMA database_list",
    "PRAGMA enable_external_access",
    "CALL pragma_version()",
    "CALL enable_logging(storage = 'file', storage_path = '{folder}')",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE COPY events TO '{path}'",
    "SHOW TABLES",
    "DESCRIBE events",
    "SUMMARIZE events",
    "PIVOT events ON a",
    "SELECT 1; SELECT 2",
    "SELECT 1; COPY (SELECT 1) TO '{path}'",
    "SELECT 1 /* ; */; DROP VIEW events",
    "SELECT 1 --\n; DROP VIEW events",
    "",
    ";",
    "-- nothing",
    "SELEC 1",
    "SELECT ?",
    "SELECT $1",
    "SELECT 1\0; SELECT 2",
]
TELLS = [
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_tables()",
    "SELECT * FROM duckdb_views()",
    "SELECT * FROM duckdb_temporary_files()",
    "SELECT * FROM duckdb_logs",
    "SELECT * FROM duckdb_settings",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_views",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM memory.main.events",
    "SELECT * FROM main.duckdb_views",
    "SELECT * FROM pragma_database_size()",
    "SELECT * FROM which_secret('x', 's3')",
    "SELECT * FROM enable_logging()",
    "SELECT * FROM enable_profiling()",
    "SELECT * FROM checkpoint()",
    "SELECT * FROM force_checkpoint()",
    "SELECT * FROM register_external_resource_type('x')",
    "SELECT * FROM add_grammar_extension('x')",
    "SELECT * FROM seq_scan('x')",
    "SELECT * FROM test_all_types()",
    "SELECT getenv('HOME')",
    "SELECT current_setting('temp_directory')",
    "SELECT system.main.current_setting('temp_directory')",
    "SELECT main.current_setting('temp_directory')",
    "SELECT 'temp_directory'.current_setting()",
    "SELECT getvariable('x')",
    "SELECT current_query()",
    "SELECT sleep_ms(1000)",
    "SELECT pg_sleep(1)",
    "SELECT write_log('x')",
    "SELECT nextval('x')",
    "SELECT json_execute_serialized_sql('x')",
    "SELECT json_serialize_plan('SELECT current_setting(''temp_directory'')', optimize := true)",
    # A name that a WITH makes is one where the WITH is, and DuckDB's own view elsewhere.
    "SELECT (WITH duckdb_views AS (SELECT 1 a) SELECT a FROM duckdb_views), sql FROM duckdb_views",
    "SELECT * FROM (WITH sqlite_master AS (SELECT 1 a) SELECT a FROM sqlite_master), sqlite_master y",
    "WITH duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views",
    "WITH a AS (SELECT * FROM duckdb_views), duckdb_views AS (SELECT 1) SELECT * FROM a",
    "WITH RECURSIVE duckdb_views AS (SELECT * FROM duckdb_views) SELECT * FROM duckdb_views",
    'WITH "duc\N{KELVIN SIGN}db_views" AS (SELECT 1) SELECT * FROM duckdb_views',
    "SELECT 1 UNION ALL (WITH sqlite_master AS (SELECT 2) SELECT * FROM sqlite_master) UNION ALL FROM sqlite_master",
]


@dataclass
class Prison:
    """One table for many tries to get out, and what is around it.

    Attributes:
        source: the file that may be read.
        outside: a file that may not.
    """

    table: EventTable
    source: Path
    outside: Path

    def text(self, statement: str) -> str:
        return statement.format(path=self.outside, folder=self.outside.parent, source=self.source)

    def check(self, said: str) -> None:
        """Fail when anything was read or changed."""
        assert OUTSIDE not in said
        assert self.source.read_bytes() == b'{"a": 1}\n'
        assert self.outside.read_text() == f"column\n{OUTSIDE}\n"
        assert sorted(path.name for path in self.outside.parent.iterdir()) == ["data", "outside.csv"]
        assert self.table.rows("SELECT a FROM events") == [(1,)]


@pytest.fixture(scope="module", params=["opened", "opened_ahead"])
def prison(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Prison]:
    folder = Folder(tmp_path_factory.mktemp("prison") / "data")
    source = folder.root / folder.jsonl("a.jsonl", [{"a": 1}])
    outside = folder.root.parent / "outside.csv"
    outside.write_text(f"column\n{OUTSIDE}\n")
    deadline = Deadline(SystemClock(), None)
    if request.param == "opened_ahead":
        open_ahead()
    with finding(folder.storage, ["a.jsonl"]) as found, EventTable(found, deadline=deadline) as table:
        table.load(["a"])
        yield Prison(table, source, outside)


@pytest.mark.parametrize("query", [*READS, *CHANGES, *TELLS])
def test_a_query_that_leaves_the_table_is_refused(prison: Prison, query: str) -> None:
    with pytest.raises(UsageError) as refused:
        prison.table.rows(prison.text(query))
    prison.check(str(refused.value))


@pytest.mark.parametrize("query", READS)
def test_the_database_is_a_second_wall_behind_the_first(prison: Prison, query: str) -> None:
    """The statement reaches DuckDB as if the first wall were not there."""
    with pytest.raises(ExportError) as refused:
        prison.table.database.rows(prison.text(query))
    prison.check(str(refused.value))


@pytest.mark.parametrize(
    "statement",
    [
        "COPY (SELECT 1) TO '{path}'",
        "ATTACH '{folder}/x.db'",
        "EXPORT DATABASE '{folder}/db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '100GB'",
        "SET temp_directory = '/tmp'",
        "CREATE PERSISTENT SECRET (TYPE s3)",
        "CALL enable_logging(storage = 'file', storage_path = '{folder}')",
    ],
)
def test_the_database_neither_writes_nor_unlocks(prison: Prison, statement: str) -> None:
    with pytest.raises(ExportError) as refused:
        prison.table.database.rows(prison.text(statement))
    prison.check(str(refused.value))


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT a FROM events", [(1,), (2,)]),
        ("FROM events SELECT a WHERE a > 1;", [(2,)]),
        ("WITH x AS (SELECT a + 1 AS b FROM events) SELECT sum(b) FROM x AS y", [(5,)]),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT max(n) FROM r", [(4,)]),
        ("SELECT e.a FROM events e JOIN events f USING (a) ORDER BY 1", [(1,), (2,)]),
        ("SELECT u FROM (SELECT unnest([a, a]) AS u FROM events) WHERE u = 2", [(2,), (2,)]),
        ("SELECT count(*) FROM events, range(3)", [(6,)]),
        ("SELECT a FROM Events /* ; DROP */ -- ; x\n WHERE a = 1", [(1,)]),
        ("SELECT list_sum(list_transform([a], lambda x: x + 1)) FROM events ORDER BY 1", [(2,), (3,)]),
        ("SELECT a FROM events EXCEPT VALUES (2)", [(1,)]),
        ("TABLE events", [(1,), (2,)]),
        ("SELECT a FROM events TABLESAMPLE 100%", [(1,), (2,)]),
        ("WITH x AS (FROM events), y AS (FROM x) SELECT sum(a) FROM y UNION ALL SELECT max(a) FROM X", [(3,), (2,)]),
        ("WITH x AS (SELECT 7 AS a) SELECT a FROM (WITH y AS (FROM x) SELECT (SELECT a FROM y) AS a)", [(7,)]),
    ],
)
def test_a_single_select_of_the_table_runs(
    folder: Folder, opened: Open, query: str, rows: list[tuple[object, ...]]
) -> None:
    folder.jsonl("a.jsonl", [{"a": 1}, {"a": 2}])
    assert opened("a.jsonl").rows(query) == rows


def test_every_function_that_is_not_pure_is_known(prison: Prison) -> None:
    """A new release of DuckDB brings functions: those that do something are looked at before they may be called."""
    listed = prison.table.database.rows(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE function_type IN ('scalar', 'aggregate') AND stability = 'VOLATILE'"
    )
    harmless = {"random", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "error"}
    assert {name for (name,) in listed} <= REFUSED_FUNCTIONS | harmless


def test_the_database_takes_what_it_may(prison: Prison) -> None:
    names = ("memory_limit", "threads", "autoload_known_extensions", "enable_external_access", "lock_configuration")
    [given] = prison.table.database.rows("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    limits = Limits()
    assert given == (f"{limits.memory_bytes / MEBIBYTE:.1f} MiB", limits.threads, False, False, True)


def test_time_is_bounded(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"a": 1}])
    table = opened("a.jsonl", timeout_s=0.5)
    with pytest.raises(DeadlineExceeded, match=r"0\.5 seconds"):
        table.rows("SELECT count(*) FROM range(10000000) a, range(10000000) b, events WHERE a.range * b.range % 7 = 3")


def test_memory_is_bounded(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"a": 1}])
    table = opened("a.jsonl", limits=Limits(memory_bytes=64 << 20, spill_bytes=16 << 20))
    with pytest.raises(ExportError, match="memory"):
        table.rows("SELECT list(repeat(range::VARCHAR, 100)) FROM events, range(10000000)")
