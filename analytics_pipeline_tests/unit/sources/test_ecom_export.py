"""Tests for analytics_pipeline.sources.web_shop.export and export_file."""

import csv
import io

import pandas as pd
import pytest

from analytics_pipeline.domain.contacts import ContactKeys, ecom_customer_id
from analytics_pipeline.domain.web_order_log import LAST_WORDS
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.sources.web_shop.export import NOT_IN_EXPORT, read_ecom_export
from analytics_pipeline.sources.web_shop.export_file import (
    E_SERIES,
    DecimalMark,
    Delimiter,
    ExportDialect,
)

KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
ORDER = {
    "order_number": "1042",
    "email": "Ada@Example.com",
    "sku": "ROSE-12",
    "name": 'Roses, 12" stems; red',
    "total": "30.00",
    "timestamp": "Jan 5, 2026 03:07 PM",
    "shipto_person_name": "Grace Example",
    "bill_person_name": "Ada Example",
    "payment_status": "Paid",
    "fulfillment_status": "Delivered",
    "payment_status_code": "ACCEPTED",
    "fulfillment_status_code": "DELIVERED",
    "order_tax": "2.66",
    "order_total": "32.66",
    "order_comments": "first line;\nsecond line",
    'Card "to", from': "custom",
    "null": "",
    "X-series Order ID": "sale-1",
}


def text_of(orders, delimiter=";", quoting=csv.QUOTE_MINIMAL):
    """Write rows in the dialect of the export."""
    file = io.StringIO()
    names = list(orders[0]) if orders else list(ORDER)
    writer = csv.DictWriter(
        file, names, delimiter=delimiter, quoting=quoting, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(orders)
    return file.getvalue()


@pytest.fixture
def read(tmp_path):
    """Read rows, or a whole text, as an export."""

    def read_it(*orders, text=None, dialect=E_SERIES):
        path = tmp_path / "export.csv"
        content = text_of(orders) if text is None else text
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        frame = read_ecom_export(path, KEYS, "America/New_York", dialect).orders
        EcomOrders.validate(frame, lazy=True)
        return frame.astype(object).where(frame.notna(), None).to_dict("records")

    return read_it


def order(**changes):
    return ORDER | changes


def without(*columns):
    return {name: value for name, value in ORDER.items() if name not in columns}


def test_an_order_becomes_its_row(read):
    expected = {
        "order_number": "1042",
        "ordered_at": pd.Timestamp("2026-01-05T15:07:00"),
        "order_date": pd.Timestamp("2026-01-05"),
        "payment_status": "ACCEPTED",
        "fulfillment_status": "DELIVERED",
        "total_cents": 3266,
        "tax_cents": 266,
        "sale_id": "sale-1",
        "name": "Ada Example",
        "email": "Ada@Example.com",
        "email_key": KEYS.of_email("ada@example.com"),
        "ecom_customer_id": ecom_customer_id("ada@example.com"),
        **dict(zip(LAST_WORDS, NOT_IN_EXPORT, strict=True)),
    }

    assert [expected] == read(ORDER)


def test_an_order_of_many_line_items_is_taken_once(read):
    (row,) = read(ORDER, order(sku="VASE-1", name="Vase", total="2.66"))

    assert row["total_cents"] == 3266


def test_orders_come_by_number_then_by_text(read):
    rows = read(*(order(order_number=number) for number in ("X9", "100", "99", "A1")))

    assert [row["order_number"] for row in rows] == ["99", "100", "A1", "X9"]


def test_rows_of_an_order_need_not_be_adjacent(read):
    rows = read(ORDER, order(order_number="7"), order(sku="VASE-1"))

    assert [row["order_number"] for row in rows] == ["7", "1042"]


def test_an_export_without_orders_is_a_valid_table(read):
    assert read(text=text_of([])) == []


def test_columns_may_come_in_any_order_with_a_byte_order_mark(read):
    names = sorted(ORDER, reverse=True)
    text = "\ufeff" + text_of([{name: ORDER[name] for name in names}])

    assert read(text=text) == read(ORDER)


def test_lines_may_end_as_windows_ends_them(read):
    assert read(text=text_of([ORDER]).replace("\n", "\r\n")) == read(ORDER)


def test_a_very_long_cell_is_read(read):
    assert len(read(order(order_comments="x" * 200_000))) == 1


def test_blank_lines_are_no_rows(read):
    assert read(text=text_of([ORDER]) + "\n\n") == read(ORDER)


# Time -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "hour"),
    [
        ("Jan 5, 2026 12:00 AM", 0),
        ("Jan 5, 2026 12:00 PM", 12),
        ("Jan 5, 2026 12:59 PM", 12),
        ("Jan 05, 2026 1:07 am", 1),
        ("Jan 5, 2026 11:59\u202fPM", 23),
    ],
)
def test_times_are_of_the_twelve_hour_clock(read, shown, hour):
    (row,) = read(order(timestamp=shown))

    assert hour == row["ordered_at"].hour
    assert row["order_date"] == pd.Timestamp("2026-01-05")


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param("Mar 8, 2026 02:30 AM", id="skipped by the clocks"),
        pytest.param("Nov 1, 2026 01:30 AM", id="there twice"),
        pytest.param("Dec 31, 2026 11:59 PM", id="another day in UTC"),
    ],
)
def test_a_wall_time_is_kept_as_it_is_shown_rule_4_2(read, shown):
    (row,) = read(order(timestamp=shown))

    assert f"{row['ordered_at']:%b %-d, %Y %I:%M %p}" == shown
    assert row["order_date"] == row["ordered_at"].normalize()


@pytest.mark.parametrize(
    ("month", "number"),
    [("Jan", 1), ("Feb", 2), ("Mar", 3), ("Apr", 4), ("May", 5), ("Jun", 6),
     ("Jul", 7), ("Aug", 8), ("Sep", 9), ("Oct", 10), ("Nov", 11), ("Dec", 12)],
)  # fmt: skip
def test_months_have_their_english_names(read, month, number):
    (row,) = read(order(timestamp=f"{month} 28, 2026 03:07 PM"))

    assert number == row["order_date"].month


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "2026-01-05 15:07:00",
        "Feb 29, 2026 03:07 PM",
        "Foo 5, 2026 03:07 PM",
        "Jan 5, 2026 13:07 PM",
        "Jan 5, 2026 00:07 AM",
        "Jan 5, 2026 03:60 PM",
        "Jan 5, 2026 15:07",
        "Jan 5, 0026 03:07 PM",
        "janv. 5, 2026 03:07 PM",
    ],
)
def test_a_bad_time_is_reported_with_column_line_and_zone(read, shown):
    with pytest.raises(WrongUse, match=r"line 4: `timestamp`.*America/New_York"):
        read(ORDER, order(order_number="7", timestamp=shown))


# Money ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "cents"),
    [("32.66", 3266), ("0.00", 0), ("5", 500), ("5.5", 550), ("-1.25", -125),
     ("1.2500", 125), ("9007199254740.93", 900719925474093)],
)  # fmt: skip
def test_amounts_are_exact(read, shown, cents):
    (row,) = read(order(order_total=shown, order_tax=shown))

    assert (cents, cents) == (row["total_cents"], row["tax_cents"])


@pytest.mark.parametrize(
    "shown",
    ["", "free", "$5.00", "5,00", "1,000.00", "1.005", "1e3", "NaN", "١.٠٠", ".5",
     "1.230", "9" * 16, "9" * 60],
)  # fmt: skip
@pytest.mark.parametrize("column", ["order_total", "order_tax"])
def test_a_bad_amount_is_reported_with_column_and_line(read, column, shown):
    with pytest.raises(WrongUse, match=f"line 4: `{column}`"):
        read(ORDER, order(order_number="7") | {column: shown})


COMMA_FOR_CENTS = ExportDialect(decimal=DecimalMark.COMMA)


def with_amounts(shown, number="1042"):
    return order(order_number=number, order_total=shown, order_tax=shown)


@pytest.mark.parametrize(
    ("shown", "cents"),
    [("1234,56", 123456), ("0,00", 0), ("5", 500), ("5,5", 550), ("-1,25", -125)],
)
def test_a_declared_comma_precedes_the_cents(read, shown, cents):
    (row,) = read(with_amounts(shown), dialect=COMMA_FOR_CENTS)

    assert (cents, cents) == (row["total_cents"], row["tax_cents"])


@pytest.mark.parametrize(
    ("dialect", "shown"),
    [
        (E_SERIES, "1234,56"),
        (E_SERIES, "1,5"),
        (COMMA_FOR_CENTS, "1234.56"),
        (COMMA_FOR_CENTS, "1.5"),
    ],
)
@pytest.mark.parametrize("column", ["order_total", "order_tax"])
def test_an_amount_of_the_other_dialect_is_refused_and_the_setting_named(
    read, dialect, shown, column
):
    good = with_amounts("1")
    other = DecimalMark.COMMA if dialect is E_SERIES else DecimalMark.POINT

    with pytest.raises(WrongUse, match=f"line 4: `{column}`") as caught:
        read(good, good | {"order_number": "7", column: shown}, dialect=dialect)

    assert f'ecom_export.decimal = "{other}"' in caught.value.remedy
    assert shown not in str(caught.value)


@pytest.mark.parametrize("shown", ["1.234,56", "1,234.56", "1.234", "1,234", "1,230"])
@pytest.mark.parametrize("dialect", [E_SERIES, COMMA_FOR_CENTS])
def test_a_thousands_mark_is_never_taken_for_cents(read, dialect, shown):
    with pytest.raises(WrongUse, match=f"such as `12{dialect.decimal}50`") as caught:
        read(with_amounts(shown), dialect=dialect)

    assert "ecom_export" not in str(caught.value)


# Statuses ---------------------------------------------------------------------------


def test_codes_go_before_labels(read):
    (row,) = read(order(payment_status="Bezahlt", payment_status_code="paid"))

    assert row["payment_status"] == "ACCEPTED"  # the API's word, in the export's own


@pytest.mark.parametrize(
    ("label", "code"),
    [("Paid", "ACCEPTED"), ("Awaiting Payment", "QUEUED"), ("Refunded", "REFUNDED"),
     ("Canceled", "CANCELLED"), ("Partially Refunded", "PARTIALLY_REFUNDED"),
     ("", None)],
)  # fmt: skip
def test_without_a_code_the_payment_label_is_translated(read, label, code):
    bare = without("payment_status_code") | {"payment_status": label}

    assert code == read(bare)[0]["payment_status"]
    assert (
        code
        == read(order(payment_status=label, payment_status_code=""))[0][
            "payment_status"
        ]
    )


@pytest.mark.parametrize(
    ("label", "code"),
    [("Awaiting Processing", "NEW"), ("Processing", "PROCESSING"),
     ("Ready For Pickup", "READY_FOR_PICKUP"), ("Shipped", "SHIPPED"),
     ("Delivered", "DELIVERED"), ("Delivery Canceled", "WILL_NOT_DELIVER"),
     ("Returned", "RETURNED")],
)  # fmt: skip
def test_without_a_code_the_fulfilment_label_is_translated(read, label, code):
    bare = without("fulfillment_status_code") | {"fulfillment_status": label}

    assert code == read(bare)[0]["fulfillment_status"]


def test_a_label_of_another_language_asks_for_the_codes(read):
    bare = without("payment_status_code") | {"payment_status": "Bezahlt"}

    with pytest.raises(WrongUse, match=r"line 2: .*needs the column `payment_status_c"):
        read(bare)


# Contacts ---------------------------------------------------------------------------


@pytest.mark.parametrize("email", ["", "no-one", "noemail@example.com"])
def test_an_order_without_a_usable_email_is_unattributed(read, email):
    (row,) = read(order(email=email))

    assert (row["email_key"], row["ecom_customer_id"]) == (None, None)
    assert (email or None) == row["email"]


def test_text_of_people_may_hold_delimiters_quotes_and_line_ends(read):
    hostile = 'a;b\r\n"c";\n7;Paid;ACCEPTED'
    text = {"order_comments": hostile, 'Card "to", from': hostile, "name": hostile}

    assert read(ORDER | text, order(order_number="7") | text) == read(
        ORDER, order(order_number="7")
    )


def test_titles_of_custom_columns_may_hold_anything_anywhere(read):
    custom = {'Add a "gift" message?': "x", "How did you\nfind us; and when": "y"}
    text = text_of([custom | ORDER | {"a": "", "null ": ""}])
    twice = text.replace('"Add a ""gift"" message?"', "null", 1)

    assert read(text=text) == read(text=twice) == read(ORDER)


def test_a_line_break_in_a_title_moves_the_line_that_is_named(read):
    rows = [{"First\nsecond": "x"} | order(order_total="free")]

    with pytest.raises(WrongUse, match="line 3: `order_total`"):
        read(text=text_of(rows))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("delimiter", list(Delimiter))
def test_every_way_of_writing_a_declared_export_reads_the_same(
    read, delimiter, quoting, end, mark
):
    text = mark + text_of([ORDER], delimiter, quoting).replace("\n", end)

    assert read(text=text, dialect=ExportDialect(delimiter=delimiter)) == read(ORDER)


def test_both_keys_of_the_dialect_may_be_declared_together(read):
    dialect = ExportDialect(DecimalMark.COMMA, Delimiter.COMMA)
    text = text_of([with_amounts("1234,56")], ",")

    assert read(text=text, dialect=dialect)[0]["total_cents"] == 123456


def test_without_a_payers_name_it_is_the_recipients(read):
    assert read(order(bill_person_name=" "))[0]["name"] == "Grace Example"


def test_an_order_may_lack_names_and_a_sale(read):
    bare = without("bill_person_name", "shipto_person_name", "X-series Order ID")

    (row,) = read(bare)

    assert (row["name"], row["sale_id"]) == (None, None)
    assert read(ORDER | {"X-series Order ID": " "})[0]["sale_id"] is None


# What cannot be used ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "other"),
    [
        ("email", "grace@example.com"),
        ("timestamp", "Jan 5, 2026 03:08 PM"),
        ("order_total", "32.67"),
        ("order_tax", "2.67"),
        ("payment_status_code", "REFUNDED"),
        ("fulfillment_status_code", "SHIPPED"),
        ("bill_person_name", "Someone Else"),
        ("X-series Order ID", "sale-2"),
    ],
)
def test_rows_of_an_order_must_agree(read, column, other):
    with pytest.raises(WrongUse) as caught:
        read(ORDER, ORDER | {column: other})

    assert f"line 4: `{column}` of order 1042" in caught.value.cause
    assert "line 2" in caught.value.cause
    assert other not in str(caught.value)


def test_a_row_without_an_order_number_is_reported_with_its_line(read):
    with pytest.raises(WrongUse, match="line 4: `order_number` is empty"):
        read(ORDER, order(order_number=" "))


@pytest.mark.parametrize("number", ["\u200b", "\ufeff \u200e", "\u00ad"])
def test_an_invisible_order_number_is_none(read, number):
    with pytest.raises(WrongUse, match="line 4: `order_number` is empty"):
        read(ORDER, order(order_number=number))


@pytest.mark.parametrize("number", ["7" * 61, "9" * 5000, "A" * 100, "１" * 4400])
def test_an_order_number_beyond_60_characters_is_refused_rule_4_3(read, number):
    with pytest.raises(
        WrongUse, match=r"line 4: `order_number` has .* characters"
    ) as it:
        read(ORDER, order(order_number=number))

    assert number not in str(it.value)
    longest = read(order(order_number="7" * 60), order(order_number="8"))
    assert [each["order_number"] for each in longest] == ["8", "7" * 60]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("PLANT-1001", "plant-1001"),
        ("1001", "１００１"),
        ("1001", "10\u200b01"),
        ("№7", "No7"),
        ("MY SHOP 1", "my\u00a0shop 1"),
    ],
)
def test_rows_of_one_number_are_one_order_however_it_is_spelled_rule_4_3(
    read, first, second
):
    orders = read(order(order_number=first), order(order_number=second))

    assert [each["order_number"] for each in orders] == [first]
    with pytest.raises(WrongUse, match="`order_total` of order"):
        read(order(order_number=first), order(order_number=second, order_total="1.00"))


def test_an_order_number_is_kept_as_typed_without_invisible_characters(read):
    numbers = ["Nº77", "#1009\u200b", "２０２６/1", "\u202aMY SHOP 12\u202c"]

    kept = [read(order(order_number=each))[0]["order_number"] for each in numbers]
    assert kept == ["Nº77", "#1009", "２０２６/1", "MY SHOP 12"]


@pytest.mark.parametrize(
    "column", ["order_number", "email", "timestamp", "order_total", "order_tax"]
)
def test_a_missing_column_is_named(read, column):
    with pytest.raises(WrongUse, match=f"lacks the column `{column}`"):
        read(without(column))


@pytest.mark.parametrize("column", ["payment_status", "fulfillment_status"])
def test_a_status_needs_its_code_or_its_label(read, column):
    with pytest.raises(WrongUse, match=f"lacks the column `{column}_code`"):
        read(without(column, f"{column}_code"))


def test_a_custom_column_of_a_needed_name_is_reported(read):
    text = text_of([ORDER]).replace("null", "email", 1)

    with pytest.raises(WrongUse, match="`email` twice"):
        read(text=text)


@pytest.mark.parametrize("quoted", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_an_export_divided_by_commas_says_what_was_expected(read, quoted):
    file = io.StringIO()
    csv.writer(file, quoting=quoted).writerow(["order_number", "email"])

    with pytest.raises(WrongUse, match="divided by commas; `;` was expected"):
        read(text=file.getvalue())


@pytest.mark.parametrize(
    ("written", "declared", "words"),
    [
        (";", ",", "divided by semicolons; `,` was expected"),
        (";", "\t", "divided by semicolons; a tab was expected"),
        ("\t", ";", "divided by tabs; `;` was expected"),
        (",", ";", "divided by commas; `;` was expected"),
    ],
)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_another_delimiter_is_refused_and_the_setting_named(
    read, quoting, written, declared, words
):
    rows = [{"Allergies; please, list\there": ""} | ORDER]
    text = text_of(rows, written, quoting)

    with pytest.raises(WrongUse, match=words) as caught:
        read(text=text, dialect=ExportDialect(delimiter=Delimiter(declared)))

    assert "ecom_export.delimiter" in caught.value.remedy


@pytest.mark.parametrize(
    "lost", [(), ("X-series Order ID",), ("bill_person_name", "X-series Order ID")]
)
def test_the_columns_that_an_export_may_lack_are_reported(tmp_path, lost):
    path = tmp_path / "export.csv"
    path.write_text(text_of([without(*lost)]), encoding="utf-8")
    every = {"X-series Order ID", "bill_person_name", "shipto_person_name"}

    export = read_ecom_export(path, KEYS, "America/New_York")

    assert export.columns == sorted(every - set(lost))


def test_an_export_has_a_fingerprint(tmp_path):
    path = tmp_path / "export.csv"
    parts = []
    for end in ("", "", "\n"):
        path.write_text(text_of([ORDER]) + end, encoding="utf-8")
        parts.append(read_ecom_export(path, KEYS, "America/New_York").fingerprint)

    assert parts[0] == parts[1] != parts[2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("\n", "is empty", id="blank"),
        pytest.param(b"\xff\xfeo\x00", "not UTF-8", id="another encoding"),
        pytest.param(text_of([ORDER]) + '"1043;', "quotes", id="cut off in a quote"),
        pytest.param(text_of([ORDER]) + "1043;x\n", "line 4: 2 cells", id="short row"),
    ],
)
def test_a_damaged_file_is_reported(read, text, words):
    with pytest.raises(WrongUse, match=words) as caught:
        read(text=text)

    assert "export.csv" in caught.value.cause
    assert caught.value.remedy


def test_a_folder_and_a_missing_file_are_reported(tmp_path):
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "x", "cannot be read")):
        with pytest.raises(WrongUse, match=words):
            read_ecom_export(path, KEYS, "America/New_York")
