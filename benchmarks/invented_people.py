"""People who do not exist: their ids, customer records, and a master of them.

Three in ten records are a second, third or fourth one of somebody, by e-mail or by
phone in turn so that they make chains; some are deleted, some have a placeholder
e-mail or a number that a whole firm shares, and one name in five is not the person's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
from analytics_pipeline.model.vocabulary import (
    InactiveSegment,
    LapseState,
    RfmGroup,
    Tier,
)
from analytics_pipeline.simulator.records import Customer
from analytics_pipeline.storage.parquet import encode, shape
from benchmarks import LAST
from benchmarks.worker import Stopwatch

Numbers = npt.NDArray[np.int64]

# ----------------------------------------------------------------------------------
# Ids that look like UUIDs, millions of them in a moment.


_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_LENGTH = 36
_DASHES = (8, 13, 18, 23)
_PLACES = [place for place in range(_LENGTH) if place not in _DASHES]


def draw_ids(rng: np.random.Generator, count: int) -> pa.Array:
    """Return *count* ids as Arrow text."""
    drawn = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    digits = np.empty((count, 32), dtype=np.uint8)
    digits[:, 0::2], digits[:, 1::2] = _DIGITS[drawn >> 4], _DIGITS[drawn & 15]
    written = np.full((count, _LENGTH), ord("-"), dtype=np.uint8)
    written[:, _PLACES] = digits
    ends = np.arange(0, (count + 1) * _LENGTH, _LENGTH, dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(written.tobytes())]
    return pa.Array.from_buffers(pa.string(), count, buffers)


# ----------------------------------------------------------------------------------
# Customer records, with every kind of duplicate.


LAYERS = (0.70, 0.20, 0.07, 0.03)
"""Shares of all records: the first one of somebody, the second, and so on."""

FIRMS, FIRM_SIZE = 20, 50
NO_PEOPLE = -1


def invent_customers(count: int, seed: int = 7) -> pd.DataFrame:
    """Return ``Customers`` of *count* invented records, sorted by id."""
    rng = np.random.default_rng(seed)
    holder, email, phone, mobile = _invent_keys(count, rng)
    misspelt = np.where(rng.random(count) < 0.2, rng.integers(0, count, count), holder)
    firsts = ["Ada", "Bob", "Cleo", "Édith", "Frank"]
    names = [f"{firsts[n % 5]} Person{n:x}" for n in misspelt.tolist()]
    is_placeholder = (email == NO_PEOPLE) & (rng.random(count) < 0.2)
    typed = _texts(email, "guest{}@example.com")
    days = pd.to_timedelta(rng.integers(0, 2000, count), unit="D")
    created = (pd.Timestamp("2020-01-01", tz="UTC") + days).as_unit("us")
    table = pd.DataFrame(
        {
            "customer_id": draw_ids(rng, count).to_pandas(),
            "version": np.arange(1, count + 1),
            "customer_code": pd.Series([None] * count, dtype="str"),
            "name": pd.Series(names, dtype="str"),
            "email": typed.where(~is_placeholder, "noemail@example.com"),
            "phone": _texts(phone, "+1{:010}"),
            "created_at": created,
            "updated_at": created,
            "is_deleted": rng.random(count) < 0.04,
            "is_walk_in": np.arange(count) == count // 2,
            "email_key": _texts(email, "e{:031x}"),
            "phone_key": _texts(phone, "a{:031x}"),
            "mobile_key": _texts(mobile, "a{:031x}"),
            "customer_group_id": pd.Series([None] * count, dtype="str"),
            "customer_group": pd.Series([None] * count, dtype="str"),
            "do_not_email": pd.Series([None] * count, dtype="boolean"),
            "enable_promotional_sms": pd.Series([None] * count, dtype="boolean"),
        }
    )
    return table.sort_values("customer_id", ignore_index=True)


def _invent_keys(
    count: int, rng: np.random.Generator
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return whose each record is, and the numbers of its e-mail and two phones."""
    email, phone, mobile = (
        np.where(rng.random(count) < share, np.arange(count) + offset, NO_PEOPLE)
        for share, offset in ((0.8, 0), (0.7, count), (0.2, 2 * count))
    )
    holder = np.arange(count)
    bounds = (np.cumsum((0, *LAYERS)) * count).astype("int64")
    for layer in range(1, len(LAYERS)):
        later = np.arange(bounds[layer], bounds[layer + 1])
        known = rng.integers(bounds[layer - 1], bounds[layer], len(later))
        holder[later] = holder[known]
        if layer % 2:
            email[later] = email[known]
        else:
            mobile[later] = phone[known]
    staff = rng.integers(0, count, (FIRMS, FIRM_SIZE))
    for firm, members in enumerate(staff):
        phone[members] = 3 * count + firm
    return holder, email, phone, mobile


def _texts(numbers: Numbers, pattern: str) -> pd.Series:
    texts = [pattern.format(n) if n != NO_PEOPLE else None for n in numbers.tolist()]
    return pd.Series(texts, dtype="str")


# ----------------------------------------------------------------------------------
# The same records as the simulated store keeps them.


def older_customers(count: int) -> Iterator[Customer]:
    """Yield invented customers as the simulated store keeps them.

    Their versions are below every one that the store gives.
    """
    frame = invent_customers(count)
    for row in frame[~frame["is_walk_in"]].itertuples():
        first, _, last = str(row.name).partition(" ")
        made: Any = row.created_at
        yield Customer(
            id=str(row.customer_id),
            customer_code=f"{first}-{row.version:06X}",
            first_name=first,
            last_name=last,
            company_name=None,
            email=_text_or_none(row.email),
            phone=_text_or_none(row.phone),
            mobile=None,
            created_at=made.to_pydatetime(),
            updated_at=made.to_pydatetime(),
            version=int(str(row.version)),
        )


def _text_or_none(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


# ----------------------------------------------------------------------------------
# A master, with the cells that make a CSV hard.


MASTER = "master.parquet"
HARD_NAMES = ("Ada, Countess", 'Bob "Bobby" Roe', "=HYPERLINK()", "@handle", "+1 (555)")


def write_master(_stopwatch: Stopwatch, folder: str, count: int) -> None:
    """Write a master of *count* people as the product stores tables."""
    content = encode(invent_master(count), CustomerAnalyticsMaster)
    (Path(folder) / MASTER).write_bytes(content)


def invent_master(count: int, seed: int = 3) -> pd.DataFrame:
    """Return ``CustomerAnalyticsMaster`` of *count* invented people."""
    rng = np.random.default_rng(seed)
    people = invent_customers(count, seed)
    cents = np.exp(rng.normal(9, 1.4, count)).astype("int64") - 2_000
    orders = rng.poisson(2, count)
    days = rng.integers(0, 900, count)
    last = pd.Series(pd.Timestamp(LAST) - pd.to_timedelta(days, unit="D"))
    first = last - pd.to_timedelta(rng.integers(0, 400, count), unit="D")
    has_order = orders > 0
    ecom = rng.binomial(orders, 0.2)
    names = people["name"].mask(rng.random(count) < 0.01, rng.choice(HARD_NAMES, count))
    merged = rng.random(count) < 0.1
    frame = pd.DataFrame(
        {
            "customer_id": people["customer_id"],
            "customer_code": [f"C-{n:06X}" for n in range(count)],
            "name": names,
            "email": people["email"],
            "phone": people["phone"],
            "lifetime_value_cents": cents,
            "rolling_90_day_value_cents": cents * (days < 90),
            "order_count": orders,
            "rolling_90_day_order_count": orders * (days < 90),
            "average_order_value_cents": pd.array(cents // np.maximum(orders, 1)),
            "first_order_date": first.where(has_order),
            "last_order_date": last.where(has_order),
            "days_since_last_order": pd.array(days),
            "is_vip": cents >= 100_000,
            "is_high_value": (cents >= 50_000) & (cents < 100_000),
            "inactive_segment": rng.choice(list(InactiveSegment), count),
            "tier": rng.choice(list(Tier), count),
            "ecom_order_count": ecom,
            "retail_order_count": orders - ecom,
            "refunded_value_cents": (cents * (rng.random(count) < 0.05)).clip(0),
            "duplicate_ids": people["customer_id"].where(merged),
            "note": pd.Series("Merged 1 duplicate records", people.index).where(merged),
        }
    ).assign(**_insights(rng, last.where(has_order), cents))
    for name in ("average_order_value_cents", "days_since_last_order"):
        frame[name] = frame[name].mask(~has_order)
    return shape(frame, CustomerAnalyticsMaster)


def _insights(
    rng: np.random.Generator, last: "pd.Series[Any]", cents: Any
) -> dict[str, Any]:
    """Return the columns that say what comes next; some are empty for some."""
    count = len(last)
    is_known = rng.random(count) < 0.6

    def number(most: int) -> Any:
        return pd.Series(pd.array(rng.integers(0, most, count))).where(is_known)

    def word(words: Any) -> Any:
        return pd.Series(rng.choice(list(words), count)).where(is_known)

    days = pd.to_timedelta(rng.integers(1, 200, count), unit="D")
    return {
        "tier_drop_date": (last + days).where(is_known),
        "tier_after_drop": word(Tier),
        "spend_to_keep_cents": number(90_000),
        "next_tier": word(Tier),
        "spend_to_next_cents": number(90_000),
        "home_outlet": word(["Main Street", "Harbour, East", "Mall"]),
        "channel": word(["in store", "online", "both"]),
        "rfm_score": pd.Series(rng.integers(111, 556, count)).astype("str"),
        "rfm_group": rng.choice(list(RfmGroup), count),
        "average_days_between_orders_tenths": number(4_000),
        "lapse_state": word(LapseState),
        "predicted_orders_365_days_hundredths": number(2_000),
        "predicted_value_365_days_cents": number(200_000),
        "chance_of_order_90_days_thousandths": number(1_000),
        "expected_next_order_date": (last + 2 * days).where(is_known),
        "predicted_total_value_cents": pd.array(cents) + 1_000,
    }
