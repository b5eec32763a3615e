"""From the storage that holds an export to the data storage that keeps it: fast, resumable, verified."""
