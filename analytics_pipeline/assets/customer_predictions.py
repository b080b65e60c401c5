"""``customer_predictions``: what each person will probably buy next (rule 11.2)."""

from datetime import timedelta

import pandas as pd

from analytics_pipeline.assets.purchases import Ledger
from analytics_pipeline.assets.table import StoredDays, TableRun, table
from analytics_pipeline.domain.buyers import add_mean_values
from analytics_pipeline.domain.order_histories import summarize_people
from analytics_pipeline.domain.prediction import HORIZONS, ShopModel, predict
from analytics_pipeline.domain.prediction_rows import (
    HUNDREDTHS,
    check_calibration,
    list_unpredicted,
    round_predictions,
)
from analytics_pipeline.domain.shop_models import read_model
from analytics_pipeline.model.checks import Candidate, CheckResult
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.schemas.insights import CustomerPredictions
from analytics_pipeline.model.schemas.table import columns_of
from analytics_pipeline.model.text import say
from analytics_pipeline.storage.parquet import shape
from analytics_pipeline.tables import CUSTOMER_PREDICTIONS


@table(CUSTOMER_PREDICTIONS)
def customer_predictions(
    run: TableRun,
    prediction_models: pd.DataFrame,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
    customer_predictions: StoredDays,
) -> Candidate:
    """Predict everyone with an order, and hold earlier predictions against the past."""
    model = read_model(prediction_models)
    if model.chosen is None:
        found = list_unpredicted(customer_analytics)
    else:
        found = _predict(run, model, customer_analytics, purchases)
    every = found.assign(as_of=pd.Timestamp(run.day)).reindex(
        columns=columns_of(CustomerPredictions)
    )
    rows = shape(every.sort_values("customer_id"), CustomerPredictions)
    return Candidate(
        rows.reset_index(drop=True),
        [_check_earlier(run, customer_predictions, customer_analytics)],
        figures=_summarize(model, rows),
    )


def _predict(
    run: TableRun,
    model: ShopModel,
    customer_analytics: pd.DataFrame,
    purchases: Ledger,
) -> pd.DataFrame:
    summed = summarize_people(purchases.order_days, run.day.isoformat())
    histories = add_mean_values(run.shop.engine.to_pandas(summed))
    values = customer_analytics[["customer_id", "lifetime_value_cents"]]
    people = histories.merge(
        values.rename(columns={"customer_id": "person_id"}),
        on="person_id",
        validate="1:1",
    )
    return round_predictions(predict(model, people, run.day))


def _summarize(model: ShopModel, rows: pd.DataFrame) -> dict[str, int | str]:
    if model.chosen is None:
        return {"predicted": 0, "outcome": model.reasons[0]}
    hundredths = int(rows["predicted_orders_365_days_hundredths"].sum())
    orders = round(hundredths / HUNDREDTHS)
    cents = int(rows["predicted_value_365_days_cents"].sum())
    return {
        "predicted": len(rows),
        "outcome": f"In 365 days {say(orders, 'order is', 'orders are')} expected, "
        f"worth {format_cents(cents)}.",
        "expected_orders": orders,
        "expected_value_cents": cents,
        "with_next_order_date": int(rows["expected_next_order_date"].notna().sum()),
    }


def _check_earlier(
    run: TableRun, stored: StoredDays, customer_analytics: pd.DataFrame
) -> CheckResult:
    """Hold the chances of 90 days ago, if any are stored, against who ordered since."""
    then = run.day - timedelta(days=HORIZONS.chance_days)
    found = stored.read(then)
    return check_calibration(found and found[0], customer_analytics, then)
