"""How many records to ask for at once (API 2.1).

The largest page that the feeds grant is not documented.  A larger wish is cut down to
it, by all that is known, so the wish is large; what comes is taken as it is, and a
short page never as the end.
"""

from dataclasses import dataclass
from typing import Self

USUAL = 1_000
SMALLEST = 100

WISHES = {"sales": 1_000, "customers": 5_000}
"""A page is in memory at once, a sale with its lines and payments at some 45 kB: with
5,000 of them a first load needs 760 MB instead of 570."""


@dataclass(slots=True)
class PageSize:
    """How many records the next page is asked for."""

    asked: int

    @classmethod
    def of(cls, collection: str) -> Self:
        """Return the size to begin with."""
        return cls(WISHES.get(collection, USUAL))

    def wanted(self) -> dict[str, str]:
        """Return the size as a parameter."""
        return {"page_size": str(self.asked)}

    def shrink(self) -> bool:
        """Ask for half as many from now on; say whether that was still possible."""
        if self.asked <= SMALLEST:
            return False
        self.asked = max(SMALLEST, self.asked // 2)
        return True

    def shrunk(self) -> dict[str, str]:
        """Shrink if possible, and return the size as a parameter."""
        self.shrink()
        return self.wanted()
