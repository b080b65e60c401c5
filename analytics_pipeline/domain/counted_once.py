"""Web orders that are added although the tills seem to have them (rule 4.3).

Whatever changed the number of an order on its way, the order then has no sale and its
sale no order, and both count.
"""

from collections.abc import Collection
from datetime import timedelta

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.wording import say

CHECK = "orders_are_counted_once"

FEW_TWICE = 3
"""So many orders may look as if they counted twice without stopping the table."""


def find_counted_twice(added_orders: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """Return the added orders that a sale like them may stand for too.

    One row an order and sale: ``order_number``, ``total_cents``, ``sale_id``, sorted.
    A sale is like an order if it has its total, is of its day or the next, and is of
    the same person, as far as both say whose they are: many sales from the web shop
    have no customer until they are tied to their order (rule 4.5).

    Args:
        added_orders: ``order_number, person_id, order_date, total_cents`` of the orders
            that are added.
        sales: ``sale_id, person_id, business_date, total_incl_cents`` of the sales from
            the web shop that are no order's, whatever their state.
    """
    named = sales.rename(
        columns={
            "business_date": "day",
            "total_incl_cents": "total_cents",
            "person_id": "sale_person",
        }
    )
    days = (added_orders["order_date"] + timedelta(days=later) for later in (0, 1))
    dated = pd.concat([added_orders.assign(day=day) for day in days])
    pairs = dated.merge(named, on=["day", "total_cents"])
    is_same = pairs["person_id"] == pairs["sale_person"]
    is_unsaid = pairs["person_id"].isna() | pairs["sale_person"].isna()
    columns = ["order_number", "total_cents", "sale_id"]
    alike = pairs.loc[is_same | is_unsaid, columns]
    return alike.sort_values(columns, ignore_index=True)


def judge_counted_once(
    counted_twice: pd.DataFrame, added: int, accepted: Collection[str]
) -> Finding:
    """Warn of orders that may count twice; of many, stop the table.

    Args:
        counted_twice: as :func:`find_counted_twice` returns them.
        added: how many web orders are added.
        accepted: the orders of which a person has accepted that they are added: they
            stop nothing any more.
    """
    orders = counted_twice.drop_duplicates("order_number")
    numbers = orders["order_number"].tolist()
    fresh = orders.loc[~is_among(orders["order_number"], accepted), "order_number"]
    are_many = len(fresh) > FEW_TWICE and len(fresh) * 10 > added
    return Finding(
        CHECK,
        not numbers,
        f"{say(len(numbers), 'web order is', 'web orders are')} added although the "
        "tills have a sale from the web shop that is no other order's, of the same "
        "total and, as far as is known, of the same person, on that day or the next: "
        "they may count twice. See whether their numbers in the export are those of "
        f"the web shop: {name_some(numbers)}."
        if numbers
        else "No web order is added that a sale may stand for.",
        Severity.ERROR if are_many else Severity.WARN,
        {
            "orders": len(numbers),
            "orders_cents": int(orders["total_cents"].sum()),
            "accepted": len(numbers) - len(fresh),
            "added": added,
            "allowed": max(FEW_TWICE, added // 10),
            "order_numbers": name_some(numbers),
            "sales": name_some(sorted(set(counted_twice["sale_id"]))),
        },
        subject="\n".join(numbers),
    )
