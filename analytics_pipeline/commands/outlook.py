"""Who drops a tier soon if nothing is bought, what keeps them, and what is at stake."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from analytics_pipeline.commands.tables import narrow, print_table
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.text import say
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import Shop, open_shop

if TYPE_CHECKING:
    import pandas as pd

    from analytics_pipeline.domain import tier_outlook
    from analytics_pipeline.model.schemas import insights, sources
else:
    pd = lazily("pandas")
    tier_outlook = lazily("analytics_pipeline.domain.tier_outlook")
    insights = lazily("analytics_pipeline.model.schemas.insights")
    sources = lazily("analytics_pipeline.model.schemas.sources")

MOST_PEOPLE = 20
"""How many are listed, those with the most at stake first."""


def outlook(settings: Settings, terminal: Terminal, *, within: int) -> None:
    """Print who drops a tier within so many days after the published one.

    Reads only, so it works while a run is under way.

    Raises:
        WrongUse: nothing is published yet.
        LocalFailure: the outlook of the published day is not there, or damaged.
    """
    shop = open_shop(settings)
    shop.versions.refuse_newer()
    published = shop.publication.published()
    if published is None:
        raise WrongUse(
            "Master CSV not found: there is nothing to look ahead from yet.",
            "Run: analytics-pipeline update",
        )
    day = date.fromisoformat(published.as_of)
    with terminal.working("reading the outlook", is_brief=True):
        by_day, people = read_drops(shop, day, within)
    terminal.facts |= {
        "as_of": day.isoformat(),
        "within_days": within,
        "by_day": [_as_fact(row) for row in by_day.to_dict("records")],
        "people": [_as_fact(row) for row in people.to_dict("records")],
    }
    narrow(terminal.out)
    _show(by_day, people, day, within, terminal)


def read_drops(shop: Shop, day: date, within: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what drops by day, and who, those with the most at stake first.

    The first has ``day, people, value_cents, spend_to_keep_cents``, a row for each of
    the days; the second a row a person: ``customer_id, customer_code, tier_drop_date,
    tier, tier_after_drop, value_cents, spend_to_keep_cents``.
    """
    stored = shop.load("tier_outlook", insights.TierOutlook, day.isoformat())
    rows = stored.rename(columns={"tier_value_cents": "value_cents"})
    by_day = tier_outlook.add_up_drops(
        rows.rename(columns={"customer_id": "person_id"}), day, within
    )
    last = pd.Timestamp(day + timedelta(days=within))
    codes = shop.load(
        "customers", sources.Customers, columns=("customer_id", "customer_code")
    )
    people = rows[rows["tier_drop_date"] <= last].merge(
        codes, on="customer_id", how="left", validate="1:1"
    )
    shown = [
        *("customer_id", "customer_code", "tier_drop_date", "tier"),
        *("tier_after_drop", "value_cents", "spend_to_keep_cents"),
    ]
    ordered = people.sort_values(
        ["value_cents", "customer_id"], ascending=[False, True], ignore_index=True
    )
    return by_day, ordered[shown]


def _as_fact(row: dict[Any, Any]) -> dict[str, Any]:
    """Return a row as the JSON document has it: days and amounts as texts."""
    fact: dict[str, Any] = {}
    for name, value in row.items():
        if str(name).endswith("_cents"):
            fact[str(name).removesuffix("_cents")] = format_cents(int(value))
        elif isinstance(value, pd.Timestamp):
            fact[str(name)] = value.date().isoformat()
        else:
            fact[str(name)] = None if pd.isna(value) else value
    return fact


def _show(
    by_day: pd.DataFrame,
    people: pd.DataFrame,
    day: date,
    within: int,
    terminal: Terminal,
) -> None:
    """Print the days and the people."""
    at_stake = format_cents(int(by_day["value_cents"].sum()))
    terminal.headline = (
        f"{say(len(people), 'person drops', 'people drop')} a tier within {within} "
        f"days of {day} unless they buy; {at_stake} of the last 90 days is at stake."
    )
    terminal.out.print(terminal.headline, highlight=False)
    terminal.out.print()
    _show_days(by_day[by_day["people"] > 0], terminal)
    _show_people(people, terminal)


def _show_days(by_day: pd.DataFrame, terminal: Terminal) -> None:
    """Print how many drop on each day, and what is at stake."""
    print_table(
        terminal,
        "By day",
        ("day", "people", "at stake", "to keep"),
        [
            (
                f"{row['day']:%Y-%m-%d}",
                f"{row['people']:,}",
                format_cents(int(row["value_cents"])),
                format_cents(int(row["spend_to_keep_cents"])),
            )
            for row in by_day.to_dict("records")
        ],
    )


def _show_people(people: pd.DataFrame, terminal: Terminal) -> None:
    """Print the people with the most at stake, by the code that staff see."""
    codes = people["customer_code"].fillna(people["customer_id"])
    print_table(
        terminal,
        "Who, those with the most at stake first",
        ("drops on", "customer", "tier", "after", "at stake", "to keep"),
        [
            (
                f"{row['tier_drop_date']:%Y-%m-%d}",
                str(code),
                row["tier"],
                row["tier_after_drop"],
                format_cents(int(row["value_cents"])),
                format_cents(int(row["spend_to_keep_cents"])),
            )
            for code, row in zip(
                codes, people.head(MOST_PEOPLE).to_dict("records"), strict=False
            )
        ],
        more=max(0, len(people) - MOST_PEOPLE),
    )
