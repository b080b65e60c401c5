"""A page decoded into types becomes the same as one that is decoded as any other reply.

The types are a faster way and no other one: the same rows to the byte, the same
rejections at the same places, the same ids and versions of whatever a page holds.
"""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.sources.lightspeed import pages
from analytics_pipeline.sources.lightspeed.pages import TypedSale, decode_sales
from analytics_pipeline.sources.lightspeed.replies import (
    last_version,
    records_of,
    stated_total,
    versions_of,
)
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.sources.patience import PassingFault, decode_reply, read_reply
from analytics_pipeline.sources.values import LARGEST_VERSION, usable_id, version_in
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.unit.sources.damages import (
    DAMAGES,
    Path,
    Written,
    damaged_everywhere,
    places_in,
    write,
)
from analytics_pipeline_tests.unit.sources.samples import flat_sale, nested_sale
from analytics_pipeline_tests.unit.sources.test_every_field import (
    DAMAGES_BY_DAY,
    written_sales,
)
from analytics_pipeline_tests.unit.sources.test_json_parts import (
    DEEP,
    HOSTILE,
    NAMELESS,
)

Decode = Callable[[bytes], Any]


def page_of(texts: Sequence[str], more: str = "") -> bytes:
    return f'{{"data":[{",".join(texts)}]{more}}}'.encode("utf-8", "surrogateescape")


def is_typed(content: bytes) -> bool:
    """Say whether the types foresee all that a page holds, which has a record."""
    records = decode_sales(content)["data"]
    return all(type(record) is TypedSale for record in records)


def rows_of(records: list[Any], highest: int = LARGEST_VERSION) -> Any:
    """Return what becomes of records, in a form that can be compared."""
    rows, rejections = sales_rows(records, segment=3, page=7, highest_version=highest)
    seen = [(version_in(record), usable_id(record)) for record in records]
    return encode(rows, SalesFeed), rejections, [*map(repr, seen)]


def outcome(content: bytes, decode: Decode) -> Any:
    """Return all that the pipeline takes from a page, or why it takes nothing."""
    try:
        body = read_reply(200, content, None, decode)
        records = records_of(body)
    except (PassingFault, LightspeedUnavailable) as fault:
        return repr(fault)
    versions = versions_of(records)
    last = [last_version(body, records, versions, n) for n in (10**12, 2**53)]
    return last, stated_total(body), rows_of(records, 10**11)


def check_both_ways(content: bytes) -> None:
    assert outcome(content, decode_sales) == outcome(content, decode_reply)


def check_singly(texts: Sequence[str]) -> int:
    """Check sales, each on a page of its own; return how many the types foresee."""
    typed, usual = [], []
    for text in texts:
        try:
            usual += decode_reply(page_of([text]))["data"]
        except PassingFault:
            check_both_ways(page_of([text]))
        else:
            typed += decode_sales(page_of([text]))["data"]
    assert rows_of(typed) == rows_of(usual)
    return sum(type(record) is TypedSale for record in typed)


# Every damage of every field ----------------------------------------------------------

UNFORESEEN = {"not a number", "infinity", "minus infinity", "half a surrogate pair"}
"""What the decoder takes for no JSON, though the usual one does."""


@pytest.mark.parametrize("damage", DAMAGES_BY_DAY)
@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_a_damaged_sale_is_the_same_both_ways(shape: str, damage: str) -> None:
    texts = [
        each.text
        for sale in written_sales(shape)
        for each in damaged_everywhere(sale, damage)
    ]

    foreseen = check_singly(texts)

    assert foreseen == 0 if damage in UNFORESEEN else foreseen > len(texts) * 2 / 3


MARKS = ("totals", "_metadata", "total_price", "total_price_incl", "sale_date")
"""The members by which the shapes differ, by being there at all."""


@pytest.mark.parametrize("make", [flat_sale, nested_sale])
def test_a_sale_with_few_marks_of_its_shape_is_the_same_both_ways(
    make: Callable[..., dict[str, Any]],
) -> None:
    """Each mark is as it was, null, or not there."""
    record = with_numbers_written(make())
    texts = []
    for kinds in product(["kept", "null", "gone"], repeat=len(MARKS)):
        of_mark = dict(zip(MARKS, kinds, strict=True))
        nulls = {mark: None for mark, kind in of_mark.items() if kind == "null"}
        texts.append(
            write({k: v for k, v in record.items() if of_mark.get(k) != "gone"} | nulls)
        )

    assert check_singly(texts) == len(texts)


# Numbers, to the last digit -----------------------------------------------------------

NUMBERS = [
    "58.00000", "9.0800000000", "0.1", "-0", "-0.0", "0e999999", "0E-999999",
    "0.1234567890123456789012345", "-2.675", "1.005", "2.5e-3", "1e3", "1E-7",
    "0.80585000001", "4.4249999999999999999", "4.425", "-4.425", "0.005", "-0.005",
    "9007199254740993", "9007199254740993.5", "12345678901234567890.12345",
    "9999999999999.994", "9999999999999.995", "10000000000000", "10000000000000.01",
    "1" + "0" * 60, "0." + "1" * 60, "0." + "0" * 60 + "1", "0." + "0" * 70 + "1",
    "1e400", "1e-400", "1E+999999", "1E+99999999999999999999", "9" * 5000,
]  # fmt: skip
NUMBERS_AS_TEXT = [
    "58.00000", "1_0", "NaN", "sNaN", "Infinity", "-Infinity", ".5", "5.", "+5",
    " 12.5 ", "\uff11\uff12", "\u0661", "1e5", "1E+9999", "", " ", "0x1F", "1,5",
    "12.5\u00a0", "1e400", "--1", "1 0", "\u2212" + "1", "true", "9" * 50,
]  # fmt: skip
SPELLINGS = [*NUMBERS, *(json.dumps(text) for text in NUMBERS_AS_TEXT)]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("make", [flat_sale, nested_sale])
def test_a_number_is_the_same_both_ways_wherever_it_is(
    make: Callable[..., dict[str, Any]], spelling: str
) -> None:
    record = with_numbers_written(make())

    check_singly(
        [write(replaced(record, path, Written(spelling))) for path in places_in(record)]
    )


EXACT = [
    ("10.124999999999999999999999999999", 1012),
    ("10.125", 1013),
    ("-10.125", -1013),
    ("10.12500", 1013),
    ("1.0125E1", 1013),
    ("9007199254740.993", 900719925474099),
    ("9007199254740.995", 900719925474100),
    ("0.004999999999999999999999999999999999999999999999999999", 0),
    ('"10.125"', 1013),
    ("7", 700),
    ("-0.0", 0),
]


@pytest.mark.parametrize(("spelling", "cents"), EXACT)
@pytest.mark.parametrize("shape", ["flat", "nested"])
def test_types_keep_every_digit_of_an_amount(
    shape: str, spelling: str, cents: int
) -> None:
    total = Written(spelling)
    record = (
        flat_sale(total_price_incl=total)
        if shape == "flat"
        else nested_sale(totals={"price": 1, "price_incl_tax": total})
    )
    content = page_of([write(with_numbers_written(record))])

    rows, _ = sales_rows(decode_sales(content)["data"], segment=0, page=1)

    assert is_typed(content)
    assert rows["total_incl_cents"].tolist() == [cents]


@pytest.mark.parametrize("text", ["1_0", "NaN", "Infinity", ".5", "\uff11\uff12"])
def test_a_text_that_only_some_readers_take_for_a_number_is_rejected(text: str) -> None:
    content = page_of([write(with_numbers_written(flat_sale(total_price=text)))])

    _, (rejected,) = sales_rows(decode_sales(content)["data"], segment=0, page=1)

    assert is_typed(content)
    assert rejected.rule == "total_is_a_number"


def test_thousands_of_payments_lose_no_cent() -> None:
    dust = [{"amount": Written("0.0000000001"), "deleted_at": None}] * 10_000
    most = [{"amount": Written("9.999999"), "deleted_at": None}]
    content = page_of([write(with_numbers_written(flat_sale(payments=dust + most)))])

    rows, _ = sales_rows(decode_sales(content)["data"], segment=0, page=1)

    assert rows["paid_cents"].tolist() == [1000]
    check_both_ways(content)


# Pages as a whole ---------------------------------------------------------------------


def with_numbers_written(value: Any) -> Any:
    """Return *value* with each decimal as it is written in JSON."""
    if isinstance(value, dict):
        return {key: with_numbers_written(each) for key, each in value.items()}
    if isinstance(value, list):
        return [with_numbers_written(each) for each in value]
    return Written(value) if isinstance(value, Decimal) else value


def replaced(value: Any, path: Path, other: Any) -> Any:
    """Return a copy of *value* with *other* at *path*."""
    if not path:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


SOUND = [write(with_numbers_written(make())) for make in (flat_sale, nested_sale)]
OTHERS = {
    "both shapes": page_of(SOUND),
    "a mark before it": b"\xef\xbb\xbf" + page_of(SOUND),
    "nothing": page_of([]),
    "no list": b'{"version": {"max": 7}}',
    "one record": b'{"data": ' + SOUND[0].encode() + b"}",
    "two lists": page_of(SOUND, ',"data":[]'),
    "two lists, the first one empty": b'{"data":[],' + page_of(SOUND)[1:],
    "a list that is null at last": page_of(SOUND, ',"data":null'),
    "versions": page_of(SOUND, ',"version":{"min":1,"max":30000000001}'),
    "a total": page_of(SOUND, ',"total_count":17'),
    "a broken total": page_of(SOUND, ',"total_count":{}'),
    "a text": b'"data"',
    "more after it": page_of(SOUND) + b"{}",
    "cut off": page_of(SOUND)[:-5],
    "bytes that are no UTF-8 in what is skipped": page_of(
        [*SOUND, SOUND[0][:-1] + ', "x": "\udcff"}']
    ),
    "bytes that are no UTF-8 in a name": page_of(
        [*SOUND, SOUND[0][:-1] + ', "\udcff": 1}']
    ),
    "half a surrogate pair in bytes": page_of(SOUND).replace(b"Elm", b"\xed\xa0\x80"),
    "escaped names": page_of(SOUND).replace(b'"note"', b'"\\u006eote"'),
    "an escaped name after its like": page_of(
        [text[:-1] + ', "\\u0069d": "another"}' for text in SOUND]
    ),
    "a deep record": page_of([*SOUND, f'{{"x": {DEEP}}}']),
    "words that are not objects": page_of([*SOUND, "null", '"text"', "[]", "{}"]),
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_an_odd_page_is_the_same_both_ways(content: bytes) -> None:
    check_both_ways(content)


@pytest.mark.parametrize(
    "name", ["both shapes", "versions", "a total", "escaped names"]
)
def test_types_foresee_what_a_store_sends(name: str) -> None:
    assert is_typed(OTHERS[name])


def test_a_page_larger_than_a_record_may_be_is_not_decoded_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "LARGEST_RECORD", len(page_of(SOUND)) - 1)

    assert not is_typed(page_of(SOUND))


PARTS = [
    "id", "version", "_metadata", "totals", "total_price", "total_price_incl", "date",
    "sale_date", "source", "line_items", "payments", "attributes", "note", "return",
    "status", "deleted_at", "unknown",
]  # fmt: skip
FRAGMENTS = st.one_of(
    st.sampled_from([*DAMAGES.values(), *SPELLINGS, *NAMELESS]),
    st.sampled_from(["01", "1.", "-", "+1", '"\\q"', '"a\nb"', "nul", "[1,]", '{"a"}']),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(PARTS), inner, max_size=3)
        ),
        max_leaves=4,
    ).map(json.dumps),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


@st.composite
def sale_texts(draw: st.DrawFn) -> str:
    """A sale in either shape; values replaced, members repeated or of no shape."""
    make = draw(st.sampled_from([flat_sale, nested_sale]))
    record = with_numbers_written(make(id=f"sale-{draw(st.integers(1, 4))}"))
    for path in draw(st.lists(st.sampled_from([*places_in(record)]), max_size=2)):
        if path in set(places_in(record)):
            record = replaced(record, path, Written(draw(FRAGMENTS)))
    text = write(record)
    for part in draw(st.lists(st.sampled_from(PARTS), max_size=2)):
        member = f'"{part}":{draw(FRAGMENTS)}'
        last = draw(st.booleans())
        text = f"{text[:-1]},{member}}}" if last else f"{{{member},{text[1:]}"
    return draw(st.sampled_from(list(HOSTILE.values())))(text) if rarely(draw) else text


def rarely(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 15)) == 15


QUICK = settings(max_examples=up_to(300), deadline=timedelta(seconds=10), database=None)


@QUICK
@given(st.lists(sale_texts(), max_size=4), st.none() | FRAGMENTS)
def test_any_page_is_the_same_both_ways(texts: list[str], version: str | None) -> None:
    more = "" if version is None else f',"version":{{"max":{version}}}'
    check_both_ways(page_of(texts, more))
    check_singly(texts)
