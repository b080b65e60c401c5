"""Tests for analytics_pipeline.storage.csv."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)
from analytics_pipeline.storage.csv import disarm, render_csv, write_text
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.tables import make_table

MASTER_HEADER = (
    "Customer ID,Customer Code,Name,Email,Phone,Lifetime Value,"
    "Rolling 90-Day Value,Order Count,Rolling 90-Day Order Count,"
    "Average Order Value,First Order Date,Last Order Date,Days Since Last Order,"
    "Is VIP,Is High Value,Inactive Segment,Tier,eCom Order Count,"
    "Retail Order Count,Refunded Value,Duplicate IDs,Note"
)
LATER_HEADER = (
    ",Tier Drop Date,Tier After Drop,Spend To Keep Tier,Next Tier,Spend To Next Tier,"
    "Home Outlet,Channel,RFM Score,RFM Group,Average Days Between Orders,Lapse State,"
    "Predicted Orders 365 Days,Predicted Value 365 Days,Chance Of Order 90 Days,"
    "Expected Next Order Date"
)
"""What was appended since."""
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
    "tier_drop_date": "2026-07-01",
    "tier_after_drop": "Seed",
    "spend_to_keep_cents": 1_230,
    "next_tier": "Sprout",
    "spend_to_next_cents": 25_000,
    "home_outlet": "Main Street",
    "channel": "both",
    "rfm_score": "545",
    "rfm_group": "Champions",
    "average_days_between_orders_tenths": 125,
    "lapse_state": "active",
    "predicted_orders_365_days_hundredths": 5,
    "predicted_value_365_days_cents": 205_750,
    "chance_of_order_90_days_thousandths": 40,
    "expected_next_order_date": "2027-01-05",
}
IDLE = {
    "customer_id": "z",
    "inactive_segment": "never",
    "tier": "None",
    "rfm_group": "Prospects",
}


EVERY_KIND = "a1\"',;|\n\t\r=+-@＝﹣ \u00a0\u3000é花\u200b\ufeff\x00\x85\u2028\u2029"


def render(*rows):
    frame = make_table(CustomerAnalyticsMaster, rows)
    return render_csv(frame, CustomerAnalyticsMaster).decode()


def read_back(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_master_has_its_22_headers_first_rule_8_1():
    assert render() == MASTER_HEADER + LATER_HEADER + "\n"
    assert MASTER_HEADER.count(",") + 1 == 22


def test_the_first_time_buyers_have_their_headers_rule_8_2():
    empty = make_table(FirstTimeBuyers, [])

    assert render_csv(empty, FirstTimeBuyers).decode() == BUYERS_HEADER + "\n"


def test_a_row_is_written_as_people_read_it_rule_8_1():
    assert render(ADA).splitlines()[1] == (
        "a,ADA-1,Ada Example,ada@example.com,+12125550123,1234.50,-0.05,3,0,411.50,"
        "2025-01-05,2026-01-05,166,Yes,No,90d,Seed,1,2,1.00,b;c,"
        "Merged 2 duplicate records,2026-07-01,Seed,12.30,Sprout,250.00,"
        "Main Street,both,545,Champions,12.5,active,0.05,2057.50,0.040,2027-01-05"
    )


def test_what_is_unknown_is_empty_rule_8_1():
    assert (
        (render(IDLE).splitlines()[1])
        == "z,,,,,0.00,0.00,0,0,,,,,No,No,never,None,0,0,0.00"
        ",,,,,,,,,,,Prospects,,,,,,"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("=1+1", "'=1+1", id="equals"),
        pytest.param("+x", "'+x", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t1", "'\t1", id="tab"),
        pytest.param("\r=1", "'\r=1", id="carriage return"),
        pytest.param("+12125550123", "+12125550123", id="E.164"),
        pytest.param("+1 212 555 0123", "'+1 212 555 0123", id="not quite E.164"),
        pytest.param("+12125550123\n", "'+12125550123\n", id="E.164 and a newline"),
        pytest.param("+1+1", "'+1+1", id="a sum"),
        pytest.param("+", "'+", id="plus alone"),
        pytest.param("+١٢٣", "'+١٢٣", id="digits of another script"),
        pytest.param("a=1", "a=1", id="in the middle"),
        pytest.param("'=1", "'=1", id="disarmed already"),
        pytest.param("＝1+1", "'＝1+1", id="full-width equals"),
        pytest.param("＋1", "'＋1", id="full-width plus"),
        pytest.param("－1", "'－1", id="full-width minus"),
        pytest.param("＠A1", "'＠A1", id="full-width at"),
        pytest.param("﹣1", "'﹣1", id="small minus"),
        pytest.param(" =1", "' =1", id="after a blank"),
        pytest.param("\u00a0=1", "'\u00a0=1", id="after a hard blank"),
        pytest.param("\u200b\ufeff=1", "'\u200b\ufeff=1", id="after nothing to see"),
        pytest.param("\u202e=1", "'\u202e=1", id="after a change of direction"),
        pytest.param('"=1"', '\'"=1"', id="in quotes"),
        pytest.param("a;=1", "a;'=1", id="semicolon"),
        pytest.param("a;b; -1;@c", "a;b;' -1;'@c", id="several semicolons"),
        pytest.param("a,+1", "a,'+1", id="comma"),
        pytest.param('a,"=1', "a,'\"=1", id="comma and quote"),
        pytest.param("a\t=1", "a\t'=1", id="tab inside"),
        pytest.param("a|＝1", "a|'＝1", id="bar"),
        pytest.param("a\n=1", "a\n'=1", id="new line"),
        pytest.param("a\n\u200b=1", "a\n'\u200b=1", id="new line, then nothing to see"),
        pytest.param("a\u2028@1", "a\u2028'@1", id="line separator"),
        pytest.param("+1555;+1556", "'+1555;'+1556", id="two numbers are no number"),
        pytest.param("a;b", "a;b", id="semicolon alone"),
        pytest.param("Ann-Marie, b-c; d@e", "Ann-Marie, b-c; d@e", id="no sign first"),
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
        "Åda Ęxample 花",
        '"',
        " Ada ",
    ],
)
def test_quotes_commas_and_newlines_come_back_as_they_were_rule_8_1(name):
    assert [name] == [row["Name"] for row in read_back(render(ADA | {"name": name}))]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        pytest.param("An\0n", "Ann", id="NUL"),
        pytest.param("Ann\a", "Ann", id="bell"),
        pytest.param("\x1b[31mAnn", "[31mAnn", id="escape"),
        pytest.param("An\x7fn", "Ann", id="delete"),
        pytest.param("An\x85\x9fn", "Ann", id="C1"),
        pytest.param("Ann\v\fReed", "AnnReed", id="vertical tab, form feed"),
        pytest.param("\0=1", "'=1", id="before a formula"),
        pytest.param("a;\x01=1", "a;'=1", id="before a formula after a semicolon"),
        pytest.param("Ann\rReed", "Ann\nReed", id="carriage return"),
        pytest.param("Ann\r\nReed", "Ann\nReed", id="line end of Windows"),
        pytest.param("Ann\r=1", "Ann\n'=1", id="formula after a carriage return"),
        pytest.param("\r=1", "\n'=1", id="carriage return first"),
        pytest.param("Ann\tReed", "Ann\tReed", id="tab"),
        pytest.param("\u202eAnn\u2028", "\u202eAnn\u2028", id="no control characters"),
        pytest.param("👩\u200d👧 Zoë", "👩\u200d👧 Zoë", id="joined"),
    ],
)
def test_control_characters_are_taken_out_rule_8_5(typed, written):
    assert [written] == [
        row["Name"] for row in read_back(render(ADA | {"name": typed}))
    ]


@pytest.mark.parametrize(
    "name", ["nan", "NaN", "NULL", "None", "#N/A", "inf", "-inf", "true", "1E5", "007"]
)
def test_a_word_that_some_readers_take_for_none_stays_text_rule_8_1(name):
    row = read_back(render(ADA | {"name": name, "customer_code": name}))[0]

    assert {row["Name"], row["Customer Code"]} == {disarm(name)}


def test_a_byte_order_mark_is_written_only_where_asked_for_rule_8_5():
    frame = make_table(CustomerAnalyticsMaster, [ADA | {"name": "Zoë"}])
    plain, marked = (
        render_csv(frame, CustomerAnalyticsMaster, mark).decode()
        for mark in (False, True)
    )

    assert marked == "\ufeff" + plain
    assert not plain.startswith("\ufeff")


SIGNS = "=+-@＝＋－＠"
PARTS = st.sampled_from([*SIGNS, *"a1 ;,|\t\n\r\"'\0\x85", "\u200b", "\u00a0", "+1"])
HAZARDS = st.lists(PARTS, max_size=12).map("".join)


def split_in_every_way(line):
    """The cells that readers of different habits make of one written text.

    With each separator; quotes understood, or taken for text, or left out.
    """
    for separator in ",;|\t":
        yield from (
            cell
            for row in csv.reader(io.StringIO(line, newline=""), delimiter=separator)
            for cell in row
        )
        for each in line.splitlines():
            yield from each.split(separator)
            yield from each.replace('"', "").split(separator)


@given(typed=HAZARDS | st.text(max_size=12))
@example(typed="\0+1")
@settings(max_examples=up_to(400))
def test_no_reader_finds_a_formula_wherever_it_splits_a_cell_rule_8_5(typed):
    written = write_text(typed)

    assert not {each for each in written if unicodedata.category(each) == "Cc"} - {
        *"\n\t"
    }
    if re.fullmatch(r"\+[0-9]+", typed):
        assert written == typed
    if re.fullmatch(r"\+[0-9]+", written):  # a phone number, once controls are out
        return
    for cell in split_in_every_way(f"id,{written},12.50"):
        seen = cell.lstrip(' \u00a0\u200b"')
        assert not seen.startswith(tuple(SIGNS)), cell


@given(typed=HAZARDS)
@settings(max_examples=up_to(200))
def test_only_apostrophes_are_added_and_control_characters_lost_rule_8_5(typed):
    rows = list(csv.reader(io.StringIO(f"id,{write_text(typed)},1", newline="")))
    plain = "".join(
        each
        for each in re.sub("\r\n?", "\n", typed)
        if unicodedata.category(each) != "Cc" or each in "\n\t"
    )

    (cells,) = rows
    assert cells[1].replace("'", "") == plain.replace("'", "")
    assert write_text(plain) == write_text(typed)


TEXTS = st.text(st.sampled_from("a1\"',;\n\t=+-@ é花"), max_size=12)


@given(names=st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=up_to(60))
def test_no_text_breaks_a_row_or_starts_a_formula_rules_8_1_and_8_5(names):
    rows = read_back(render(*({**ADA, "name": name} for name in names)))

    assert [name.replace("'", "") for name in names] == [
        row["Name"].replace("'", "") for row in rows
    ]
    armed = ("=", "-", "@", "\t", "\r")
    assert not [row for row in rows if row["Name"].startswith(armed)]


ANY_TEXT = st.text(
    st.one_of(st.sampled_from(EVERY_KIND), st.characters(codec="utf-8")), max_size=8
)


@given(names=st.lists(st.one_of(st.none(), ANY_TEXT), min_size=1, max_size=6))
@settings(max_examples=up_to(150))
def test_a_column_is_written_as_each_of_its_texts_rule_8_1(names):
    def below_the_header(*rows):
        return render(*rows).partition("\n")[2]

    unnamed = below_the_header(IDLE)
    assert unnamed.startswith("z,,,")
    written = ["" if name is None else write_text(name) for name in names]

    assert below_the_header(*({**IDLE, "name": name} for name in names)) == "".join(
        f"z,,{cell}{unnamed[3:]}" for cell in written
    )


@given(cents=st.integers(-(10**15), 10**15))
@settings(max_examples=up_to(60))
def test_an_amount_is_written_exactly_rule_8_1(cents):
    row = read_back(render(ADA | {"lifetime_value_cents": cents}))[0]

    assert row["Lifetime Value"] == format_cents(cents)


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

    monkeypatch.setattr("analytics_pipeline.storage.csv.ROWS_AT_ONCE", 2)

    assert render_csv(frame, CustomerAnalyticsMaster) == at_once
    assert at_once.count(b"\n") == count + 1
