"""Answers from exported files: the events as a table of a locked DuckDB, and what is asked of it.

`files` finds the named files, `lines` and `loading` bring their events into a private Parquet file, `fields` says how
they become columns, `parquet` reads Parquet files, `guard` what of SQL may run, `database` where it runs, and `events`
is the table that all of it makes. `questions` are for people who write no SQL, `answering`, `converting` and
`observables` (of which `observable` and `observable_fields` have the rules) are tasks that `apart` runs in a process of
their own (`child`), `shape` makes rows of events and events of rows again, and `writing` writes them. DuckDB is an
extra and imported on use.
"""
