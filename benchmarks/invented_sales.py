"""Sales of a shop that does not exist, day by day, as its log would have them.

Three sales in a hundred are no one's and twelve the walk-in's; two are returns, half of
them without a customer; two and a half come from the web shop, some of those without
a customer; a few name a web order in their note.  Some are parked, voided, deleted,
or wait to be picked up.  All of it is drawn from a seed.
"""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.model.schemas.table import arrow_schema
from benchmarks.invented_ids import draw_ids

Flags = npt.NDArray[np.bool_]

NOBODYS, WALK_INS, RETURNS = 0.03, 0.12, 0.02
WEB, WEB_WITHOUT_CUSTOMER, NOTED = 0.025, 0.3, 0.003
WEB_SOURCE = "ecw:INVENTED"
STATES = ("closed", "pending", "parked", "voided")
STATE_SHARES = (0.96, 0.02, 0.01, 0.01)
TAX = 1.08
OPENS, OPEN_SECONDS = 15 * 3600, 7 * 3600
"""From when on, in UTC, and how long the shop sells: the same day in its own zone."""

MICROSECONDS = 1_000_000
ORDER_NUMBERS_FROM = 10_000


@dataclass
class Till:
    """Sells to given customers; versions, order numbers and chance go on.

    Attributes:
        buyers: ids of the customers, some of whom buy far more often.
        walk_in: id of the customer that is no one.
        outlets: ids of the shops.
        seed: what everything depends on.
    """

    buyers: pa.Array
    walk_in: str
    outlets: list[str]
    seed: int = 11
    version: int = 1
    order_number: int = ORDER_NUMBERS_FROM
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        """Start the chance."""
        self.rng = np.random.default_rng(self.seed)

    def sell(self, day: date, count: int) -> "Sold":
        """Return what *count* customers bought on *day*."""
        drawn, rng = self.rng.random, self.rng
        sale_id = draw_ids(rng, count)
        buyer = (drawn(count) ** 2 * len(self.buyers)).astype("int64")
        web = drawn(count) < WEB
        noted = ~web & (drawn(count) < NOTED)
        returned = ~web & ~noted & (drawn(count) < RETURNS)
        original = _originals(returned, web | noted | returned)
        returned &= original < np.arange(count)
        buyer = buyer[original]
        walk_in = (~web & (drawn(count) < WALK_INS))[original]
        none = (drawn(count) < np.where(web, WEB_WITHOUT_CUSTOMER, NOBODYS))[original]
        none |= returned & (drawn(count) < 0.5)
        orders = np.where(web | noted, np.cumsum(web | noted) + self.order_number, 0)
        cents = np.exp(rng.normal(8.1, 0.9, count)).astype("int64") + 100
        columns = {
            "sale_id": sale_id,
            "version": pa.array(np.arange(self.version, self.version + count)),
            "segment": pa.array(np.zeros(count, dtype="int64")),
            "sale_date": self._moments(day, count),
            "outlet_id": self._pick(self.outlets, rng.integers(0, 2, count)),
            "register_id": pa.nulls(count, pa.string()),
            "customer_id": self._customers(buyer, walk_in & ~none, none),
            "source": pa.array(np.where(web, WEB_SOURCE, "USER")),
            "source_id": _texts(orders, web),
            "web_order_number": _texts(orders, noted),
            "return_for": _only(sale_id.take(pa.array(original)), returned),
            **self._standing(web, returned | noted),
            **_money(cents, returned, self._is_unpaid(count)),
        }
        self.version += count
        self.order_number += int((web | noted).sum())
        table = pa.table(columns).select(arrow_schema(SalesFeed).names)
        ordered = np.flatnonzero(web | noted)
        return Sold(
            table.cast(arrow_schema(SalesFeed)).to_pandas(),
            orders[ordered],
            buyer[ordered],
            cents[ordered],
        )

    def _moments(self, day: date, count: int) -> pa.Array:
        midnight = np.datetime64(day, "us").astype("int64")
        seconds = np.sort(self.rng.integers(OPENS, OPENS + OPEN_SECONDS, count))
        return pa.array(midnight + seconds * MICROSECONDS).cast(pa.timestamp("us"))

    def _pick(self, values: list[str], places: npt.NDArray[np.int64]) -> pa.Array:
        return pa.array(values).take(pa.array(places))

    def _customers(
        self, buyer: npt.NDArray[np.int64], walk_in: Flags, none: Flags
    ) -> pa.Array:
        named = self.buyers.take(pa.array(buyer))
        named = pa.compute.if_else(pa.array(walk_in), pa.scalar(self.walk_in), named)
        return _only(named, ~none)

    def _standing(self, web: Flags, is_over: Flags) -> dict[str, pa.Array]:
        """Return state, attributes and whether deleted; a return is always closed."""
        count = len(web)
        state = self.rng.choice(len(STATES), count, p=STATE_SHARES)
        state = np.where(web, 1, np.where(is_over, 0, state))
        picked_up = np.where(state == 1, "pickup", "")
        return {
            "state": self._pick(list(STATES), state),
            "status": pa.nulls(count, pa.string()),
            "attributes": pa.array(picked_up),
            "is_deleted": pa.array(self.rng.random(count) < 0.003),
        }

    def _is_unpaid(self, count: int) -> Flags:
        return self.rng.random(count) < 0.05


@dataclass(frozen=True)
class Sold:
    """A day's sales, and the web orders among them: number, buyer's place, cents."""

    sales: pd.DataFrame
    order_numbers: npt.NDArray[np.int64]
    order_buyers: npt.NDArray[np.int64]
    order_cents: npt.NDArray[np.int64]


def _originals(returned: Flags, unfit: Flags) -> npt.NDArray[np.int64]:
    """Return for each sale its own place, or that of the one it returns.

    That is the last ordinary sale before it, if the day has one.
    """
    places = np.arange(len(returned))
    ordinary = np.maximum.accumulate(np.where(unfit, -1, places))
    return np.where(returned & (ordinary >= 0), ordinary, places)


def _only(values: pa.Array, where: Flags) -> pa.Array:
    nothing = pa.scalar(None, pa.string())
    return pa.compute.if_else(pa.array(where), values, nothing)


def _texts(numbers: npt.NDArray[np.int64], where: Flags) -> pa.Array:
    return _only(pa.array(numbers).cast(pa.string()), where)


def _money(
    cents: npt.NDArray[np.int64], returned: Flags, unpaid: Flags
) -> dict[str, pa.Array]:
    without_tax = np.round(cents / TAX).astype("int64")
    sign = np.where(returned, -1, 1)
    return {
        "total_incl_cents": pa.array(cents * sign),
        "total_excl_cents": pa.array(without_tax * sign),
        "paid_cents": pa.array(np.where(unpaid, 0, cents * sign)),
        "refunded_incl_cents": pa.array(cents * returned),
        "refunded_excl_cents": pa.array(without_tax * returned),
        "sold_line_count": pa.array((~returned).astype("int64")),
    }
