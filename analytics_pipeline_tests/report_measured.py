"""Purchases of invented people, and what the report measures of them.

The sums are made a second time here, by walking the purchases one by one.
"""

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import Any

import ibis
import pandas as pd
from hypothesis import strategies as st

from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.domain.changes import no_changes
from analytics_pipeline.domain.report import (
    FIRST_ORDER,
    Measured,
    add_up_months,
    add_up_recent_days,
    count_cohorts,
    count_second_orders,
    join_first_orders,
    month_before,
)
from analytics_pipeline.engine.duckdb import columns_to_ibis
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline_tests.tables import rows_to_ibis

AS_OF = date(2026, 6, 20)
EVERYBODY = ("ann", "ben", "cas", "dee")
PURCHASE = {
    "sale_id": "string",
    "order_number": "string",
    "person_id": "string",
    "day": "timestamp",
    "value_cents": "int64",
    "orders": "int64",
    "is_ecom": "boolean",
    "refunded_cents": "int64",
}


def purchase(
    days_ago: int, cents: int, person: str | None = "ann", **changes: Any
) -> dict[str, Any]:
    """An order at a till, so many days before the day."""
    plain = {"orders": 1, "is_ecom": False, "refunded_cents": 0}
    row = {
        "person_id": person,
        "day": AS_OF - timedelta(days=days_ago),
        "value_cents": cents,
    }
    return plain | row | changes


@st.composite
def purchases(draw: Any) -> list[dict[str, Any]]:
    """Orders and returns of four people and of no one, over three years."""
    return draw(
        st.lists(
            st.builds(
                purchase,
                st.integers(0, 1000),
                st.integers(-40_000, 200_000),
                st.sampled_from([*EVERYBODY, None]),
                orders=st.integers(0, 1),
                is_ecom=st.booleans(),
            ),
            max_size=25,
        )
    )


def measure(
    engine: Any, rows: list[dict[str, Any]], policy: Policy | None = None
) -> Measured:
    """What the report measures of those purchases."""
    policy = policy or Policy()
    table = engine.create_table(
        ibis.util.gen_name("t"), rows_to_ibis(rows, PURCHASE), temp=True
    )
    people = rows_to_ibis(
        [{"person_id": each, "is_customer": True} for each in EVERYBODY],
        {"person_id": "string", "is_customer": "boolean"},
    )
    analytics = _people(engine, table, people, policy, AS_OF)
    then = month_before(AS_OF)
    until = table.filter(table["day"] <= ibis.timestamp(then.isoformat()))
    joined = join_first_orders(
        table, columns_to_ibis(analytics[list(FIRST_ORDER)], FIRST_ORDER)
    )
    recent = engine.to_pandas(add_up_recent_days(table, AS_OF)).iloc[0]
    return Measured(
        analytics=analytics,
        then=_people(engine, until, people, policy, then),
        months=engine.to_pandas(add_up_months(joined)),
        cohorts=engine.to_pandas(count_cohorts(joined)),
        second=engine.to_pandas(count_second_orders(joined)),
        recent=recent.drop("latest").fillna(0).astype("int64").to_dict(),
        changes=no_changes(),
        sides=_sides(rows),
        web_orders={},
        days={},
    )


def _people(
    engine: Any, table: Any, people: Any, policy: Policy, as_of: date
) -> pd.DataFrame:
    found = engine.to_pandas(measure_people(table, people, policy, as_of))
    return shape(found, CustomerAnalytics)


def _sides(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Both sides of the sums, as if everything had been sold at the tills."""
    sides: Counter[str] = Counter()
    for each in rows:
        owner = "unattributed" if each["person_id"] is None else "people"
        for side in (owner, "sales"):
            sides[f"{side}_cents"] += each["value_cents"]
            sides[f"{side}_orders"] += each["orders"]
    names = ("people", "unattributed", "gift_cards", "sales", "web_orders")
    return {f"{n}_{unit}": sides[f"{n}_{unit}"] for n in names for unit in
            ("cents", "orders")}  # fmt: skip


def first_orders(rows: list[dict[str, Any]]) -> dict[str, date]:
    """The day of each person's first order."""
    days: dict[str, list[date]] = defaultdict(list)
    for each in rows:
        if each["orders"] and each["person_id"] is not None:
            days[each["person_id"]].append(each["day"])
    return {person: min(found) for person, found in days.items()}
