"""Where each person orders: the home outlet, and in store or online (rule 12.1)."""

from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from analytics_pipeline.model.ids import look_up
from analytics_pipeline.model.vocabulary import Channel


def find_home_outlets(person_days: ir.Table) -> ir.Table:
    """Return each person's home outlet: the one with the most orders (rule 12.1).

    One row a person with an order at an outlet: ``person_id, home_outlet_id``.  Of
    outlets with as many orders it is that of the latest order; of those with an order
    on the same latest day, the one whose id comes first.

    Args:
        person_days: ``person_id, outlet_id, day, orders``, any number of rows each:
            see :func:`domain.order_days.add_up_days`.  The outlet is missing
            for orders that no outlet has, such as web orders that are no sale; these
            are in no home outlet, and neither are rows without orders.
    """
    known = person_days.filter(
        person_days["outlet_id"].notnull(), person_days["orders"] > 0
    )
    sums = known.group_by(["person_id", "outlet_id"]).aggregate(
        orders=known["orders"].sum(), last_day=known["day"].max()
    )
    best = [sums["orders"].desc(), sums["last_day"].desc(), sums["outlet_id"]]
    place = ibis.row_number().over(group_by="person_id", order_by=best)
    ranked = sums.mutate(place=place)
    return ranked.filter(ranked["place"] == 0).select(
        "person_id", home_outlet_id="outlet_id"
    )


def name_outlets(ids: "pd.Series[str]", outlets: pd.DataFrame) -> "pd.Series[str]":
    """Return what staff call each outlet; its id where it has no name.

    Args:
        ids: of outlets; may be missing.
        outlets: ``Outlets``.
    """
    named = outlets.dropna(subset=["name"])
    return look_up(ids, named["outlet_id"], named["name"]).fillna(ids).astype("str")


def find_channels(retail_orders: Any, ecom_orders: Any) -> "pd.Series[str]":
    """Return by which channel each person orders, by all orders ever (rule 12.1).

    A :class:`Channel`; missing without an order.

    Args:
        retail_orders: ``retail_order_count`` of ``CustomerAnalytics``.
        ecom_orders: ``ecom_order_count``, of the same people.
    """
    in_store, online = np.asarray(retail_orders) > 0, np.asarray(ecom_orders) > 0
    words = [None, Channel.IN_STORE.value, Channel.ONLINE.value, Channel.BOTH.value]
    place = in_store.astype("int64") + 2 * online.astype("int64")
    channels = np.array(words, dtype="object")[place]
    return pd.Series(channels, getattr(retail_orders, "index", None), dtype="str")
