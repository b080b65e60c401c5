"""Numbers in the sentences that people read."""


def say(count: int, one: str, many: str) -> str:
    """Return *count* and what there is of it: ``1 sale has``, ``2,000 sales have``."""
    return f"{count:,} {one if count == 1 else many}"
