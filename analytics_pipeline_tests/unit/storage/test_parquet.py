"""Tests for analytics_pipeline.storage.parquet."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.model.schemas.table import arrow_schema, frame_types
from analytics_pipeline.storage.parquet import (
    decode,
    encode,
    read_notes,
    shape,
)
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.tables import make_table

MODELS = [spec.schema for spec in TABLES.values()]
ANY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
SALE = {
    "sale_id": "s",
    "business_date": "2026-06-20",
    "sale_date": "2026-06-20 23:59:59.999999",
    "customer_id": None,
    "source": "ecw:花",
    "version": 2**53 + 1,
    "total_incl_cents": -(10**15) - 1,
    "is_completed": True,
}


@ANY_MODEL
def test_an_empty_table_survives_with_its_types(model):
    frame = make_table(model, [])

    pd.testing.assert_frame_equal(frame, decode(encode(frame, model), model))


def test_values_survive_exactly():
    frame = make_table(RawSales, [SALE, SALE | {"sale_id": "t"}])

    back = decode(encode(frame, RawSales), RawSales)

    pd.testing.assert_frame_equal(frame, back)
    assert back.loc[0, "version"] == 2**53 + 1
    assert (
        pd.Timestamp("2026-06-20 23:59:59.999999", tz="UTC")
        == (back.loc[0, "sale_date"])
    )


def test_a_missing_number_stays_missing_and_the_largest_exact():
    cents = [None, LARGEST_AMOUNT - 1, -LARGEST_AMOUNT + 1]
    rows = [{"average_order_value_cents": each} for each in cents]
    frame = make_table(CustomerAnalytics, rows, as_of="2026-06-20")

    back = decode(encode(frame, CustomerAnalytics), CustomerAnalytics)

    pd.testing.assert_frame_equal(frame, back)
    assert back["average_order_value_cents"].dropna().tolist() == cents[1:]


def test_the_same_rows_give_the_same_bytes_rule_7_3():
    first = make_table(RawSales, [SALE])
    again = make_table(RawSales, [{"sale_id": "x"}, SALE]).iloc[1:]
    again.attrs["made"] = "elsewhere"

    assert encode(first, RawSales) == encode(again, RawSales)
    assert encode(first, RawSales) == encode(
        decode(encode(first, RawSales), RawSales), RawSales
    )


def test_other_rows_give_other_bytes():
    first = make_table(RawSales, [SALE])
    other = make_table(RawSales, [SALE | {"total_incl_cents": 1}])

    assert encode(first, RawSales) != encode(other, RawSales)


def test_notes_are_kept_next_to_the_rows():
    frame = make_table(Outlets, [{"outlet_id": "o"}])
    content = encode(frame, Outlets, {"cursor": "12", "name": "花"})

    assert read_notes(content) == {"cursor": "12", "name": "花"}
    pd.testing.assert_frame_equal(frame, decode(content, Outlets))


def test_without_notes_the_footer_says_nothing_but_the_version():
    content = encode(make_table(Outlets, []), Outlets)

    assert read_notes(content) == {}
    noted = pq.read_metadata(pa.BufferReader(content)).metadata
    assert noted.keys() == {b"schema_version", b"file_sha256", b"ARROW:schema"}
    assert noted[b"schema_version"] == b"2"


@ANY_MODEL
def test_every_column_has_a_type_on_disk_and_in_memory(model):
    names = list(model.to_schema().columns)

    assert names == arrow_schema(model).names == list(frame_types(model))
    assert set(map(str, arrow_schema(model).types)) <= {
        "int64", "bool", "string", "timestamp[us]"
    }  # fmt: skip


def test_shaping_puts_columns_in_order_and_drops_others():
    frame = make_table(Outlets, [{"outlet_id": "o"}])
    mixed = frame.assign(extra=1)[["extra", *reversed(frame.columns)]]

    pd.testing.assert_frame_equal(frame, shape(mixed, Outlets))


def test_a_moment_without_zone_is_taken_as_utc():
    frame = make_table(RawSales, [SALE])
    naive = frame.assign(sale_date=frame["sale_date"].dt.tz_localize(None))

    pd.testing.assert_frame_equal(frame, shape(naive, RawSales))


def test_a_missing_column_is_no_table():
    with pytest.raises(KeyError, match="time_zone"):
        shape(make_table(Outlets, []).drop(columns="time_zone"), Outlets)
