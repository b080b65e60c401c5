"""Money that is in no figure of a person, told with its number and its sum.

Each of these is right by the rules, and none may go unseen: a person has to look.
"""

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.sales import find_short_sales
from analytics_pipeline.domain.wording import say


def judge_short_sales(raw_sales: pd.DataFrame, paid_tolerance_cents: int) -> Finding:
    """Report waiting sales that are paid but for less than 1.00 (rule 2.1).

    They do not count unless ``paid_tolerance`` says so.
    """
    short = find_short_sales(raw_sales, paid_tolerance_cents)
    total = int(short["total_incl_cents"].sum())
    missing = total - int(short["paid_cents"].sum())
    waiting = say(len(short), "sale that waits", "sales that wait")
    lacks = "lacks" if len(short) == 1 else "lack"
    return Finding(
        "no_sale_is_a_little_short",
        short.empty,
        "No waiting sale lacks less than 1.00 of its total."
        if short.empty
        else f"{waiting} for pickup or dispatch {lacks} less than 1.00 of the total "
        f"({format_cents(missing)} in all): {format_cents(total)} is not counted. "
        "If the tills round cash, set paid_tolerance in analytics.toml.",
        Severity.WARN,
        {
            "sales": len(short),
            "total": format_cents(total),
            "missing": format_cents(missing),
            "paid_tolerance": format_cents(paid_tolerance_cents),
            "sale_ids": name_some(short["sale_id"].tolist()),
        },
    )
