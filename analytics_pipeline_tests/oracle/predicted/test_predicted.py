"""A shop that is large and old enough, through the real update, and its predictions.

1,200 people who do not exist buy over 33 months as the models suppose.  What the update
publishes is worked out once more from the stored parameters, with integrals that are
added up step by step (``expectations``).
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline_tests.light_run import (
    UP_TO_PUBLISHING,
    PatientLightspeed,
    run_light,
)
from analytics_pipeline_tests.made_buyers import follow_the_models
from analytics_pipeline_tests.oracle.predicted.expectations import (
    CHANCE_DAYS,
    HORIZON,
    Known,
    Person,
    mean_value,
)
from analytics_pipeline_tests.paper_store import PaperStore
from analytics_pipeline_tests.till_payloads import Item, TillSale, as_nested

pytestmark = pytest.mark.nightly

PEOPLE, DAYS = 1_200, 1_000
START, FIRST, D = date(2024, 8, 25), date(2024, 9, 9), date(2024, 9, 10)
FITTED_ON = date(2024, 8, 31)
NOW = datetime(2024, 9, 26, 12, tzinfo=UTC)
ZONE = "America/New_York"

Bought = dict[str, dict[date, int]]
"""The cents of each order day of each person."""


def at_noon(day: date) -> str:
    return f"{day}T17:00:00+00:00"


def bought(leaves_at_once: bool) -> list[tuple[str, date, int]]:
    orders = follow_the_models(5, PEOPLE, DAYS, leaves_at_once=leaves_at_once)
    columns = (orders["person_id"], orders["day"].dt.date, orders["value_cents"])
    return list(zip(*columns, strict=True))


def as_of(orders: list[tuple[str, date, int]], day: date) -> Bought:
    found: Bought = defaultdict(lambda: defaultdict(int))
    for person, on, cents in orders:
        if on <= day:
            found[person][on] += cents
    return found


def store(orders: list[tuple[str, date, int]]) -> PaperStore:
    """Serve the orders as closed sales at one outlet."""
    names = sorted({person for person, *_ in orders})
    people = [
        {
            "id": name,
            "customer_code": name.upper(),
            "name": f"Customer {name}",
            "created_at": at_noon(START),
            "version": number,
        }
        for number, name in enumerate(names, 1)
    ]
    sales = [
        as_nested(
            TillSale(
                [Item(f"{cents / 100:.2f}")],
                paid=[f"{cents / 100:.2f}"],
                sale_id=f"sale-{number}",
                version=number,
                date=at_noon(day),
                outlet_id="main",
                customer_id=person,
            )
        )
        for number, (person, day, cents) in enumerate(orders, 1)
    ]
    outlet = {"id": "main", "name": "Main", "time_zone": ZONE, "version": 1}
    feeds: dict[str, Any] = {
        "outlets": [outlet],
        "registers": [{"id": "till", "outlet_id": "main", "version": 1}],
        "customers": people,
        "sales": sales,
    }
    return PaperStore({"id": "store", "timezone": ZONE, "country": "US"}, feeds, NOW)


class Shop:
    """A shop of made buyers, updated for two days."""

    def __init__(self, data: Path, leaves_at_once: bool) -> None:
        self.orders = bought(leaves_at_once)
        self.settings: Settings = load_settings(
            data_dir=data,
            start_date=START,
            time_zone=ZONE,
            domain_prefix="demo",
            token=SecretStr("on-paper"),
            api_url="http://127.0.0.1:9",
        )

    def update(self, day: date) -> "Shop":
        options = {"transport": store(self.orders), "now": lambda: NOW}
        run_light(
            self.settings,
            day,
            days=0,
            tables=UP_TO_PUBLISHING,
            lightspeed=PatientLightspeed(self.settings, options),
            clock=lambda: NOW,
        )
        return self

    def path(self, table: str, day: date = D) -> Path:
        return self.settings.data_dir / f"warehouse/{table}/{day}.parquet"

    def stored(self, table: str, key: str) -> dict[str, dict[str, Any]]:
        rows = pq.read_table(self.path(table)).to_pylist()
        return {row[key]: row for row in rows}

    def master(self) -> dict[str, dict[str, str]]:
        path = self.settings.data_dir / "customer_analytics_master.csv"
        with path.open(newline="", encoding="utf-8") as stream:
            return {row["Customer ID"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module", params=[False, True], ids=["stay", "leave at once"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Shop:
    """As of two days of a month."""
    data = tmp_path_factory.mktemp("made") / "data"
    data.mkdir()
    return Shop(data, request.param).update(FIRST).update(D)


def known_of(days: dict[date, int], day: date) -> Known:
    first, last = min(days), max(days)
    values = [cents for on, cents in days.items() if on > first and cents > 0]
    return Known(
        len(days) - 1,
        (last - first).days,
        (day - first).days,
        len(values),
        sum(values),
    )


@pytest.fixture(scope="module")
def models(shop: Shop) -> dict[str, dict[str, Any]]:
    return shop.stored("prediction_models", "model")


def people_of(
    shop: Shop, models: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, int, Person, float]]:
    """Each person, the lifetime value, and what is expected of the person."""
    (used,) = (name for name in models if "NBD" in name and models[name]["is_used"])
    parameters = json.loads(models[used]["fit"])["parameters"]
    of_values = json.loads(models["Gamma-Gamma"]["fit"])["fit"]["parameters"]
    for person, days in as_of(shop.orders, D).items():
        known = known_of(days, D)
        expected = Person(known, parameters, used == "MBG/NBD")
        yield person, sum(days.values()), expected, mean_value(known, of_values)


def test_everyone_is_expected_to_buy_what_integrals_say_rule_11_2(
    shop: Shop, models: dict[str, dict[str, Any]]
) -> None:
    rows = shop.stored("customer_predictions", "customer_id")
    dated = 0

    for person, lifetime, expected, value in people_of(shop, models):
        row = rows.pop(person)
        orders, chance = expected.orders(HORIZON), expected.chance(CHANCE_DAYS)
        cents = row["predicted_value_365_days_cents"]
        assert row["predicted_orders_365_days_hundredths"] == pytest.approx(
            orders * 100, abs=0.5 + 1e-3
        )
        assert row["chance_of_order_90_days_thousandths"] == pytest.approx(
            chance * 1_000, abs=0.5 + 1e-3
        )
        assert cents == pytest.approx(orders * value * 100, abs=0.6, rel=1e-5)
        assert row["predicted_total_value_cents"] == lifetime + cents
        dates = {"next_order_from": 0.25, "expected_next_order": 0.5}
        for name, quantile in (dates | {"next_order_until": 0.75}).items():
            days = expected.wait(quantile)
            day = row[f"{name}_date"]
            assert (None if day is None else (day.date() - D).days) == days
            dated += days is not None
    assert rows == {}
    assert dated > 100


def test_the_master_shows_them_as_plain_numbers_rule_8_1(shop: Shop) -> None:
    master, rows = shop.master(), shop.stored("customer_predictions", "customer_id")

    for person, row in rows.items():
        day = row["expected_next_order_date"]
        shown = master[person]
        assert shown["Predicted Orders 365 Days"] == (
            f"{row['predicted_orders_365_days_hundredths'] / 100:.2f}"
        )
        assert shown["Predicted Value 365 Days"] == (
            f"{row['predicted_value_365_days_cents'] / 100:.2f}"
        )
        assert shown["Chance Of Order 90 Days"] == (
            f"{row['chance_of_order_90_days_thousandths'] / 1_000:.3f}"
        )
        assert shown["Expected Next Order Date"] == ("" if day is None else f"{day:%F}")
    without = master.keys() - rows.keys()
    assert all(master[each]["Predicted Orders 365 Days"] == "" for each in without)
    assert len(rows) > 1_000


def test_what_came_is_what_the_orders_say_on_every_holdout_rule_11_3(
    shop: Shop, models: dict[str, dict[str, Any]]
) -> None:
    for name in ("BG/NBD", "MBG/NBD"):
        errors = json.loads(models[name]["errors"])
        assert len(errors) == 3
        for error in errors:
            cutoff = date.fromisoformat(error["cutoff"])
            buyers = as_of(shop.orders, cutoff)
            until = as_of(shop.orders, cutoff + timedelta(days=HORIZON))
            came = [
                (day, cents)
                for person in buyers
                for day, cents in until[person].items()
                if day > cutoff
            ]
            soon = cutoff + timedelta(days=CHANCE_DAYS)
            back = [p for p in buyers if any(cutoff < d <= soon for d in until[p])]
            assert cutoff <= FITTED_ON - timedelta(days=HORIZON)
            assert error["people"] == len(buyers)
            assert error["orders"]["actual"] == len(came)
            assert error["value"]["actual"] == sum(cents for _, cents in came)
            assert error["chance"]["actual"] == pytest.approx(len(back) / len(buyers))


def test_the_model_with_the_smaller_error_is_used_rules_11_1_and_11_3(
    models: dict[str, dict[str, Any]],
) -> None:
    errors = {
        name: sum(
            each["people"] * each["orders"]["rmse"] ** 2
            for each in json.loads(models[name]["errors"])
        )
        for name in ("BG/NBD", "MBG/NBD")
    }

    used = [name for name in models if models[name]["is_used"]]
    assert used == [min(errors, key=lambda name: errors[name]), "Gamma-Gamma"]
    assert {row["fitted_on"].date() for row in models.values()} == {FITTED_ON}


def test_a_shop_made_from_nothing_comes_to_the_same_bytes_rule_7_3(
    shop: Shop, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The day before has fitted the models of *shop*, here the day itself."""
    data = tmp_path / "data"
    data.mkdir()
    other = Shop(data, request.node.callspec.params["shop"]).update(D)

    for table in ("prediction_models", "customer_predictions"):
        assert other.path(table).read_bytes() == shop.path(table).read_bytes()


def test_people_of_no_orders_are_not_predicted(shop: Shop) -> None:
    rows = shop.stored("customer_predictions", "customer_id")

    assert rows.keys() == as_of(shop.orders, D).keys()
    assert len(rows) < len(pd.unique(pd.Series([each[0] for each in shop.orders])))
