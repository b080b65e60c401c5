"""What changed between two published masters, and by what."""

from typing import Any

import pandera.pandas as pa

from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.model.schemas.table import (
    Day,
    Table,
    amount_or_text,
    day,
    identifier,
    optional_day,
    text,
    titled,
)
from analytics_pipeline.model.vocabulary import ChangeCause, ChangeKind


def _money(title: str) -> Any:
    return pa.Field(
        in_range={"min_value": -LARGEST_AMOUNT, "max_value": LARGEST_AMOUNT},
        title=title,
        description=f"cents: what this adds to the master's {title}".replace(
            " Change", ""
        ),
    )


def _count(title: str) -> Any:
    return pa.Field(
        title=title,
        description=f"what this adds to the master's {title}".replace(" Change", ""),
    )


class CustomerChanges(Table):
    """One change of one person between two published masters, with its cause.

    The numbers add up: over all rows, each is the difference of the two masters'
    totals, and over the rows of a person, of that person's figures.
    """

    as_of: Day = day("the day of the later master", title="As Of")
    previous_as_of: Day = day("the day of the earlier one", title="Previous As Of")
    customer_id: str = titled(identifier("the person"), "Customer ID")
    change: str = pa.Field(
        isin=list(ChangeKind), title="Change", description="what changed of the person"
    )
    before: str = titled(
        amount_or_text(
            "how it was: tier, segment, group, person, or the first of the figures on "
            "the right that is another one now; of an order that only moved, its day"
        ),
        "Before",
    )
    after: str = titled(amount_or_text("how it is now; never as it was"), "After")
    cause: str = pa.Field(
        isin=list(ChangeCause), title="Cause", description="what did it"
    )
    cause_id: str = titled(
        text("the sale, web order or record that did it"), "Cause ID"
    )
    cause_date: Day = optional_day(
        "its day, when a window or threshold was passed, or the end of the quarter "
        "that the edges are of",
        title="Cause Date",
    )
    person_change: int = pa.Field(
        title="Person Change", description="what this adds to the number of people"
    )
    lifetime_value_change_cents: int = _money("Lifetime Value Change")
    rolling_90_day_value_change_cents: int = _money("Rolling 90-Day Value Change")
    order_count_change: int = _count("Order Count Change")
    rolling_90_day_order_count_change: int = _count("Rolling 90-Day Order Count Change")
    ecom_order_count_change: int = _count("eCom Order Count Change")
    refunded_value_change_cents: int = _money("Refunded Value Change")
