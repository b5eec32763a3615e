"""The same questions and rules on Spark, for exports past one machine: a local Spark, a cluster, or Spark Connect.

`planning` has DuckDB judge and bind what is asked, in its bounded process, against the schema of the Parquet files;
`dialect` says it in Spark's SQL, `session` runs it there, and `asking` gives the answers in the form of DuckDB's.
PySpark is an extra and imported on use.
"""
