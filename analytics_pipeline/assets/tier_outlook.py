"""``tier_outlook``: when everyone's tier changes if nothing more is bought (rule 9)."""

import json
from datetime import timedelta

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import StoredDays, TableRun, table
from analytics_pipeline.domain.tier_outlook import (
    check_forecast,
    check_tiers_of_day,
    foresee_tiers,
    tiers_forecast_for,
)
from analytics_pipeline.model.checks import Candidate, CheckResult
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.insights import TierOutlook
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import TIER_OUTLOOK

LOOKED_BACK = timedelta(days=30)
"""How long ago the forecast was made that is held against what came of it."""

SOON = timedelta(days=14)


@table(TIER_OUTLOOK)
def tier_outlook(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    tier_outlook: StoredDays,
) -> Candidate:
    """Follow everyone's window of 90 days to its end, and hold it against the past."""
    movements = run.shop.engine.to_pandas(purchases.window_movements)
    people = customer_analytics.rename(columns={"customer_id": "person_id"})
    outlook = foresee_tiers(movements, people, run.policy, run.day)
    rows = shape(
        outlook.people.rename(
            columns={"person_id": "customer_id", "value_cents": "tier_value_cents"}
        ).assign(
            as_of=pd.Timestamp(run.day),
            tier_path=_write_paths(outlook.path, outlook.people["person_id"]),
        ),
        TierOutlook,
    )
    dropping = rows["tier_drop_date"].notna()
    soon = rows["tier_drop_date"] <= pd.Timestamp(run.day + SOON)
    return Candidate(
        rows,
        [
            check_tiers_of_day(rows, customer_analytics, run.policy),
            _check_earlier(run, tier_outlook, rows, movements),
        ],
        figures={
            "drops": int(dropping.sum()),
            "drops_soon": int(soon.sum()),
            "at_stake_cents": int(rows.loc[dropping, "tier_value_cents"].sum()),
        },
        notes={"ladder": describe_ladder(run.policy)},
    )


def describe_ladder(policy: Policy) -> str:
    """Return what tiers are set on, and from which values: one text for each policy."""
    bounds = {tier: str(value) for tier, value in policy.tier_thresholds.items()}
    return json.dumps([policy.tier_basis, bounds], sort_keys=True)


def _write_paths(path: pd.DataFrame, people: "pd.Series[str]") -> "pd.Series[str]":
    """Write the path of each person as JSON; missing where the tier never changes."""
    steps = zip(
        path["day"].dt.strftime("%Y-%m-%d"),
        path["tier"],
        path["value_cents"].tolist(),
        strict=True,
    )
    by_person: dict[str, list[tuple[str, str, int]]] = {}
    for person, step in zip(path["person_id"], steps, strict=True):
        by_person.setdefault(person, []).append(step)
    written = {person: json.dumps(steps) for person, steps in by_person.items()}
    return people.map(written).astype("str")


def _check_earlier(
    run: TableRun, stored: StoredDays, rows: pd.DataFrame, movements: pd.DataFrame
) -> CheckResult:
    """Hold the forecast of 30 days ago, if one is stored, against the tiers of today.

    One that was made with other tiers says nothing of today's.
    """
    then = run.day - LOOKED_BACK
    found = stored.read(then)
    if found is None or found[1].get("ladder") != describe_ladder(run.policy):
        return check_forecast(None, rows, movements, then)
    forecast = tiers_forecast_for(run.day, found[0])
    return check_forecast(forecast, rows, movements, then)
