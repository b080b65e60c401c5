"""Whatever a payload holds, it becomes a valid row or a rejection."""

import copy
import json
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.schemas.sources import Customers, Outlets, SalesFeed
from analytics_pipeline.sources.customer_payloads import customers_rows
from analytics_pipeline.sources.outlet_payloads import outlets_rows
from analytics_pipeline.sources.sale_payloads import sales_rows
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline_tests.sources.samples import customer, flat_sale, nested_sale

KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
MISSING = object()

QUICK = settings(max_examples=50, deadline=timedelta(seconds=5), database=None)

ODD = st.one_of(
    st.just(MISSING),
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**18, -(10**18), 2**63, 10**5000, -(10**40), 0]),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 0.1]),
    st.decimals(),
    st.sampled_from([Decimal("1e999999"), Decimal("1e-999999"), Decimal("0e999999")]),
    st.text(st.characters(exclude_categories=[]), max_size=12),
    st.sampled_from(["", " ", "NaN", "1e400", "12.345", "\x00", "\ud800", "a@b.c"]),
    st.sampled_from(["2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00"]),
    st.just([]),
    st.just({}),
    st.lists(st.none() | st.text(max_size=3) | st.just({}), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)


def places_in(value, path=()):
    """List the path of every value inside a payload."""
    children = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, child in children:
        yield (*path, key)
        yield from places_in(child, (*path, key))


def replace_in(record, path, value):
    """Replace what *record* has at *path*, or take it out."""
    at = record
    for key in path[:-1]:
        at = at[key]
    if value is MISSING:
        del at[path[-1]]
    else:
        at[path[-1]] = value


@st.composite
def damaged(draw, record):
    """Draw the record with one to three of its values replaced."""
    places = list(places_in(record))
    paths = draw(st.lists(st.sampled_from(places), min_size=1, max_size=3, unique=True))
    damage = copy.deepcopy(record)
    # From the end backwards and from the inside out, every place stays where it is.
    for path in sorted(paths, key=places.index, reverse=True):
        replace_in(damage, path, draw(ODD))
    return damage


def six_damaged(make):
    """Draw six damaged records, which have ids of their own to begin with."""
    return st.tuples(*(damaged(make(id=f"record-{number}")) for number in range(6)))


def check_storable(rows, table):
    table.validate(rows, lazy=True)
    encode(rows, table)


def check(records, rows, rejections, table):
    """Check that every record is a row that can be stored, or a rejection that can."""
    check_storable(rows, table)
    json.dumps([asdict(rejection) for rejection in rejections]).encode()
    ids = [record.get("id") for record in records if isinstance(record, dict)]
    if all(isinstance(found, str) and found.startswith("record-") for found in ids):
        assert len(rows) + len(rejections) == len(records)


@QUICK
@given(six_damaged(flat_sale))
def test_a_damaged_flat_sale_is_a_row_or_a_rejection(records):
    check(records, *sales_rows(records, segment=0, page=1), SalesFeed)


@QUICK
@given(six_damaged(nested_sale))
def test_a_damaged_nested_sale_is_a_row_or_a_rejection(records):
    check(records, *sales_rows(records, segment=0, page=1), SalesFeed)


@QUICK
@given(six_damaged(customer))
def test_a_damaged_customer_is_a_row_or_a_rejection(records):
    check(records, *customers_rows(records, KEYS, Policy()), Customers)


@QUICK
@given(st.lists(ODD.filter(lambda value: value is not MISSING), max_size=9))
def test_records_of_any_other_kind_are_turned_away(records):
    check(records, *sales_rows(records, segment=0, page=1), SalesFeed)
    _, rejections = customers_rows(records, KEYS, Policy())
    assert len(rejections) == len(records)


@QUICK
@given(
    damaged({"id": "outlet-1", "name": "x", "time_zone": "UTC", "deleted_at": None}),
    damaged({"id": "register-1", "outlet_id": "outlet-1", "deleted_at": None}),
    damaged({"timezone": "UTC", "country": "US"}),
)
def test_damaged_outlets_are_rows_or_nothing(outlet, register, store):
    rows = outlets_rows([outlet], [register], store)

    check_storable(rows, Outlets)
