"""Sales of a shop that does not exist, day by day, as its log would have them.

Three sales in a hundred are no one's and twelve the walk-in's; two are returns, half of
them without a customer, of a sale of the same day or of an earlier month, or of another
return; two and a half come from the web shop, some of those without a customer; a few
name a web order in their note, and a few are named by the web shop alone.  Some are
parked, voided, deleted, or wait to be picked up; two in a hundred change on the day
after.  All of it is drawn from a seed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.model.schemas.table import arrow_schema
from benchmarks.invented_people import draw_ids

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]

NOBODYS, WALK_INS, RETURNS = 0.03, 0.12, 0.02
WEB, WEB_WITHOUT_CUSTOMER = 0.025, 0.3
NOTED, EXPORTED = 0.003, 0.002
"""Shares of the sales that name their web order in a note, and that it alone names."""

LATE_RETURNS = 0.4
"""The share of returns that are of an earlier day."""

RETURNABLE_A_DAY, RETURNABLE = 60, 6_000
"""Of how many sales of a day a later one may be the return, and of how many at all."""

CHANGED_LATE = 50
"""Of how many sales one changes on the day after."""

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
    returnable: pa.Table = field(init=False)

    def __post_init__(self) -> None:
        """Start the chance."""
        self.rng = np.random.default_rng(self.seed)
        names = ("sale_id", "customer_id")
        self.returnable = pa.table({name: pa.array([], pa.string()) for name in names})

    def sell(self, day: date, count: int) -> "Sold":
        """Return what *count* customers bought on *day*."""
        drawn, rng = self.rng.random, self.rng
        sale_id = draw_ids(rng, count)
        buyer = (drawn(count) ** 2 * len(self.buyers)).astype("int64")
        web = drawn(count) < WEB
        noted = ~web & (drawn(count) < NOTED)
        exported = ~web & ~noted & (drawn(count) < EXPORTED)
        ordered = web | noted | exported
        returned = ~ordered & (drawn(count) < RETURNS)
        original = _originals(returned, ordered | returned)
        returned &= original < np.arange(count)
        buyer = buyer[original]
        walk_in = (~web & (drawn(count) < WALK_INS))[original]
        none = (drawn(count) < np.where(web, WEB_WITHOUT_CUSTOMER, NOBODYS))[original]
        none |= returned & (drawn(count) < 0.5)
        orders = np.where(ordered, np.cumsum(ordered) + self.order_number, 0)
        cents = np.exp(rng.normal(8.1, 0.9, count)).astype("int64") + 100
        return_for, customer_id = self._return_late(
            _only(sale_id.take(pa.array(original)), returned),
            self._customers(buyer, walk_in & ~none, none),
            returned,
            none,
        )
        columns = {
            "sale_id": sale_id,
            "version": pa.array(np.arange(self.version, self.version + count)),
            "segment": pa.array(np.zeros(count, dtype="int64")),
            "sale_date": self._moments(day, count),
            "outlet_id": self._pick(
                self.outlets, rng.integers(0, len(self.outlets), count)
            ),
            "register_id": pa.nulls(count, pa.string()),
            "user_id": pa.nulls(count, pa.string()),
            "lines": pa.nulls(count, pa.string()),
            "customer_id": customer_id,
            "source": pa.array(np.where(web, WEB_SOURCE, "USER")),
            "source_id": _texts(orders, web),
            "web_order_number": _texts(orders, noted),
            "return_for": return_for,
            **self._standing(web, returned | noted | exported),
            **_money(cents, returned, rng.random(count) < 0.05),
        }
        self.version += count
        self.order_number += int(ordered.sum())
        self._remember(sale_id, customer_id, returned)
        table = pa.table(columns).select(arrow_schema(SalesFeed).names)
        places = np.flatnonzero(ordered)
        return Sold(
            table.cast(arrow_schema(SalesFeed)).to_pandas(),
            pd.DataFrame(
                {
                    "number": orders[places],
                    "buyer": buyer[places],
                    "total_cents": cents[places],
                    "sale_id": sale_id.take(pa.array(places)).to_pandas(),
                    "is_exported": exported[places],
                }
            ),
        )

    def change(self, sales: pd.DataFrame) -> pd.DataFrame:
        """Return *sales* as they are once they are closed: versions of their own."""
        versions = np.arange(self.version, self.version + len(sales))
        self.version += len(sales)
        return sales.assign(version=versions, state="closed", is_deleted=False)

    def _return_late(
        self, return_for: pa.Array, customer_id: pa.Array, returned: Flags, none: Flags
    ) -> tuple[pa.Array, pa.Array]:
        """Let some returns be of an earlier day: what they return, and whose it was."""
        late = returned & (self.rng.random(len(returned)) < LATE_RETURNS)
        late &= len(self.returnable) > 0
        chosen = self.rng.integers(0, max(1, len(self.returnable)), int(late.sum()))
        earlier = self.returnable.take(pa.array(chosen)).combine_chunks()
        named = late & ~none
        by_name = earlier["customer_id"].filter(pa.array(named[late]))
        return (
            pc.replace_with_mask(
                return_for, pa.array(late), earlier["sale_id"].combine_chunks()
            ),
            pc.replace_with_mask(
                customer_id, pa.array(named), by_name.combine_chunks()
            ),
        )

    def _remember(
        self, sale_id: pa.Array, customer_id: pa.Array, returned: Flags
    ) -> None:
        """Let later sales return some of a day's: returns, and any others."""
        some = np.flatnonzero(returned)[: RETURNABLE_A_DAY // 2]
        others = self.rng.integers(0, len(returned), RETURNABLE_A_DAY - len(some))
        both = pa.table({"sale_id": sale_id, "customer_id": customer_id})
        chosen = both.take(pa.array(np.concatenate([some, others])))
        every = pa.concat_tables([self.returnable, chosen])
        self.returnable = every.slice(max(0, len(every) - RETURNABLE))

    def _moments(self, day: date, count: int) -> pa.Array:
        midnight = np.datetime64(day, "us").astype("int64")
        seconds = np.sort(self.rng.integers(OPENS, OPENS + OPEN_SECONDS, count))
        return pa.array(midnight + seconds * MICROSECONDS).cast(pa.timestamp("us"))

    def _pick(self, values: list[str], places: Places) -> pa.Array:
        return pa.array(values).take(pa.array(places))

    def _customers(self, buyer: Places, walk_in: Flags, none: Flags) -> pa.Array:
        named = self.buyers.take(pa.array(buyer))
        named = pc.if_else(pa.array(walk_in), pa.scalar(self.walk_in), named)
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


@dataclass(frozen=True)
class Sold:
    """A day's sales, and the web orders among them.

    These have ``number, buyer`` (its place among the customers)``, total_cents,
    sale_id`` and ``is_exported``: whether only the web shop knows which sale it is.
    """

    sales: pd.DataFrame
    orders: pd.DataFrame


@dataclass(frozen=True)
class TradingDay:
    """What happened on a day.

    Attributes:
        day: which.
        news: what the log got: the sales, and late changes of the day before.
        sales: those of the day.
        before: those of the day before, as they are now; nothing on the first day.
        orders: the web orders, as ``Sold`` has them.
    """

    day: date
    news: pd.DataFrame
    sales: pd.DataFrame
    before: pd.DataFrame | None
    orders: pd.DataFrame


def trade(till: Till, first: date, counts: Sequence[int]) -> Iterator[TradingDay]:
    """Sell on every day from the *first* on; yield each day."""
    lived: TradingDay | None = None
    for number, count in enumerate(counts):
        day = first + timedelta(days=number)
        sold = till.sell(day, count)
        now = TradingDay(day, sold.sales, sold.sales, None, sold.orders)
        lived = _live_on(till, lived, now)
        yield lived


def _live_on(till: Till, before: TradingDay | None, now: TradingDay) -> TradingDay:
    """Return the day *now* with what changes of the sales of the day before."""
    if before is None:
        return now
    some = len(before.sales) // CHANGED_LATE
    changed = till.change(before.sales[:some])
    return replace(
        now,
        news=pd.concat([now.sales, changed], ignore_index=True),
        before=pd.concat([changed, before.sales[some:]], ignore_index=True),
    )


def _originals(returned: Flags, unfit: Flags) -> Places:
    """Return for each sale its own place, or that of the one it returns.

    That is the last ordinary sale before it, if the day has one.
    """
    places = np.arange(len(returned))
    ordinary = np.maximum.accumulate(np.where(unfit, -1, places))
    return np.where(returned & (ordinary >= 0), ordinary, places)


def _only(values: pa.Array, where: Flags) -> pa.Array:
    return pc.if_else(pa.array(where), values, pa.scalar(None, pa.string()))


def _texts(numbers: Places, where: Flags) -> pa.Array:
    return _only(pa.array(numbers).cast(pa.string()), where)


def _money(cents: Places, returned: Flags, unpaid: Flags) -> dict[str, pa.Array]:
    without_tax = np.round(cents / TAX).astype("int64")
    sign = np.where(returned, -1, 1)
    no_gift_cards = pa.array(np.zeros(len(cents), dtype="int64"))
    return {
        "total_incl_cents": pa.array(cents * sign),
        "total_excl_cents": pa.array(without_tax * sign),
        "paid_cents": pa.array(np.where(unpaid, 0, cents * sign)),
        "refunded_incl_cents": pa.array(cents * returned),
        "refunded_excl_cents": pa.array(without_tax * returned),
        "sold_line_count": pa.array((~returned).astype("int64")),
        "gift_line_count": no_gift_cards,
        **{
            f"gift_{part}_{basis}_cents": no_gift_cards
            for part in ("sold", "paid")
            for basis in ("incl", "excl")
        },
    }
