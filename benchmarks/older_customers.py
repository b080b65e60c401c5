"""Customers of a store from before the simulator opened it."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from analytics_pipeline.simulator.records import Customer
from benchmarks.invented_customers import invent_customers


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
            email=_text(row.email),
            phone=_text(row.phone),
            mobile=None,
            created_at=made.to_pydatetime(),
            updated_at=made.to_pydatetime(),
            version=int(str(row.version)),
        )


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)
