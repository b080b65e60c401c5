"""Where each person orders: the home outlet, and in store or online (rule 12.1)."""

from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.model.vocabulary import Channel


def find_home_outlets(orders: pd.DataFrame) -> pd.DataFrame:
    """Return each person's home outlet: the one with the most orders (rule 12.1).

    One row a person with an order at an outlet, ordered by id: ``person_id,
    home_outlet_id``.  Of outlets with as many orders it is that of the latest order; of
    those with an order on the same latest day, the one whose id comes first.

    Args:
        orders: the orders up to D, added up: ``person_id, outlet_id, orders,
            last_order_date``, each person and outlet once.  The outlet is missing for
            orders that no outlet has, such as web orders that are no sale; these are
            in no home outlet, and neither are rows without orders.
    """
    known = orders[orders["outlet_id"].notna() & (orders["orders"] > 0)]
    ranked = known.sort_values(
        ["person_id", "orders", "last_order_date", "outlet_id"],
        ascending=[True, False, False, True],
    )
    homes = ranked.drop_duplicates("person_id")[["person_id", "outlet_id"]]
    named = homes.rename(columns={"outlet_id": "home_outlet_id"})
    return named.reset_index(drop=True)


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
