"""Tests for analytics_pipeline.assets.ecom_orders: a new export beside the last one."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.made import export_read

NOW = datetime(2026, 6, 21, 6, tzinfo=UTC)
COLUMNS = (
    "order_number;email;timestamp;order_total;order_tax;payment_status_code;"
    "fulfillment_status_code;X-series Order ID;bill_person_name"
)
ORDER = "{};ada@example.com;Jun 5, 2026 03:07 PM;{};0.00;ACCEPTED;NEW;sale-{};Ada"
BEFORE = [*range(1, 13)]


def text_of(numbers, amount="12.50"):
    rows = [ORDER.format(number, amount, number) for number in numbers]
    return "\n".join([COLUMNS, *rows, ""])


def without(column, text):
    """Leave a column out of an export whose cells hold no delimiter."""
    rows = [line.split(";") for line in text.splitlines()]
    place = rows[0].index(column)
    return "\n".join(";".join(row[:place] + row[place + 1 :]) for row in rows)


@pytest.fixture
def shop(tmp_path):
    """A shop whose last good export had a dozen orders."""
    shop = open_shop(load_settings(data_dir=tmp_path), lambda: NOW)
    export(shop, text_of(BEFORE))
    take_in(shop)
    return shop


def export(shop, text):
    path = shop.settings.data_dir / "ecom_orders_export.csv"
    path.write_text(text, encoding="utf-8")
    clock.set_modified(path, NOW)
    return path


def take_in(shop):
    """Read and store the export; return its check results by check."""
    candidate = export_read(shop)
    assert not any(result.blocks for result in candidate.check_results)
    shop.store_as("ecom_orders", EcomOrders)(candidate)
    return {result.check: result for result in candidate.check_results}


def test_the_same_export_again_is_complete_and_changes_no_byte_rule_7_4(shop):
    path = shop.warehouse.path("ecom_orders")
    before = path.read_bytes()

    assert take_in(shop)["export_is_complete"].passed
    assert path.read_bytes() == before


def test_the_stored_orders_name_their_export(shop):
    path = export(shop, text_of([*BEFORE, 99]))
    take_in(shop)

    notes = shop.warehouse.notes("ecom_orders")

    assert notes["export_sha256"] == sha256(path.read_bytes()).hexdigest()
    assert notes["export_columns"] == "X-series Order ID;bill_person_name"


def test_an_export_of_fewer_orders_is_taken_in_with_a_warning(shop):
    export(shop, text_of(BEFORE[2:]))

    result = take_in(shop)["export_is_complete"]

    assert not result.passed
    assert (result.evidence["orders"], result.evidence["orders_before"]) == (10, 12)
    assert result.evidence["gone_orders"] == "1, 2"
    assert len(shop.load("ecom_orders", EcomOrders)) == 10


def test_a_missing_export_is_reported_like_an_empty_one(shop):
    (shop.settings.data_dir / "ecom_orders_export.csv").unlink()

    results = {each.check: each for each in export_read(shop).check_results}

    assert results["export_is_readable"].passed
    assert results["export_is_complete"].evidence["gone"] == 12
    assert results["export_is_complete"].blocks


def test_a_shop_without_a_web_shop_gets_no_warning(tmp_path):
    shop = open_shop(load_settings(data_dir=tmp_path), lambda: NOW)

    for _ in range(2):
        assert all(result.passed for result in take_in(shop).values())


def test_a_lost_optional_column_is_reported_once_by_its_name(shop):
    export(shop, without("X-series Order ID", text_of(BEFORE)))

    result = take_in(shop)["export_is_complete"]

    assert not result.passed
    assert "`X-series Order ID`" in result.sentence
    assert "sales" in result.sentence
    assert take_in(shop)["export_is_complete"].passed


@pytest.mark.parametrize("column", ["order_number", "email", "order_total"])
def test_a_lost_needed_column_stops_the_table_and_is_named(shop, column):
    export(shop, without(column, text_of(BEFORE)))

    candidate = export_read(shop)

    assert candidate.frame is None
    (result,) = candidate.check_results
    assert (result.check, result.blocks) == ("export_is_readable", True)
    assert f"lacks the column `{column}`" in result.sentence


def test_the_export_is_read_as_it_is_declared(shop):
    toml = shop.settings.data_dir / "analytics.toml"
    comma = text_of(BEFORE, "12,50").replace("0.00", "0,00")
    export(shop, comma)
    refused = export_read(shop)

    toml.write_text('[ecom_export]\ndecimal = ","\n', encoding="utf-8")
    declared = open_shop(shop.settings, lambda: NOW)

    assert "ecom_export.decimal" in refused.check_results[0].sentence
    assert take_in(declared)["export_is_complete"].passed
    assert set(declared.load("ecom_orders", EcomOrders)["total_cents"]) == {1250}


def test_damaged_orders_are_no_reason_to_refuse_good_ones(shop):
    shop.warehouse.path("ecom_orders").write_bytes(b"damaged")

    result = next(
        each
        for each in export_read(shop).check_results
        if each.check == "export_is_complete"
    )

    assert not result.passed
    assert not result.blocks


@pytest.mark.parametrize(("days", "passed"), [(7, True), (8, False)])
def test_an_export_older_than_a_week_is_stale(shop, days, passed):
    path = shop.settings.data_dir / "ecom_orders_export.csv"
    clock.set_modified(path, NOW - timedelta(days=days))

    assert take_in(shop)["export_is_fresh"].passed is passed


@pytest.mark.parametrize(
    ("emails", "several"),
    [
        (["ada@example.com", "Ada <ada@example.com>", "", "nonsense"], []),
        (["ada@example.com", "ada@example.com, bo@example.com"], ["2"]),
        (['"a@example.com; b@example.com"', "a@example.com b@example.com"], ["1", "2"]),
        (["a@example.com/b@example.com", "a@example.com|a@example.com"], ["1"]),
        (["bo@example.com <ada@example.com>", "ada＠example.com"], ["1"]),
    ],
)
def test_orders_with_several_addresses_are_counted_rule_3_2(shop, emails, several):
    rows = [
        ORDER.format(number, "12.50", number).replace("ada@example.com", email, 1)
        for number, email in enumerate(emails, 1)
    ]
    rows += [
        ORDER.format(number, "12.50", number) for number in range(len(rows) + 1, 13)
    ]
    export(shop, "\n".join([COLUMNS, *rows, ""]))

    found = take_in(shop)["contacts_hold_one_address"]

    assert found.passed is (not several)
    assert found.evidence == {"fields": len(several), "ids": ", ".join(several)}
    assert "@" not in found.sentence
    stored = shop.warehouse.read("ecom_orders", EcomOrders).set_index("order_number")
    assert stored.loc[several, ["email_key", "ecom_customer_id"]].isna().all(axis=None)


def test_a_copied_address_makes_the_id_of_the_plain_one_rule_3_7(shop):
    typed = ["ada@example.com", "Ada <ADA@example.com>", "mailto:ada@example.com."]
    rows = [
        ORDER.format(number, "12.50", number).replace("ada@example.com", email, 1)
        for number, email in enumerate([*typed, *typed, *typed, *typed], 1)
    ]
    export(shop, "\n".join([COLUMNS, *rows, ""]))

    take_in(shop)

    stored = shop.warehouse.read("ecom_orders", EcomOrders)
    assert stored["ecom_customer_id"].nunique() == 1
    assert stored["email"].tolist()[:3] == typed, "as typed (rule 3.5)"
