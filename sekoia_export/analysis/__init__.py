"""Answers from exported files: the events as a table of a locked DuckDB, and what is asked of it.

`files` finds the named files, `lines` and `loading` bring their events into a private Parquet file, `fields` says how
they become columns, `guard` what of SQL may run, `database` where it runs, and `events` is the table that all of it
makes. DuckDB is an extra and imported on use, see `database.duckdb_module`.
"""
