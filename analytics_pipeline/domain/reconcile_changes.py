"""The changes between two masters held against the masters themselves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analytics_pipeline.domain.contributions import FIGURES, MEASURES
from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.wording import say
from analytics_pipeline.vocabulary import ChangeCause, ChangeKind

GRADES = {ChangeKind.TIER: "tier", ChangeKind.SEGMENT: "inactive_segment"}


def list_moved_people(before: pd.DataFrame, after: pd.DataFrame) -> "pd.Index[str]":
    """Return the people of whom anything but the passing of days is another now.

    Args:
        before: ``CustomerAnalytics`` of the earlier master.
        after: of the later one.
    """
    aside = ["as_of", "days_since_last_order"]
    sides = [
        figures.drop(columns=aside).set_index("customer_id")
        for figures in (before, after)
    ]
    every = sides[0].index.union(sides[1].index)
    moved = np.zeros(len(every), dtype="bool")
    # A column at a time: all at once would take gigabytes for a million.
    for name in sides[0].columns:
        one, two = (side[name].reindex(every) for side in sides)
        differs = (one != two).fillna(True).astype("bool")
        moved |= (differs & ~(one.isna() & two.isna())).to_numpy()
    return every[moved]


def judge_figures(
    figures: pd.DataFrame,
    contributions: pd.DataFrame,
    people: "pd.Index[str]",
    totals: Mapping[str, int],
) -> Finding:
    """Check that the published figures are what sales and web orders come to now.

    Args:
        figures: ``CustomerAnalytics`` of the day.
        contributions: every purchase of *people* as of the day.
        people: of whom each figure is compared.
        totals: ``value_cents`` and ``orders`` of everybody's purchases.
    """
    sums = contributions.groupby("person_id")[FIGURES].sum()
    held = figures.set_index("customer_id")[FIGURES]
    held = held[held.index.isin(people)]
    differ = held.sub(sums, fill_value=0).ne(0).any(axis="columns")
    sides = {
        "figures_value_cents": int(figures["lifetime_value_cents"].sum()),
        "sales_value_cents": totals["value_cents"],
        "figures_orders": int(figures["order_count"].sum()),
        "sales_orders": totals["orders"],
    }
    passed = not differ.any() and (
        sides["figures_value_cents"] == sides["sales_value_cents"]
        and sides["figures_orders"] == sides["sales_orders"]
    )
    return Finding(
        "figures_are_current",
        passed,
        "The figures are what sales and web orders come to."
        if passed
        else "The figures are not what sales and web orders come to now. Materialize "
        "customer_analytics and what is below it first.",
        evidence={**sides, "people_that_differ": int(differ.sum())},
    )


def add_up_changes(
    before: pd.DataFrame, after: pd.DataFrame, changes: pd.DataFrame
) -> Finding:
    """Compare the sums of *changes* with the differences of the two masters.

    All numbers, the number of people, and how many people each tier and segment has.
    """
    masters = {
        name: int(after[figure].sum()) - int(before[figure].sum())
        for name, figure in MEASURES.items()
    } | {"person_change": len(after) - len(before)}
    told = {name: int(changes[name].sum()) for name in masters}
    wrong_grades = sum(_grades_apart(before, after, changes, kind) for kind in GRADES)
    wrong = sorted(name for name in masters if masters[name] != told[name])
    passed = not wrong and not wrong_grades
    return Finding(
        "changes_add_up",
        passed,
        "The changes add up to the difference of the two masters."
        if passed
        else "The changes do not add up to the difference of the two masters: "
        f"{', '.join(wrong) or 'tiers and segments'}.",
        evidence={
            **{f"masters_{name}": masters[name] for name in masters},
            **{f"changes_{name}": told[name] for name in masters},
            "wrong_tiers_and_segments": wrong_grades,
        },
    )


def _grades_apart(
    before: pd.DataFrame, after: pd.DataFrame, changes: pd.DataFrame, kind: ChangeKind
) -> int:
    """Count the grades whose gain in people is not what the changes say."""
    figure, rows = GRADES[kind], changes[changes["change"] == kind]
    gained = (
        after[figure].value_counts().sub(before[figure].value_counts(), fill_value=0)
    )
    told = rows["after"].value_counts().sub(rows["before"].value_counts(), fill_value=0)
    return int((gained.sub(told, fill_value=0) != 0).sum())


def judge_causes(changes: pd.DataFrame) -> Finding:
    """Warn of changes whose cause is not known any more."""
    unknown = changes[changes["cause"] == ChangeCause.UNKNOWN]
    return Finding(
        "causes_are_known",
        unknown.empty,
        "Every change has its cause."
        if unknown.empty
        else f"{say(len(unknown), 'change has', 'changes have')} no known cause: the "
        "log of sales was damaged, or read anew more than once, since the earlier "
        "master.",
        Severity.WARN,
        {"changes": len(changes), "unknown": len(unknown)},
    )
