"""Whatever a payload holds, it becomes a valid row or a rejection.

And a run that reads it ends well with a warning or with one clear sentence.
"""

import copy
import itertools
import json
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import dagster as dg
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import (
    Customers,
    Outlets,
    Products,
    SalesFeed,
)
from analytics_pipeline.sources.lightspeed.customers import customers_rows
from analytics_pipeline.sources.lightspeed.outlets import details_of, outlets_rows
from analytics_pipeline.sources.lightspeed.products import products_rows
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline_tests.examples import each_at_night, up_to
from analytics_pipeline_tests.light_run import (
    SOURCES,
    PatientLightspeed,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.oracle.ledger import expected_master
from analytics_pipeline_tests.simulated_shop import (
    FIRST_DAY,
    PUBLISHED,
    open_simulated_shop,
)
from analytics_pipeline_tests.unit.sources.damages import parse, places_in, write
from analytics_pipeline_tests.unit.sources.samples import (
    customer,
    flat_sale,
    nested_sale,
    product,
)

KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
MISSING = object()

QUICK = settings(max_examples=up_to(50), deadline=timedelta(seconds=5), database=None)

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
@given(six_damaged(product))
def test_a_damaged_product_is_a_row_or_a_rejection(records):
    check(records, *products_rows(records, segment=0), Products)


@QUICK
@given(st.lists(ODD.filter(lambda value: value is not MISSING), max_size=9))
def test_records_of_any_other_kind_are_rejected(records):
    check(records, *sales_rows(records, segment=0, page=1), SalesFeed)
    for _, rejections in (
        customers_rows(records, KEYS, Policy()),
        products_rows(records, segment=0),
    ):
        assert len(rejections) == len(records)


@QUICK
@given(
    damaged({"id": "outlet-1", "name": "x", "time_zone": "UTC", "deleted_at": None}),
    damaged({"id": "register-1", "outlet_id": "outlet-1", "deleted_at": None}),
    damaged({"timezone": "UTC", "country": "US"}),
)
def test_damaged_outlets_are_rows_or_nothing(outlet, register, store):
    rows = outlets_rows([outlet], [register], details_of(store))

    check_storable(rows, Outlets)


# Whole runs -----------------------------------------------------------------------


class DoctoredReplies(httpx.HTTPTransport):
    """Brings the store's replies, after *doctor* has changed path and text."""

    def __init__(self, doctor):
        super().__init__()
        self.doctor = doctor

    def handle_request(self, request):
        reply = super().handle_request(request)
        changed = self.doctor(request.url.path, reply.read().decode())
        return httpx.Response(
            200, headers={"Date": reply.headers["Date"]}, text=changed
        )


@pytest.fixture
def shop(tmp_path):
    """A store of twelve days, small enough to be read again and again."""
    with open_simulated_shop(
        tmp_path / "data",
        seed=9,
        customers=20,
        opened_on=FIRST_DAY - timedelta(days=12),
    ) as simulated:
        yield simulated


def run(shop, doctor, **options):
    lightspeed = PatientLightspeed(
        shop.settings, {"transport": DoctoredReplies(doctor)}
    )
    return run_light(shop.settings, FIRST_DAY, lightspeed=lightspeed, **options)


def doctor_records(damages):
    """Return a doctor who puts other values into the records of these ids."""

    def doctor(_path, text):
        body = parse(text)
        data = body["data"] if isinstance(body["data"], list) else [body["data"]]
        for record in data:
            for path, value in damages.get(record.get("id"), {}).items():
                replace_in(record, path, value)
        return write(body)

    return doctor


def personal_words(shop):
    """Everything that only a person's own record or note may say."""
    people = shop.store.state.customers.values()
    notes = {sale.note for sale in shop.store.state.sales.values()}
    words = {f"{person.first_name} {person.last_name}" for person in people} | notes
    for person in people:
        words |= {person.email, person.phone, person.mobile}
    return {word for word in words if word and len(word) > 5}


def private_damages(shop):
    """Damages that put personal data where a sound record has something else."""
    person = next(
        person for person in shop.store.state.customers.values()
        if person.email and person.phone and person.first_name
    )  # fmt: skip
    note = f"Shipping: {person.first_name} {person.last_name}, {person.phone}"
    return note, [
        {("totals", "price_incl_tax"): person.email},
        {("totals", "price"): note},
        {("date",): person.phone},
        {("line_items", 0, "quantity"): f"{person.first_name} {person.last_name}"},
        {("customer_id",): {"email": person.email}},
        {("_metadata", "version"): person.email},
        {("payments",): note},
        {("deleted_at",): note},
    ]


def broken_sales(shop, damages):
    """Give each damage a sale of its own, the latest first, which has all parts."""
    sales = [sale for sale in shop.store.state.sales.values() if sale.lines]
    return dict(zip((sale.id for sale in sales), damages, strict=False))


def reported(events):
    return "\n".join(map(repr, events))


def warned(events):
    """The tables whose records were rejected with a warning."""
    return {
        event.asset_key.to_user_string()
        for event in events
        if isinstance(event, dg.AssetCheckEvaluation)
        if event.check_name == "rows_are_sound" and not event.passed
        if event.severity is dg.AssetCheckSeverity.WARN
    }


def test_damaged_sales_are_left_out_and_nothing_personal_is_reported(shop):
    note, damages = private_damages(shop)
    broken = broken_sales(shop, damages)

    events = run(shop, doctor_records(broken))

    assert len(broken) == len(damages)
    assert warned(events) == {"sales_feed"}
    listed = (shop.data / "quarantine/sales_feed/records.csv").read_text()
    assert all(sale_id in listed for sale_id in broken)
    everything = listed + reported(events)
    assert [w for w in {note, *personal_words(shop)} if w in everything] == []
    for sale_id in broken:
        del shop.store.state.sales[sale_id]
    assert expected_master(shop.store.state, FIRST_DAY) == shop.rows(PUBLISHED[0])


@pytest.mark.nightly
def test_damaged_customers_are_left_out_and_nothing_personal_is_reported(shop):
    ids = [
        person.id
        for person in shop.store.state.customers.values()
        if person.email and person.id != shop.store.state.default_customer_id
    ][:4]
    email, name = "nobody.else@example.com", "Mallory Example"
    damages = [
        {("created_at",): email},
        {("email",): [email]},
        {("deleted_at",): name},
        {("phone",): {"of": name}},
    ]

    events = run(shop, doctor_records(dict(zip(ids, damages, strict=True))))

    assert warned(events) == {"customers"}
    listed = (shop.data / "quarantine/customers/records.csv").read_text()
    assert all(person_id in listed for person_id in ids)
    everything = listed + reported(events)
    assert [w for w in {email, name, *personal_words(shop)} if w in everything] == []
    shown = {row["Customer ID"] for row in shop.rows(PUBLISHED[0])}
    assert not shown & set(ids)


def test_too_many_damaged_sales_stop_the_run_with_one_sentence(shop):
    note, damages = private_damages(shop)
    broken = broken_sales(shop, damages * 3)

    with pytest.raises(dg.Failure) as failed:
        run(shop, doctor_records(broken))

    assert exit_code_of(failed.value) == 1
    assert "24 of" in failed.value.description
    assert "were rejected" in failed.value.description
    everything = repr(failed.value.metadata) + failed.value.description
    assert [w for w in {note, *personal_words(shop)} if w in everything] == []
    assert not any((shop.data / name).exists() for name in PUBLISHED)


GARBAGE = {
    "empty": "",
    "not a number": "NaN",
    "no data": '{"data":null}',
    "text for data": '{"data":"Ada Example"}',
    "too deep": "[" * 100_000,
}


@pytest.mark.parametrize(
    ("path", "kind"),
    each_at_night(
        itertools.product(
            ["sales", "customers", "products", "outlets", "retailer"], GARBAGE
        ),
        by_day=3,
    ),
)
def test_a_reply_that_is_no_list_of_records_is_reported_as_such(shop, path, kind):
    garbage = GARBAGE[kind]

    def doctor(asked, text):
        return garbage if asked.endswith(f"/{path}") else text

    with pytest.raises(dg.Failure) as failed:
        run(shop, doctor, tables=SOURCES)

    assert exit_code_of(failed.value) == 3
    assert "Lightspeed" in failed.value.description
    assert "Ada" not in repr(failed.value.metadata) + failed.value.description
