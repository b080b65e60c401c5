"""How each table is made: one module a table, in pipeline order."""
