"""Faults that only an error of the program can cause: one function gives wrong rows."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any

import pandas as pd
import pytest

from analytics_pipeline.domain.prediction import HORIZONS, OrderModel, ShopModel
from analytics_pipeline.domain.purchase_models import (
    FitQuality,
    OrderFit,
    OrderParameters,
    OrderProcess,
    ValueFit,
    ValueParameters,
)
from analytics_pipeline.model.checks import Candidate
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.insights import CustomerPredictions
from analytics_pipeline.shop import open_shop
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.system.incidents.incident import (
    BAD_DAY,
    DAY_BEFORE,
    Incident,
    Seed,
)
from analytics_pipeline_tests.system.incidents.ordinary_shop import OrdinaryShop
from analytics_pipeline_tests.tables import make_table

PACKAGE = "analytics_pipeline"


def wrong(place: str, spoil: Callable[[Any], Any]) -> Seed:
    """Return a seed that spoils what the function at *place* returns."""

    def seed(_shop: OrdinaryShop, patch: pytest.MonkeyPatch) -> None:
        real = resolve_name(f"{PACKAGE}.{place}")
        patch.setattr(f"{PACKAGE}.{place}", lambda *a, **k: spoil(real(*a, **k)))

    return seed


def without_a_column(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=frame.columns[-1])


def without_a_row(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:-1]


def without_a_month(report: pd.DataFrame) -> pd.DataFrame:
    """Leave out the last number of the revenue by month."""
    return report.drop(report.index[report["figure"] == "revenue_by_month"][-1])


def spoil_tables(candidates: Iterator[Candidate]) -> Iterator[Candidate]:
    for candidate in candidates:
        yield replace(candidate, frame=without_a_column(candidate.rows))


def spoil_days(cut: Iterator[Any]) -> Iterator[Any]:
    """Let every amount of the days be missing its tax column."""
    return (replace(days, rows=without_a_column(days.rows)) for days in cut)


def spoil_page(page: tuple[pd.DataFrame, Any]) -> tuple[pd.DataFrame, Any]:
    rows, rejections = page
    return without_a_column(rows), rejections


def add_a_cent(people: Any) -> Any:
    return people.mutate(lifetime_value_cents=people["lifetime_value_cents"] + 1)


def add_a_cent_to_an_outlet(places: Any) -> Any:
    return places.assign(
        value_cents=places["value_cents"] + (places.index == 0).astype("int64")
    )


def count_buyers_again(products: Any) -> Any:
    return products.assign(first_buyers=products["first_buyers"] * 1_000)


def add_a_cent_to_a_month(cohorts: Any) -> Any:
    return cohorts.assign(
        value_cents=cohorts["value_cents"] + (cohorts.index == 0).astype("int64")
    )


def log_no_change(shop: OrdinaryShop, patch: pytest.MonkeyPatch) -> None:
    """Change a customer record, and find no news of it."""
    record = next(iter(shop.state.customers.values()))
    shop.change(record, do_not_email=not record.do_not_email)
    wrong("assets.customer_log.find_news", lambda news: news.iloc[:0])(shop, patch)


def log_no_product(shop: OrdinaryShop, patch: pytest.MonkeyPatch) -> None:
    """Rename a product, and find no news of it."""
    shop.change(next(iter(shop.state.products.values())), name="Oak tray, large")
    wrong("assets.products.find_news", lambda news: news.iloc[:0])(shop, patch)


def forecast_drops(shop: OrdinaryShop, patch: pytest.MonkeyPatch) -> None:
    """Let the outlook of 30 days ago say that everyone's tier is gone the next day."""
    then = BAD_DAY - timedelta(days=30)
    path = f'[["{then + timedelta(days=1)}", "None", 0]]'
    with patch.context() as meanwhile:
        spoil = wrong("assets.tier_outlook._write_paths", lambda own: own.fillna(path))
        spoil(shop, meanwhile)
        shop.update(then, ("customer_analytics", "tier_outlook"))
    assert shop.failure is None


def use_a_bad_model(model: ShopModel) -> ShopModel:
    """Use a model whose fit came to no optimum."""
    quality = FitQuality(-1.0, 9, 0.5, 0.0, None)
    parameters = OrderParameters(OrderProcess.BG_NBD, 0.5, 60.0, 0.8, 2.5)
    values = ValueFit(ValueParameters(6.0, 4.0, 15.0), quality)
    orders = OrderModel(OrderFit(parameters, quality), (), ())
    return replace(
        model,
        order_models=(orders,),
        value_fit=values,
        chosen=parameters.process,
        reasons=(),
    )


def predict_no_one(shop: OrdinaryShop, _patch: pytest.MonkeyPatch) -> None:
    """Let the predictions of 90 days ago say that hardly anyone will come back."""
    then = BAD_DAY - timedelta(days=HORIZONS.chance_days)
    warehouse = open_shop(shop.settings).warehouse
    people = warehouse.read("customer_analytics", CustomerAnalytics, str(DAY_BEFORE))
    chance = {"chance_of_order_90_days_thousandths": 10, "as_of": pd.Timestamp(then)}
    rows = [{"customer_id": each, **chance} for each in people["customer_id"]]
    predictions = make_table(CustomerPredictions, rows)
    warehouse.write("customer_predictions", CustomerPredictions, predictions, str(then))


MADE_BY = {
    **{table: (f"assets.{table}.{table}", spoil_tables) for table in TABLES},
    "sales_feed": ("sources.lightspeed.store.sales_rows", spoil_page),
    "ecom_feed": ("assets.ecom_feed._as_rows", without_a_column),
    "raw_sales": ("assets.raw_sales.cut_days", spoil_days),
}
"""Where each table is made, and what spoils it there."""

WITHOUT_A_COLUMN = tuple(
    Incident(
        f"{table} without a column", table, "matches_schema", "ERROR",
        "an error of the program: a column of the table is missing",
        rf"\d+ values break the contract of {table}",
        wrong(*made), begins_at=table,
    )
    for table, made in MADE_BY.items()
)  # fmt: skip

OF_THE_PROGRAM = (
    *WITHOUT_A_COLUMN,
    Incident(
        "a version not logged", "customer_log", "log_is_what_was_read", "ERROR",
        "an error of the program: what changed of a customer record is not logged",
        r"The log does not come to the records as they were read",
        log_no_change, begins_at="customer_identities",
        tables=("customers", "customer_log"),
    ),
    Incident(
        "a product not logged", "products", "log_is_what_was_read", "ERROR",
        "an error of the program: what changed of a product is not logged",
        r"The log does not come to the products as they were read",
        log_no_product, begins_at="products",
    ),
    Incident(
        "a record without a person", "customer_identities",
        "every_record_has_one_person", "ERROR",
        "an error of the program: a customer record has no person",
        r"1 live customer record does not belong to exactly one person",
        wrong(
            "assets.customer_identities.resolve_identities", lambda rows: rows.iloc[1:]
        ),
        begins_at="customer_identities",
    ),
    Incident(
        "a line left out", "sale_lines", "conserves_lines", "ERROR",
        "an error of the program: a line of a sale is left out",
        r"The lines do not add up to the sales of the day",
        wrong("assets.sale_lines.list_lines", without_a_row), begins_at="sale_lines",
    ),
    Incident(
        "a cent too much", "customer_analytics", "conserves_money", "ERROR",
        "an error of the program: a cent more for each person than was sold",
        "People, unattributed and gift cards do not add up to sales and added web",
        wrong("assets.customer_analytics.measure_sums", add_a_cent),
        begins_at="customer_analytics",
    ),
    Incident(
        "a movement left out", "tier_outlook", "tiers_are_those_of_the_day", "ERROR",
        "an error of the program: a purchase is not in the window",
        r"\d+ (person has|people have) another tier or value in the analytics",
        wrong(
            "domain.tier_outlook._Leaving.sum_by_person", lambda sums: sums + (sums > 0)
        ),
        begins_at="tier_outlook",
    ),
    Incident(
        "drops that never came", "tier_outlook", "forecast_came_true", "WARN",
        "an error of the program: the outlook of 30 days ago let every tier fall",
        r"Of \d+ people who bought nothing since .*, \d+ have another tier",
        forecast_drops, begins_at="tier_outlook",
    ),
    Incident(
        "a buyer called a prospect", "customer_rfm", "scores_are_exhaustive", "ERROR",
        "an error of the program: people with an order are graded as if without one",
        r"\d+ (person has|people have) other scores or another group than the orders",
        wrong(
            "assets.customer_rfm.grade_people",
            lambda grades: grades.assign(rfm_group="Prospects"),
        ),
        begins_at="customer_rfm",
    ),
    Incident(
        "a cent in no cohort", "customer_cohorts", "cohorts_add_up", "ERROR",
        "an error of the program: a cohort is worth a cent more than its people",
        r"\d+ members and a value of .* are in the cohorts; \d+ people have an order",
        wrong("assets.customer_cohorts.measure_cohorts", add_a_cent_to_a_month),
        begins_at="customer_cohorts",
    ),
    Incident(
        "a cent too much at an outlet", "outlet_analytics", "outlets_add_up", "ERROR",
        "an error of the program: an outlet is worth a cent more than was bought there",
        r"The outlets come to .* of [\d,]+ orders, the shop to .* of [\d,]+ orders\.",
        wrong("assets.outlet_analytics.describe_places", add_a_cent_to_an_outlet),
        begins_at="outlet_analytics",
    ),
    Incident(
        "buyers counted a thousand times", "product_analytics",
        "buyers_are_counted_once", "ERROR",
        "an error of the program: first buyers are counted again for each sale",
        r"\d+ products? (has|have) more first buyers than there are people",
        wrong(
            "assets.product_analytics.describe_first_products", count_buyers_again
        ),
        begins_at="product_analytics",
    ),
    Incident(
        "a model that fits nothing", "prediction_models", "models_are_sound", "ERROR",
        "an error of the program: people are predicted from a fit at no optimum",
        "BG/NBD is used, but its fit is at no optimum.* was not tried on 3 times",
        wrong("assets.prediction_models.withhold", use_a_bad_model),
        begins_at="prediction_models",
    ),
    Incident(
        "people who came back all the same", "customer_predictions",
        "calibration_holds", "WARN",
        "of 90 days ago hardly anyone was expected to order since, and most people did",
        r"Of \d+ people predicted on .*, \d were expected to order since, and \d\d+",
        predict_no_one, begins_at="customer_predictions",
    ),
    Incident(
        "a change left out", "customer_changes", "changes_add_up", "ERROR",
        "an error of the program: a change is left out",
        r"The changes do not add up to the difference of the two masters",
        wrong("assets.customer_changes.list_changes", without_a_row),
        begins_at="customer_changes",
    ),
    Incident(
        "an order left out", "ecom_reconciliation", "categories_add_up", "ERROR",
        "an error of the program: a web order is in no category",
        r"The categories do not add up",
        wrong("assets.ecom_reconciliation.reconcile_orders", without_a_row),
        begins_at="ecom_reconciliation",
    ),
    Incident(
        "a month left out", "customer_report", "figures_add_up", "ERROR",
        "an error of the program: a number is missing from the report",
        r"The report does not add up to the stored figures",
        wrong("assets.customer_report.report_figures", without_a_month),
        begins_at="customer_report",
    ),
)  # fmt: skip
