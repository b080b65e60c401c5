"""One right customer table a day, from Lightspeed tills and a web shop.

What happens in a night, and where it is written:

``sources``        ask Lightspeed and the web shop, and read what they reply strictly
``storage``        append it to the log, and keep every table whole or not at all
``assets``         make each table from others, one module a table
``domain``         what the numbers mean: people, purchases, tiers, changes
``engine``         DuckDB or Spark, for what is too large for a frame
``orchestration``  gate each table, and run everything in order, as Dagster shows it
``report``         the page that people look at in the morning
``alerts``         what began to fail and what is resolved
``commands``       what a person types and reads
``model``          the words, types and schemas that all of them share
``simulator``      a store for trying all this out

Which of them may import which is in ``pyproject.toml`` (import-linter).
"""
