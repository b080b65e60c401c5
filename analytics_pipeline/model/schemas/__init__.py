"""One pandera model a table."""
