"""``customer_rfm``: scores, groups, rhythm and place of everyone (rules 10, 12.1)."""

import json
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import TableRun, table
from analytics_pipeline.domain.channels import (
    find_channels,
    find_home_outlets,
    name_outlets,
)
from analytics_pipeline.domain.order_days import count_gaps, summarize_people
from analytics_pipeline.domain.rfm import (
    RfmEdges,
    check_scores,
    find_edges,
    grade_people,
    note_edges,
    quarter_end_before,
)
from analytics_pipeline.domain.rhythm import (
    CameBack,
    LapsePoint,
    add_open_spells,
    average_tenths_between,
    count_came_back,
    estimate_survival,
    find_lapse_point,
    find_lapse_states,
    say_lapse_point,
)
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.insights import CustomerRfm
from analytics_pipeline.model.vocabulary import LapseState, RfmGroup
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import CUSTOMER_RFM

EDGES = "edges"
"""The note with the edges that the day is scored by."""


@table(CUSTOMER_RFM)
def customer_rfm(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    outlets: pd.DataFrame,
) -> Candidate:
    """Score everyone as of the day, by the edges of the quarter before."""
    horizon = timedelta(days=run.policy.lapse_horizon_days)
    quarter_end, long_ago = quarter_end_before(run.day), run.day - horizon
    ask = run.shop.engine.to_pandas
    days = purchases.person_days
    people = customer_analytics[["customer_id"]].merge(
        ask(summarize_people(days, quarter_end, long_ago)).merge(
            ask(find_home_outlets(days)), on="person_id", how="left"
        ),
        left_on="customer_id",
        right_on="person_id",
        how="left",
    )
    edges = _edges_of(people, quarter_end) or find_edges(customer_analytics)
    lapse, came_back = _lapse(run, ask(count_gaps(days)), customer_analytics, people)
    rows = _tabulate(run.day, customer_analytics, people, edges, lapse, outlets)
    return Candidate(
        rows,
        [check_scores(rows, customer_analytics)],
        figures={
            **_count_groups(rows),
            "lapsed": int((rows["lapse_state"] == LapseState.LAPSED).sum()),
            "lapse_point": say_lapse_point(lapse, came_back, horizon.days),
        },
        notes=_note(edges, lapse, came_back),
    )


def _edges_of(people: pd.DataFrame, quarter_end: date) -> RfmEdges | None:
    """Return the edges that the people had who had ordered by then, if any had."""
    then = people[people["orders_then"].fillna(0) > 0]
    since = (pd.Timestamp(quarter_end) - then["last_day_then"]).dt.days
    figures = {
        "days_since_last_order": since,
        "order_count": then["orders_then"],
        "lifetime_value_cents": then["value_then"],
    }
    return find_edges(pd.DataFrame(figures))


def _lapse(
    run: TableRun, gaps: pd.DataFrame, analytics: pd.DataFrame, people: pd.DataFrame
) -> tuple[LapsePoint, CameBack | None]:
    """Return the store's lapse point, and who came back of those who had passed it."""
    share, horizon = run.policy.lapse_return_share, run.policy.lapse_horizon_days
    spells = add_open_spells(gaps, analytics["days_since_last_order"])
    lapse = find_lapse_point(estimate_survival(spells), share, horizon)
    if lapse.days is None:
        return lapse, None
    then = run.day - timedelta(days=horizon)
    before, last = people["last_day_long_ago"], analytics["last_order_date"]
    return lapse, count_came_back(before, last, then, lapse.days)


def _tabulate(
    day: date,
    analytics: pd.DataFrame,
    people: pd.DataFrame,
    edges: RfmEdges | None,
    lapse: LapsePoint,
    outlets: pd.DataFrame,
) -> pd.DataFrame:
    """Return ``CustomerRfm``; *people* are those of the *analytics*, in its order."""
    named = analytics.rename(columns={"customer_id": "person_id"})
    columns: dict[str, Any] = {
        "as_of": pd.Timestamp(day),
        "average_days_between_orders_tenths": average_tenths_between(
            analytics["first_order_date"],
            analytics["last_order_date"],
            people["order_days"].fillna(0).to_numpy("int64"),
        ),
        "lapse_state": find_lapse_states(analytics["days_since_last_order"], lapse),
        "home_outlet": name_outlets(people["home_outlet_id"].astype("str"), outlets),
        "channel": find_channels(
            analytics["retail_order_count"], analytics["ecom_order_count"]
        ),
    }
    grades = grade_people(named, edges).rename(columns={"person_id": "customer_id"})
    return shape(grades.assign(**columns), CustomerRfm)


def _count_groups(rows: pd.DataFrame) -> dict[str, int]:
    """Return how many people are in each group, named for the UI."""
    counts = rows["rfm_group"].value_counts()
    names = {group: group.value.lower().replace(" ", "_") for group in RfmGroup}
    return {name: int(counts.get(group.value, 0)) for group, name in names.items()}


def _note(
    edges: RfmEdges | None, lapse: LapsePoint, came_back: CameBack | None
) -> dict[str, str]:
    """Write down the edges and the lapse point beside the rows."""
    return {
        EDGES: note_edges(edges),
        "lapse_point": json.dumps(asdict(lapse)),
        "came_back": json.dumps(asdict(came_back) if came_back else None),
    }
