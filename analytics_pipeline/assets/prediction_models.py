"""``prediction_models``: what people are predicted from, or why not (rule 11)."""

import json
from datetime import date, timedelta

import ibis.expr.types as ir
import pandas as pd

from analytics_pipeline.assets.purchases import Ledger, first_row
from analytics_pipeline.assets.table import StoredDays, TableRun, table
from analytics_pipeline.domain.buyers import read_order_days
from analytics_pipeline.domain.order_histories import (
    number_order_days,
    sum_up_order_days,
)
from analytics_pipeline.domain.prediction import day_of_model, make_model, withhold
from analytics_pipeline.domain.shop_models import check_models, list_models
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.insights import PredictionModels
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import PREDICTION_MODELS

FITTED_TO = "fitted_to"
"""The note that says what the models were fitted to."""


@table(PREDICTION_MODELS)
def prediction_models(
    run: TableRun,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    prediction_models: StoredDays,
) -> Candidate:
    """Fit the models as of the end of last month, or take over those of the month."""
    withheld = withhold(customer_analytics["first_order_date"], day_of_model(run.day))
    notes: dict[str, str] = {}
    if withheld is not None:
        rows = list_models(withheld)
    else:
        rows, notes = _find_models(run, purchases, prediction_models)
    rows = shape(rows.assign(as_of=pd.Timestamp(run.day)), PredictionModels)
    found = check_models(rows)
    return Candidate(
        rows,
        [found],
        figures={"people": int(rows["people"].max()), "outcome": found.sentence},
        notes=notes,
    )


def _find_models(
    run: TableRun, purchases: Ledger, stored: StoredDays
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the models, and the note that says what they were fitted to."""
    fitted_on = day_of_model(run.day)
    sums = sum_up_order_days(purchases.order_days, fitted_on.isoformat())
    fitted_to = json.dumps(first_row(run.shop, sums))
    rows = _take_over(stored, run.day, fitted_to)
    if rows is None:
        rows = _fit(run, purchases.order_days, fitted_on)
    return rows, {FITTED_TO: fitted_to}


def _fit(run: TableRun, order_days: ir.Table, fitted_on: date) -> pd.DataFrame:
    numbered = number_order_days(order_days, fitted_on.isoformat())
    fetched = run.shop.engine.to_pandas(numbered)
    return list_models(make_model(read_order_days(fetched), fitted_on))


def _take_over(stored: StoredDays, day: date, fitted_to: str) -> pd.DataFrame | None:
    """Return the models of the latest earlier day of the month that is stored.

    Nothing if there is none, or it was fitted to something else.
    """
    for before in range(1, day.day):
        found = stored.read(day - timedelta(days=before))
        if found is not None:
            rows, notes = found
            return rows if notes.get(FITTED_TO) == fitted_to else None
    return None
