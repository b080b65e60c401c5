"""One person explained: who it is, what counts, how it adds up, and what comes next.

The sums are made here once more, from the lines that are shown, in plain Python; they
are worth showing only if they are the figures that the pipeline published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS, cents_from
from analytics_pipeline.domain.money import divide_half_away
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.domain.tier_outlook import Outlook, Purchase, look_ahead


class LineKind(StrEnum):
    """What a line tells of."""

    SALE = "sale"
    WEB_ORDER = "web order"


@dataclass(frozen=True, slots=True)
class Member:
    """One record, or web-shop e-mail, of the person, and why it is one with the others.

    Attributes:
        record_id: the record; ``ecom-…`` for a web-shop e-mail.
        kind: a ``RecordKind``.
        standing: ``own`` (it gives the person its id), ``live`` or ``deleted``.
        customer_code: blank where there is none.
        has_placeholder_email: its e-mail joins nobody (rule 3.3).
        joined_by: forced, email or phone; blank for the own record.
        joined_to: the record that it shares this with; blank for the own record.
    """

    record_id: str
    kind: str
    standing: str
    customer_code: str
    has_placeholder_email: bool
    joined_by: str
    joined_to: str


@dataclass(frozen=True, slots=True)
class Line:
    """One sale or web order up to D, and why it counts or does not.

    ``record_id`` is the member that it is under: the record of a sale (blank if that is
    nobody's), the e-mail of a web order.  ``value_cents`` is what it is, or would be,
    worth; ``refunded_cents`` the worth of its return lines.  What does not ``count``
    is in no figure.
    """

    kind: LineKind
    id: str
    record_id: str
    day: date
    value_cents: int
    refunded_cents: int
    counts: bool
    is_order: bool
    is_ecom: bool
    why: str


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of a person as of D, named as in ``CustomerAnalytics``."""

    lifetime_value_cents: int
    rolling_90_day_value_cents: int
    order_count: int
    rolling_90_day_order_count: int
    average_order_value_cents: int | None
    first_order_date: date | None
    last_order_date: date | None
    days_since_last_order: int | None
    is_vip: bool
    is_high_value: bool
    ecom_order_count: int
    retail_order_count: int
    refunded_value_cents: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """A person as of a day, with everything that its row in the master comes from.

    Attributes:
        as_of: the day D.
        person_id: the person.
        name: as the master shows it; blank if there is none, as are the next two.
        email: as the master shows it.
        phone: as the master shows it.
        has_row: the master of D has the person; one of the web shop alone needs a
            counted order (rule 3.7).
        members: its records, its own one first.
        lines: its sales and web orders up to D, by day.
        figures: the sums of the lines that count.
        outlook: tier and segment, and when they next change.
        notes: what else a person should know, as sentences.
    """

    as_of: date
    person_id: str
    name: str
    email: str
    phone: str
    has_row: bool
    members: tuple[Member, ...]
    lines: tuple[Line, ...]
    figures: Figures
    outlook: Outlook
    notes: tuple[str, ...]

    @property
    def counted(self) -> tuple[Line, ...]:
        """The lines that count."""
        return tuple(line for line in self.lines if line.counts)

    @property
    def left_out(self) -> tuple[Line, ...]:
        """The lines that do not count."""
        return tuple(line for line in self.lines if not line.counts)


def window_start(day: date) -> date:
    """Return the first day of the rolling window of *day* (rule 5.2)."""
    return day - timedelta(days=ROLLING_DAYS - 1)


def add_up(lines: Sequence[Line], policy: Policy, day: date) -> Figures:
    """Add up the *lines* that count (rules 5.1 to 5.4)."""
    counted = [line for line in lines if line.counts]
    orders = [line for line in counted if line.is_order]
    recent = [line for line in counted if line.day >= window_start(day)]
    value = sum(line.value_cents for line in counted)
    days = [line.day for line in orders]
    last = max(days, default=None)
    vip, high = cents_from(policy.vip_from), cents_from(policy.high_value_from)
    return Figures(
        lifetime_value_cents=value,
        rolling_90_day_value_cents=sum(line.value_cents for line in recent),
        order_count=len(orders),
        rolling_90_day_order_count=sum(line.is_order for line in recent),
        average_order_value_cents=divide_half_away(value, len(orders))
        if orders
        else None,
        first_order_date=min(days, default=None),
        last_order_date=last,
        days_since_last_order=None if last is None else (day - last).days,
        is_vip=value >= vip,
        is_high_value=high <= value < vip,
        ecom_order_count=sum(line.is_ecom for line in orders),
        retail_order_count=sum(not line.is_ecom for line in orders),
        refunded_value_cents=sum(line.refunded_cents for line in counted),
    )


def foresee(lines: Sequence[Line], policy: Policy, day: date) -> Outlook:
    """Look ahead from the *lines* that count."""
    counted = (line for line in lines if line.counts)
    purchases = [
        Purchase(line.day, line.value_cents, line.is_order) for line in counted
    ]
    return look_ahead(purchases, policy, day)


def find_differences(
    figures: Figures, outlook: Outlook, row: Mapping[str, Any]
) -> list[str]:
    """Name the columns of a ``CustomerAnalytics`` *row* that say something else."""
    ours = asdict(figures) | {
        "tier": outlook.tier.value,
        "inactive_segment": outlook.segment.value,
    }
    return [name for name, value in ours.items() if value != _plain(row[name])]


def _plain(cell: Any) -> Any:
    """Return a cell of a frame as Python has it: days as dates, missing as None."""
    if pd.isna(cell):
        return None
    return cell.date() if isinstance(cell, pd.Timestamp) else cell
