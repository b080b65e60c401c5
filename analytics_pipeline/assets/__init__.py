"""How each table is made: one module a table, in the order of the story."""
