"""Predicting what people buy next: the model of a month, and everyone on a day.

People who do not exist buy as the models suppose, over three years.  The model of a
month is two models of orders and one of values, fitted and tried on three cut-offs; a
day predicts everyone from it.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import LAST
from benchmarks.harness import LIMIT, MORE, PRODUCT, Bench, Case, Measure, Section
from benchmarks.worker import Outcome, Stopwatch

FILE, MODEL = "order_days.parquet", "model.json"
DAYS = 1_096

MONTH, DAY = "product: the model of a month", "product: everyone on a day"
ONE_FIT = "of it, one fit of each of the three models"


def run(bench: Bench) -> list[Case]:
    """Measure the model and the predictions of each number of people."""
    cases = []
    for count in bench.sizes:
        function = f"{__name__}:prepare"
        folder = bench.prepare(f"order-days-{count}", function, count=count)
        given = {"folder": str(folder)}
        measures = [
            Measure(MONTH, f"{__name__}:make_month", given, PRODUCT),
            Measure(ONE_FIT, f"{__name__}:fit_once", given, MORE),
            Measure(DAY, f"{__name__}:predict_day", given, MORE),
            Measure("reading the order days", f"{__name__}:read", given, LIMIT),
        ]
        cases.append(bench.compare(f"{count:,} people", measures))
    return cases


def make_month(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Make the model of the shop in *folder*, with its errors."""
    from analytics_pipeline.domain.buyers import value_order_days
    from analytics_pipeline.domain.prediction import make_model

    orders = _read_orders(folder)
    with stopwatch.running():
        model = make_model(value_order_days(orders), LAST)
    chosen = str(model.chosen or model.reasons)
    return Outcome(None, {"order days": len(orders), "chosen": chosen})


def fit_once(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Fit every model to what is known on the last day."""
    from analytics_pipeline.domain.buyers import find_buyers, value_order_days
    from analytics_pipeline.domain.purchase_models import (
        OrderProcess,
        fit_orders,
        fit_values,
    )

    orders = _read_orders(folder)
    with stopwatch.running():
        buyers = find_buyers(value_order_days(orders), LAST)
        fits: list[Any] = [fit_values(buyers.repeat_values)]
        fits += [fit_orders(buyers.histories, process) for process in OrderProcess]
    sound = sum(fit.quality.reason is None for fit in fits)
    return Outcome(None, {"order days": len(orders), "sound fits": sound})


def predict_day(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Predict everyone in *folder* as of the last day, from the model of a month."""
    from analytics_pipeline.domain.buyers import (
        summarize_histories,
        value_order_days,
    )
    from analytics_pipeline.domain.prediction import decode_model, predict

    orders = _read_orders(folder)
    model = decode_model((Path(folder) / MODEL).read_text(encoding="utf-8"))
    with stopwatch.running():
        people = summarize_histories(value_order_days(orders), LAST)
        predicted = predict(model, people.assign(lifetime_value_cents=0), LAST)
    figures = {"order days": len(orders), "people predicted": len(predicted)}
    return Outcome(None, {**figures})


def read(stopwatch: Stopwatch, folder: str) -> Outcome:
    """Read the order days, and do nothing with them."""
    with stopwatch.running():
        orders = _read_orders(folder)
    return Outcome(None, {"order days": len(orders)})


def _read_orders(folder: str) -> Any:
    import pyarrow.parquet as pq

    return pq.read_table(Path(folder) / FILE).to_pandas()


# ----------------------------------------------------------------------------------
# The shop.


def prepare(_stopwatch: Stopwatch, folder: str, count: int) -> None:
    """Write the order days of *count* invented people, and the model of a month."""
    from analytics_pipeline.domain.buyers import value_order_days
    from analytics_pipeline.domain.prediction import encode_model, make_model

    orders = invent_order_days(count)
    orders.to_parquet(Path(folder) / FILE)
    model = make_model(value_order_days(orders), LAST)
    (Path(folder) / MODEL).write_text(encode_model(model), encoding="utf-8")


def invent_order_days(count: int, seed: int = 7) -> Any:
    """Return the orders of people who buy at random, and leave at random."""
    import pandas as pd

    from benchmarks.invented_people import draw_ids

    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(0.5, 1 / 60, count), rng.beta(0.7, 2.1, count)
    scale = rng.gamma(4.0, 1 / 15, count)
    moment = rng.integers(0, DAYS, count).astype(np.float64)
    moment[0] = 0
    here, rows = np.arange(count), []
    while len(here):
        value = np.rint(rng.gamma(6.0, 100 / scale[here])).astype(np.int64)
        rows.append((here, moment[here].astype(np.int64), value))
        here = here[rng.random(len(here)) >= leaves[here]]
        moment[here] += rng.exponential(1 / rate[here])
        here = here[moment[here] < DAYS]
    person, day, cents = (np.concatenate(each) for each in zip(*rows, strict=True))
    first = pd.Timestamp(LAST - timedelta(days=DAYS - 1))
    ids = draw_ids(rng, count).to_pandas().astype("str")
    table = pd.DataFrame(
        {
            "person_id": ids.to_numpy()[person],
            "day": (first + pd.to_timedelta(day, unit="D")).astype("datetime64[us]"),
            "value_cents": cents,
        }
    )
    table = table.astype({"person_id": "str"})
    return table.groupby(["person_id", "day"], as_index=False)["value_cents"].sum()


SECTION = Section(
    name="prediction",
    unit="people",
    sizes=(10_000, 300_000, 1_000_000),
    quick_sizes=(2_000,),
    libraries=("scipy", "numpy", "pandas"),
    run=run,
    rounds=1,
)
