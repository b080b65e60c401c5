"""Money that is in no figure of a person, told with its number and its sum.

Each of these is right by the rules, and none may go unseen: a person has to look.
"""

from datetime import date

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.policy import MoneyBasis, Policy
from analytics_pipeline.domain.sales import find_short_sales
from analytics_pipeline.domain.wording import say

UNNAMED = "not named"
"""Stands for an outlet or a register that the sale does not name."""

MOST_REGISTERS_TOLD = 3


def value_column(policy: Policy) -> str:
    """Return the column of ``RawSales`` that is a sale's value (rule 1.4)."""
    with_tax = policy.money_basis is MoneyBasis.INCL_TAX
    return "total_incl_cents" if with_tax else "total_excl_cents"


def judge_short_sales(raw_sales: pd.DataFrame, policy: Policy) -> Finding:
    """Report waiting sales that are paid but for less than 1.00 (rule 2.1).

    They do not count unless ``paid_tolerance`` says so.
    """
    short = find_short_sales(raw_sales, policy.paid_tolerance_cents)
    value = format_cents(int(short[value_column(policy)].sum()))
    missing = format_cents(int((short["total_incl_cents"] - short["paid_cents"]).sum()))
    waiting = say(len(short), "sale that waits", "sales that wait")
    lacks = "lacks" if len(short) == 1 else "lack"
    return Finding(
        "no_sale_is_a_little_short",
        short.empty,
        "No waiting sale lacks less than 1.00 of its total."
        if short.empty
        else f"{waiting} for pickup or dispatch {lacks} less than 1.00 of the total "
        f"({missing} in all), so {value} is not counted. If the tills round cash, set "
        "paid_tolerance in analytics.toml.",
        Severity.WARN,
        {
            "sales": len(short),
            "value": value,
            "missing": missing,
            "paid_tolerance": format_cents(policy.paid_tolerance_cents),
            "sale_ids": name_some(short["sale_id"].tolist()),
        },
    )


def judge_later_sales(later: pd.DataFrame, today: date, policy: Policy) -> Finding:
    """Report sales dated after *today*, which are in no figure (rules 1.1 and 1.5).

    Args:
        later: ``RawSales`` rows of them, with ``register_id``.
        today: in store time.
        policy: the shop's choices.
    """
    value = format_cents(int(later[value_column(policy)].sum()))
    earliest = "" if later.empty else str(later["business_date"].min())[:10]
    tills = name_registers(later)
    shown = "; ".join(tills[:MOST_REGISTERS_TOLD])
    more = len(tills) - MOST_REGISTERS_TOLD
    shown += f" and {more} more" if more > 0 else ""
    return Finding(
        "no_sale_is_dated_later",
        later.empty,
        "No sale is dated after today."
        if later.empty
        else f"{say(len(later), 'sale is', 'sales are')} dated after today ({today}), "
        f"the first one {earliest}, so {value} is in no figure. The clock of a till is "
        f"wrong ({shown}): set it, and correct the date of the sales in Lightspeed.",
        Severity.WARN,
        {
            "sales": len(later),
            "value": value,
            "earliest": earliest,
            "registers": name_some(tills),
            "sale_ids": name_some(later["sale_id"].tolist()),
        },
    )


def name_registers(later: pd.DataFrame) -> list[str]:
    """Return each register of the sales *later*, with its outlet, by their ids."""
    places = later[["register_id", "outlet_id"]].fillna(UNNAMED).drop_duplicates()
    return sorted(
        f"register {register}, outlet {outlet}"
        for register, outlet in places.itertuples(index=False, name=None)
    )


def judge_undelivered(undelivered: pd.DataFrame) -> Finding:
    """Report sales under customers of whom there is no record (rule 3.8).

    Args:
        undelivered: ``customer_id, sales, value_cents`` of each such customer.
    """
    sales = int(undelivered["sales"].sum())
    value = format_cents(int(undelivered["value_cents"].sum()))
    customers = say(len(undelivered), "customer", "customers")
    return Finding(
        "customers_have_records",
        undelivered.empty,
        "Every customer of a sale that counts has a record."
        if undelivered.empty
        else f"{say(sales, 'sale', 'sales')} of {customers} without a record "
        f"{'is' if sales == 1 else 'are'} unattributed: {value}. Lightspeed does not "
        "deliver these customers, or their records are in quarantine.",
        Severity.WARN,
        {
            "sales": sales,
            "value": value,
            "customers": len(undelivered),
            "customer_ids": name_some(undelivered["customer_id"].tolist()),
        },
    )
