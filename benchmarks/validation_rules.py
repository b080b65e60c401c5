"""The rules of a table as plain data, for checks that do not know the product's model.

Written once from the product's schema, so that every way gets the same rules; with
the sound table comes a small damaged copy, on which all must count the same faults.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.sales import classify_sales
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.exports import CustomerAnalyticsMaster
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Customers, SalesFeed
from analytics_pipeline.model.schemas.table import Table
from analytics_pipeline.storage.parquet import encode, shape
from benchmarks.analytics_result import LAST
from benchmarks.invented_customers import invent_customers
from benchmarks.invented_master import invent_master
from benchmarks.invented_sales import Till
from benchmarks.invented_shop import TIME_ZONE, invent_outlets
from benchmarks.worker import Stopwatch

MODELS: dict[str, type[Table]] = {
    "raw_sales": RawSales,
    "customers": Customers,
    "customer_analytics": CustomerAnalytics,
}
KEYS = dict.fromkeys(MODELS, "customer_id") | {"raw_sales": "sale_id"}
DAMAGED_ROWS = 20_000


def write_tables(_stopwatch: Stopwatch, folder: str, count: int) -> None:
    """Write each table sound and damaged, and its rules."""
    for name, model in MODELS.items():
        sound = shape(_invent(name, count), model)
        rules = list_rules(model)
        kept = Path(folder)
        (kept / f"{name}.parquet").write_bytes(encode(sound, model))
        damaged = damage(sound.head(DAMAGED_ROWS), KEYS[name], rules)
        (kept / f"{name}-damaged.parquet").write_bytes(encode(damaged, model))
        (kept / f"{name}.json").write_text(json.dumps(rules), encoding="utf-8")


def _invent(name: str, count: int) -> pd.DataFrame:
    if name == "customers":
        return invent_customers(count)
    if name == "customer_analytics":
        columns = list(CustomerAnalytics.to_schema().columns)
        master: pd.DataFrame = invent_master(count)[
            [
                each
                for each in columns
                if each in CustomerAnalyticsMaster.to_schema().columns
            ]
        ]
        return master.assign(as_of=pd.Timestamp(LAST))
    people, outlets = invent_customers(max(100, count // 17)), invent_outlets()
    ids = people["customer_id"].array.__arrow_array__().combine_chunks()
    till = Till(ids, people["customer_id"].iloc[0], outlets["outlet_id"].tolist())
    sold = shape(till.sell(LAST, count).sales, SalesFeed)
    return classify_sales(sold, outlets, TIME_ZONE, 1)


def list_rules(model: type[Table]) -> dict[str, Any]:
    """Return of each column its kind, whether it may be empty, and its checks."""
    return {
        name: {
            "kind": str(column.dtype),
            "nullable": column.nullable,
            "unique": column.unique,
            "checks": [
                {"name": check.name, **check.statistics} for check in column.checks
            ],
        }
        for name, column in model.to_schema().columns.items()
    }


def damage(sound: pd.DataFrame, key: str, rules: dict[str, Any]) -> pd.DataFrame:
    """Return a copy that breaks every kind of rule on some rows of each column."""
    broken, rng = sound.copy(), np.random.default_rng(23)
    for name, rule in rules.items():
        rows = rng.choice(len(broken), 7, replace=False)
        if name == key:
            broken.loc[rows, name] = broken[name].iloc[0]
        elif rule["checks"]:
            broken.loc[rows, name] = _breaking(rule["checks"][0])
        elif not rule["nullable"] and "string" in rule["kind"]:
            broken.loc[rows, name] = None
    return broken


def _breaking(check: dict[str, Any]) -> str | int:
    """Return a value that the *check* does not let through."""
    if check["name"] == "isin":
        return "nonsense"
    if check["name"] == "str_length":
        return "x" * (check["max_value"] + 1) if check["max_value"] else ""
    return -(10**16)
