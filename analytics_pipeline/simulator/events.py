"""The store's clock and the events that wait for it.

Everything that happens is an event with a moment, played in time order.  Chance is
drawn again for every day from the seed and the day, and only while events are
played, so the history is the same however the clock is moved forward.
"""

import heapq
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random

from analytics_pipeline.simulator.records import (
    Customer,
    Outlet,
    Register,
    Sale,
    StoreState,
)

FIRST_VERSION = 30_000_000_000
LARGEST_VERSION_GAP = 17

Action = Callable[[datetime], object]


def draw_id(rng: Random) -> str:
    """Draw an id that looks like a UUID."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


class Timeline:
    """The state of the store, what is still to happen to it, and today's chance."""

    def __init__(self, seed: int, state: StoreState) -> None:
        """Begin with *state* as it is and nothing to come."""
        self.seed = seed
        self.state = state
        self.rng = Random(f"{seed}/opening")
        self.sales_of: dict[str, list[str]] = {}
        self._gaps = Random(f"{seed}/versions")
        self._version = FIRST_VERSION
        self._waiting: list[tuple[datetime, int, Action]] = []
        self._planned = 0

    def draw_day(self, day: date) -> None:
        """Start the chance of *day*, whatever was drawn before."""
        self.rng = Random(f"{self.seed}/{day.isoformat()}")

    def new_id(self) -> str:
        """Draw an id that looks like a UUID."""
        return draw_id(self.rng)

    def next_version(self) -> int:
        """Count on, with a gap, the one counter that all records share."""
        self._version += 1 + int(self._gaps.random() * LARGEST_VERSION_GAP)
        return self._version

    def plan(self, moment: datetime, action: Action) -> None:
        """Let *action* happen at *moment*, after everything planned for it before."""
        heapq.heappush(self._waiting, (moment, self._planned, action))
        self._planned += 1

    def plan_in(self, moment: datetime, days: float, action: Action) -> None:
        """Let *action* happen *days* after *moment*, on a whole second."""
        self.plan(moment + timedelta(seconds=int(days * 86_400)), action)

    def play_until(self, moment: datetime) -> None:
        """Play every event up to and including *moment*, in time order."""
        while self._waiting and self._waiting[0][0] <= moment:
            due, _, action = heapq.heappop(self._waiting)
            self.state.now = due
            action(due)
        self.state.now = moment

    def chance(self, probability: float) -> bool:
        """Say yes with *probability*."""
        return self.rng.random() < probability

    def between(self, low: float, high: float) -> float:
        """Draw a number from *low* to *high*."""
        return low + (high - low) * self.rng.random()

    def edit(self, record: Sale | Customer, moment: datetime) -> None:
        """Record that *record* was changed at *moment*."""
        record.updated_at = moment
        record.version = self.next_version()

    def delete(
        self, record: Sale | Customer | Outlet | Register, moment: datetime
    ) -> None:
        """Delete *record*: a new version, but the old ``updated_at`` (API §2.1)."""
        record.deleted_at = moment
        record.version = self.next_version()

    def restore(self, record: Sale | Customer, moment: datetime) -> None:
        """Take a deletion back."""
        record.deleted_at = None
        self.edit(record, moment)

    def keep_sale(self, sale: Sale) -> None:
        """Put a new sale into the store's books."""
        self.state.sales[sale.id] = sale
        if sale.customer_id is not None:
            self.sales_of.setdefault(sale.customer_id, []).append(sale.id)

    def hand_over(self, sale: Sale, customer_id: str, moment: datetime) -> None:
        """Put *sale* under another customer, as a merge or a correction does."""
        if sale.customer_id is not None:
            self.sales_of[sale.customer_id].remove(sale.id)
        sale.customer_id = customer_id
        self.sales_of.setdefault(customer_id, []).append(sale.id)
        self.edit(sale, moment)
