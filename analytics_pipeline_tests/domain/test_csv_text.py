"""Tests for analytics_pipeline.domain.csv_text."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.csv_text import disarm, render_csv
from analytics_pipeline.schemas.exports import CustomerAnalyticsMaster, FirstTimeBuyers
from analytics_pipeline_tests.tables import make_table

MASTER_HEADER = (
    "Customer ID,Customer Code,Name,Email,Phone,Lifetime Value,"
    "Rolling 90-Day Value,Order Count,Rolling 90-Day Order Count,"
    "Average Order Value,First Order Date,Last Order Date,Days Since Last Order,"
    "Is VIP,Is High Value,Inactive Segment,Tier,eCom Order Count,"
    "Retail Order Count,Refunded Value,Duplicate IDs,Note"
)
BUYERS_HEADER = (
    "Customer ID,Customer Code,Name,Email,Phone,First Purchase Date,"
    "Days Since First Purchase,Lifetime Value,Order Count,Average Order Value,"
    "Last Order Date,Tier"
)
ADA = {
    "customer_id": "a",
    "customer_code": "ADA-1",
    "name": "Ada Example",
    "email": "ada@example.com",
    "phone": "+12125550123",
    "lifetime_value_cents": 123_450,
    "rolling_90_day_value_cents": -5,
    "order_count": 3,
    "rolling_90_day_order_count": 0,
    "average_order_value_cents": 41_150,
    "first_order_date": "2025-01-05",
    "last_order_date": "2026-01-05",
    "days_since_last_order": 166,
    "is_vip": True,
    "is_high_value": False,
    "inactive_segment": "90d",
    "tier": "Seed",
    "ecom_order_count": 1,
    "retail_order_count": 2,
    "refunded_value_cents": 100,
    "duplicate_ids": "b;c",
    "note": "Merged 2 duplicate records",
}
IDLE = {"customer_id": "z", "inactive_segment": "never", "tier": "None"}


def render(*rows):
    return render_csv(
        make_table(CustomerAnalyticsMaster, rows), CustomerAnalyticsMaster
    )


def read_back(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_master_has_its_22_headers_in_their_order_rule_8_1():
    assert render() == MASTER_HEADER + "\n"
    assert MASTER_HEADER.count(",") + 1 == 22


def test_the_first_time_buyers_have_their_headers_rule_8_2():
    empty = make_table(FirstTimeBuyers, [])

    assert render_csv(empty, FirstTimeBuyers) == BUYERS_HEADER + "\n"


def test_a_row_is_written_as_people_read_it_rule_8_1():
    assert render(ADA).splitlines()[1] == (
        "a,ADA-1,Ada Example,ada@example.com,+12125550123,1234.50,-0.05,3,0,411.50,"
        "2025-01-05,2026-01-05,166,Yes,No,90d,Seed,1,2,1.00,b;c,"
        "Merged 2 duplicate records"
    )


def test_what_is_unknown_is_empty_rule_8_1():
    assert (
        (render(IDLE).splitlines()[1])
        == "z,,,,,0.00,0.00,0,0,,,,,No,No,never,None,0,0,0.00,,"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("=1+1", "'=1+1", id="equals"),
        pytest.param("+x", "'+x", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "'\t=1", id="tab"),
        pytest.param("\r=1", "'\r=1", id="carriage return"),
        pytest.param("+12125550123", "+12125550123", id="E.164"),
        pytest.param("+1 212 555 0123", "'+1 212 555 0123", id="not quite E.164"),
        pytest.param("+12125550123\n", "'+12125550123\n", id="E.164 and a newline"),
        pytest.param("+1+1", "'+1+1", id="a sum"),
        pytest.param("+", "'+", id="plus alone"),
        pytest.param("+١٢٣", "'+١٢٣", id="digits of another script"),
        pytest.param("a=1", "a=1", id="in the middle"),
        pytest.param("'=1", "'=1", id="disarmed already"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_cell_that_begins_like_a_formula_is_disarmed_rule_8_5(text, written):
    assert written == disarm(text)


@pytest.mark.parametrize(
    "column", ["customer_id", "customer_code", "name", "email", "phone", "note"]
)
def test_every_text_column_is_disarmed_rule_8_5(column):
    title = CustomerAnalyticsMaster.to_schema().columns[column].title
    row = read_back(render(ADA | {column: "=HYPERLINK(1)"}))[0]

    assert row[title] == "'=HYPERLINK(1)"


def test_a_negative_amount_is_no_formula_rule_8_5():
    row = read_back(render(ADA | {"lifetime_value_cents": -1_000}))[0]

    assert row["Lifetime Value"] == "-10.00"


@pytest.mark.parametrize(
    "name",
    [
        'Ada "the first" Example',
        "Example, Ada",
        "Ada\nExample",
        "Ada\r\nExample",
        "Ada\rExample",
        "Åda Ęxample 花",
        '"',
        " Ada ",
    ],
)
def test_quotes_commas_and_newlines_come_back_as_they_were_rule_8_1(name):
    assert [name] == [row["Name"] for row in read_back(render(ADA | {"name": name}))]


TEXTS = st.text(st.sampled_from("a1\"',;\n\r\t=+-@ é花"), max_size=12)


@given(names=st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_a_row_or_starts_a_formula_rules_8_1_and_8_5(names):
    rows = read_back(render(*({**ADA, "name": name} for name in names)))

    assert names == [
        row["Name"][1:] if row["Name"] != name else name
        for row, name in zip(rows, names, strict=True)
    ]
    armed = ("=", "-", "@", "\t", "\r")
    assert not [row for row in rows if row["Name"].startswith(armed)]


def test_lines_end_with_a_newline_alone_rule_8_1():
    text = render(ADA, IDLE)

    assert text.count("\n") == 3
    assert text.endswith("\n")
    assert "\r" not in text


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_rows_written_some_at_a_time_are_those_written_at_once(monkeypatch, count):
    people = [ADA | {"customer_id": f"a{number}"} for number in range(count)]
    frame = make_table(CustomerAnalyticsMaster, people)
    at_once = render_csv(frame, CustomerAnalyticsMaster)

    monkeypatch.setattr("analytics_pipeline.domain.csv_text.ROWS_AT_ONCE", 2)

    assert render_csv(frame, CustomerAnalyticsMaster) == at_once
    assert at_once.count("\n") == count + 1
