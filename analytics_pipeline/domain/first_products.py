"""First products: what people buy on their first order day, and what comes of it.

Rule 12.4.  The engine joins and counts; a row a product is fetched.  Variants count
under the product that their family is known by.
"""

from datetime import date, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.domain.cohorts import (
    REPURCHASE_DAYS,
    divide_half_away,
    to_shares,
)
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.ids import look_up
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import SaleLineKind

VALUE_DAYS = (90, 365)
"""Up to how many days after the first order day people's value is added up."""

FAMILY = {"product_id": "string", "family_id": "string"}
"""The family of each product, as the engine takes it."""

FIRST, SECOND = 1, 2


# ----------------------------------------------------------------------------------
# What the engine joins and counts: Ibis expressions.


def follow_buyers(joined: ir.Table) -> ir.Table:
    """Return what followed the first order day of each person with an order.

    One row a ``person_id``: ``first_day``; ``second_day``, missing where no later day
    has an order; ``value_90_days`` and ``value_365_days``, the cents up to so many days
    after the first, with what came before it.

    Args:
        joined: what :func:`domain.report.join_first_orders` makes of the days of
            people.
    """
    own = joined.filter(joined["days_since_first"].notnull())
    since, ordered = own["days_since_first"], own["orders"] > 0
    return own.group_by("person_id").aggregate(
        first_day=own["day"].min(where=ordered),
        second_day=own["day"].min(where=ordered & (since > 0)),
        **{
            f"value_{days}_days": own["value_cents"]
            .sum(where=since <= days)
            .cast("int64")
            .fill_null(0)
            for days in VALUE_DAYS
        },
    )


def list_order_days(followed: ir.Table) -> ir.Table:
    """Return the first and the second order days: ``person_id, day, number``.

    Args:
        followed: what :func:`follow_buyers` returns.
    """
    days = [
        followed.filter(followed[name].notnull()).select(
            "person_id", day=followed[name], number=ibis.literal(number, "int64")
        )
        for name, number in (("first_day", FIRST), ("second_day", SECOND))
    ]
    return ibis.union(*days, distinct=False)


def list_bought(orders: ir.Table, sale_lines: ir.Table, families: ir.Table) -> ir.Table:
    """Return which families of products people bought on the first two order days.

    One row a ``person_id``, ``number`` of the order day, and ``family_id``.  Goods that
    were taken back in the same sale are not bought; a product that is not known is a
    family of its own.

    Args:
        orders: ``sale_id, person_id, number`` of the orders of these days.
        sale_lines: ``SaleLines``.
        families: the columns ``FAMILY`` of all products, each once.
    """
    goods = sale_lines.filter(
        sale_lines["kind"] == SaleLineKind.GOODS.value,
        ~sale_lines["is_return"],
        sale_lines["product_id"].notnull(),
    ).select("sale_id", "product_id")
    bought = goods.inner_join(orders, "sale_id").left_join(families, "product_id")
    return bought.select(
        "person_id",
        "number",
        family_id=ibis.coalesce(bought["family_id"], bought["product_id"]),
    ).distinct()


def count_first_buyers(bought: ir.Table, followed: ir.Table, as_of: date) -> ir.Table:
    """Count what came of the first buyers of each family.

    One row a ``family_id``: ``first_buyers``; for each of the ``REPURCHASE_DAYS`` how
    many had so many days up to D (``followed_30_people``), and of these a second order
    day within them (``repurchased_30_people``); the value of those who had so many days
    (``value_90_days_cents``).

    Args:
        bought: what :func:`list_bought` returns.
        followed: what :func:`follow_buyers` returns.
        as_of: the day D.
    """
    firsts = bought.filter(bought["number"] == FIRST)
    own = firsts.inner_join(followed, "person_id")
    first, second = own["first_day"], own["second_day"]
    waited = (second.epoch_seconds() - first.epoch_seconds()) / 86_400
    counts: dict[str, Any] = {"first_buyers": own.count()}
    for days in REPURCHASE_DAYS:
        until = ibis.timestamp((as_of - timedelta(days=days)).isoformat())
        had_days = first <= until
        again = (had_days & (waited <= days)).fill_null(False)
        counts[f"followed_{days}_people"] = had_days.sum().cast("int64")
        counts[f"repurchased_{days}_people"] = again.sum().cast("int64")
        if days in VALUE_DAYS:
            value = own[f"value_{days}_days"].sum(where=had_days)
            counts[f"value_{days}_days_cents"] = value.cast("int64").fill_null(0)
    return own.group_by("family_id").aggregate(**counts)


def find_next_families(bought: ir.Table) -> ir.Table:
    """Return what most of a family's first buyers bought on the second order day.

    One row a ``family_id`` with such a buyer: ``next_family_id``, of several the one
    whose id comes first, and ``next_people``.

    Args:
        bought: what :func:`list_bought` returns.
    """
    firsts = bought.filter(bought["number"] == FIRST).select("person_id", "family_id")
    later = bought.filter(bought["number"] == SECOND)
    later = later.select("person_id", next_family_id="family_id")
    pairs = firsts.inner_join(later, "person_id")
    counts = pairs.group_by(["family_id", "next_family_id"]).aggregate(
        next_people=pairs.count()
    )
    most = [counts["next_people"].desc(), counts["next_family_id"]]
    rank = ibis.row_number().over(group_by="family_id", order_by=most)
    ranked = counts.mutate(rank=rank)
    return ranked.filter(ranked["rank"] == 0).drop("rank")


# ----------------------------------------------------------------------------------
# What is derived from the counts.


def describe_first_products(
    counts: pd.DataFrame, following: pd.DataFrame, products: pd.DataFrame
) -> pd.DataFrame:
    """Return ``ProductAnalytics`` but its day, the most often first bought one first.

    Args:
        counts: what :func:`count_first_buyers` returns.
        following: what :func:`find_next_families` returns.
        products: the latest version of every product.
    """
    rows = counts.merge(following, on="family_id", how="left", validate="1:1")
    shares: dict[str, Any] = {}
    for days in REPURCHASE_DAYS:
        followed = rows[f"followed_{days}_people"]
        shares[f"repurchase_{days}_basis_points"] = to_shares(
            rows[f"repurchased_{days}_people"], followed
        )
        if days in VALUE_DAYS:
            value, people = rows[f"value_{days}_days_cents"], followed.to_numpy("int64")
            average = divide_half_away(value.to_numpy("int64"), people.clip(min=1))
            name = f"average_value_{days}_days_cents"
            shares[name] = pd.arrays.IntegerArray(average, people == 0)
    ids, later = rows["family_id"].astype("str"), rows["next_family_id"].astype("str")
    return rows.assign(
        product_id=ids,
        product=name_families(ids, products),
        next_product_id=later,
        next_product=name_families(later, products),
        next_people=rows["next_people"].fillna(0).astype("int64"),
        **shares,
    ).sort_values(
        ["first_buyers", "product_id"], ascending=[False, True], ignore_index=True
    )


def name_families(ids: "pd.Series[str]", products: pd.DataFrame) -> "pd.Series[str]":
    """Return what staff call each family; of variants that is one name."""
    named = products.dropna(subset=["name"]).sort_values("product_id")
    named = named.drop_duplicates("family_id")
    return look_up(ids, named["family_id"], named["name"]).astype("str")


def check_first_products(
    product_analytics: pd.DataFrame, customer_analytics: pd.DataFrame
) -> CheckResult:
    """Check that no one is counted twice for a product (rule 12.4).

    Args:
        product_analytics: ``ProductAnalytics``.
        customer_analytics: ``CustomerAnalytics`` of the same day.
    """
    people = int((customer_analytics["order_count"] > 0).sum())
    again = int((customer_analytics["order_count"] > 1).sum())
    most = int(product_analytics["first_buyers"].max()) if len(product_analytics) else 0
    excess = product_analytics["first_buyers"] > people
    for days in REPURCHASE_DAYS:
        followed = product_analytics[f"followed_{days}_people"]
        returned = product_analytics[f"repurchased_{days}_people"]
        excess |= (followed > product_analytics["first_buyers"]) | (returned > followed)
        excess |= returned > again
    wrong = int(excess.sum())
    return CheckResult(
        "buyers_are_counted_once",
        wrong == 0,
        f"{say(wrong, 'product has', 'products have')} more first buyers than there "
        "are people with an order, or more who came back. The most that one product "
        f"has are {most:,} of {people:,}.",
        evidence={"wrong": wrong, "people": people, "most_first_buyers": most},
    )
