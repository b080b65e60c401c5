"""Outlets and channels: where each person orders, and what each of them comes to.

Rules 12.1 and 12.2.
"""

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from analytics_pipeline.domain.cohorts import to_shares
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.ids import look_up
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.text import say
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


# ----------------------------------------------------------------------------------
# Outlets and channels by themselves. A *place* is an outlet and a channel.


_PLACE = ["outlet_id", "is_ecom"]


def add_up_places(purchase_days: ir.Table) -> ir.Table:
    """Return what was bought at each place, by whomever (rule 12.2).

    One row a place, ``outlet_id`` (missing where no outlet has it) and ``is_ecom``:
    ``value_cents, orders, refunded_value_cents``.

    Args:
        purchase_days: what :func:`domain.order_days.add_up_days` returns.
    """
    return purchase_days.group_by(_PLACE).aggregate(
        value_cents=purchase_days["value_cents"].sum().cast("int64"),
        orders=purchase_days["orders"].sum().cast("int64"),
        refunded_value_cents=purchase_days["refunded_cents"].sum().cast("int64"),
    )


def count_people_of_places(person_days: ir.Table) -> ir.Table:
    """Count the people who ordered at each place (rule 12.2).

    One row a place with an order of somebody: ``people``; ``new_people``, whose first
    order was here; ``repeat_people`` with two or more orders here; and
    ``elsewhere_people``, who also ordered at another outlet or by the other channel.
    What no outlet has was bought at no other outlet.  Who ordered at several places on
    the first day is new in store rather than online, and at the outlet whose id comes
    first.

    Args:
        person_days: ``person_id, outlet_id, is_ecom, day, orders``, any number of rows.
    """
    ordered = person_days.filter(person_days["orders"] > 0)
    own = ordered.group_by(["person_id", *_PLACE]).aggregate(
        orders=ordered["orders"].sum(), first_day=ordered["day"].min()
    )
    # Engines do not agree on where a missing outlet comes.
    earliest = [own["first_day"], own["is_ecom"], own["outlet_id"].fill_null("")]
    is_known = own["outlet_id"].notnull()
    online, known = own["is_ecom"].cast("int64"), is_known.cast("int64")
    by_both = online.min().over(group_by="person_id") != online.max().over(
        group_by="person_id"
    )
    at_several = known.sum().over(group_by="person_id") > 1
    ranked = own.mutate(
        rank=ibis.row_number().over(group_by="person_id", order_by=earliest),
        elsewhere=by_both | (is_known & at_several),
    )
    return ranked.group_by(_PLACE).aggregate(
        people=ranked.count(),
        new_people=(ranked["rank"] == 0).sum().cast("int64"),
        repeat_people=(ranked["orders"] > 1).sum().cast("int64"),
        elsewhere_people=ranked["elsewhere"].sum().cast("int64"),
    )


def describe_places(
    sums: pd.DataFrame, people: pd.DataFrame, outlets: pd.DataFrame
) -> pd.DataFrame:
    """Return ``OutletAnalytics`` but its day: by outlet, in store before online.

    Args:
        sums: what :func:`add_up_places` returns.
        people: what :func:`count_people_of_places` returns.
        outlets: ``Outlets``.
    """
    places = sums.merge(people, on=_PLACE, how="left", validate="1:1")
    counts = [name for name in people.columns if name not in _PLACE]
    places = places.fillna(dict.fromkeys(counts, 0)).astype(
        dict.fromkeys(counts, "int64")
    )
    words = {False: Channel.IN_STORE.value, True: Channel.ONLINE.value}
    known = places.assign(
        outlet_id=places["outlet_id"].astype("str"),
        channel=places["is_ecom"].map(words),
        repeat_basis_points=to_shares(places["repeat_people"], places["people"]),
        elsewhere_basis_points=to_shares(places["elsewhere_people"], places["people"]),
    )
    named = known.assign(outlet=name_outlets(known["outlet_id"], outlets))
    return named.sort_values(["outlet_id", "channel"], ignore_index=True)


def check_places(
    outlet_analytics: pd.DataFrame,
    customer_analytics: pd.DataFrame,
    shop: Mapping[str, int],
) -> CheckResult:
    """Check that the places add up to the shop, to the cent (rule 12.2).

    Args:
        outlet_analytics: ``OutletAnalytics``.
        customer_analytics: ``CustomerAnalytics`` of the same day.
        shop: ``value_cents`` and ``orders`` of all sales that count, and of the web
            orders that add.
    """
    found = {
        "value_cents": int(outlet_analytics["value_cents"].sum()),
        "orders": int(outlet_analytics["orders"].sum()),
        "new_people": int(outlet_analytics["new_people"].sum()),
    }
    people = int((customer_analytics["order_count"] > 0).sum())
    expected = {**shop, "new_people": people}
    return CheckResult(
        "outlets_add_up",
        found == expected,
        f"The outlets come to {format_cents(found['value_cents'])} of "
        f"{say(found['orders'], 'order', 'orders')}, the shop to "
        f"{format_cents(expected['value_cents'])} of "
        f"{say(expected['orders'], 'order', 'orders')}. "
        f"{say(found['new_people'], 'person is', 'people are')} new at an outlet, of "
        f"{people:,} with an order.",
        evidence=found | {f"expected_{name}": n for name, n in expected.items()},
    )
