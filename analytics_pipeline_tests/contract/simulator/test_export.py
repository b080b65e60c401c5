"""Tests for analytics_pipeline.simulator.export."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics_pipeline.simulator.export import (
    COLUMNS,
    export_text,
    local_time,
    write_export,
)
from analytics_pipeline.simulator.history import Store


@pytest.fixture(scope="module")
def state():
    store = Store(5, customers=60, opened_on=date(2024, 9, 20))
    store.advance_to(datetime(2024, 12, 1, tzinfo=UTC))
    return store.state


@pytest.fixture(scope="module")
def rows(state):
    reader = csv.reader(io.StringIO(export_text(state), newline=""), delimiter=";")
    header, *rows = reader
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_columns_are_named_once_each():
    assert len(COLUMNS) == len(set(COLUMNS)) == 110
    assert {"null", "X-series Order ID", 'Add a "gift" message?'} <= set(COLUMNS)


def test_the_file_has_no_mark_and_plain_line_ends(state, tmp_path):
    write_export(state, tmp_path / "export.csv")
    content = (tmp_path / "export.csv").read_bytes()

    assert content.startswith(b"order_number;email;")
    assert b"\r" not in content
    assert b'"Add a ""gift"" message?"' in content
    assert content.decode() == export_text(state)


def test_records_are_fewer_than_lines(state, rows):
    assert len(rows) + 1 < len(export_text(state).splitlines())


def test_every_line_of_every_order_is_a_row(state, rows):
    expected = [
        (order.order_number, sku, str(count))
        for order in sorted(
            state.web_orders.values(), key=lambda o: int(o.order_number), reverse=True
        )
        for sku, _, _, count in order.lines
    ]

    assert expected == [(r["order_number"], r["sku"], r["quantity"]) for r in rows]


def test_the_values_of_an_order_come_back(state, rows):
    for row in rows:
        order = state.web_orders[row["order_number"]]
        assert Decimal(row["order_total"]) == order.total
        assert row["email"] == (order.email or "")
        assert row["payment_status_code"] == order.payment_status
        assert row["fulfillment_status_code"] == order.fulfillment_status
        assert row["X-series Order ID"] == (order.exported_sale_id or "")


def test_order_values_agree_on_all_rows_of_an_order(rows):
    varying = {"sku", "name", "price", "total", "quantity", "options", "tax_details"}
    seen = {}
    for row in rows:
        shared = {k: v for k, v in row.items() if k not in varying}
        assert seen.setdefault(row["order_number"], shared) == shared


def test_free_text_holds_line_breaks_and_delimiters(rows):
    assert any("\n" in row["order_comments"] for row in rows)
    assert any(";" in row["order_comments"] for row in rows)


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2025, 1, 5, 20, 7, 59, tzinfo=UTC), "Jan 5, 2025 03:07 PM"),
        (datetime(2025, 7, 15, 4, 0, tzinfo=UTC), "Jul 15, 2025 12:00 AM"),
        (datetime(2025, 7, 15, 16, 30, tzinfo=UTC), "Jul 15, 2025 12:30 PM"),
        (datetime(2025, 11, 2, 5, 30, tzinfo=UTC), "Nov 2, 2025 01:30 AM"),
        (datetime(2025, 11, 2, 6, 30, tzinfo=UTC), "Nov 2, 2025 01:30 AM"),
    ],
)
def test_times_are_local_and_to_the_minute(moment, shown):
    assert shown == local_time(moment, ZoneInfo("America/New_York"))
