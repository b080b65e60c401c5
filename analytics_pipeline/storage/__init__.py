"""Files, tables, logs and state, on disk or in a bucket."""
