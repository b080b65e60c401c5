"""The assets: names and wiring, one module a group of the story."""
