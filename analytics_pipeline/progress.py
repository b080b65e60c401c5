"""What a run tells while it goes on, to whoever listens: a terminal, or nobody."""

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how much of it, and of how much (if that is known)."""

Tell = Callable[[str], None]
"""Told a sentence that a person should see once."""


def silent(_what: str, _done: int, _of: int | None) -> None:
    """Show nothing."""


def unheard(_sentence: str) -> None:
    """Tell nobody."""
