"""One record that cannot be decoded: the others of its page are read all the same."""

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.model.errors import LightspeedError, LightspeedUnavailable
from analytics_pipeline.model.schemas.sources import SalesFeed
from analytics_pipeline.sources import patience
from analytics_pipeline.sources import values as json_parts
from analytics_pipeline.sources.lightspeed.client import LightspeedClient
from analytics_pipeline.sources.lightspeed.http import Connection
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.sources.patience import PassingFault, read_reply
from analytics_pipeline.sources.values import UnreadableRecord, decode_in_parts
from analytics_pipeline.storage.parquet import encode
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.unit.sources.samples import Store, flat_sale, nested_sale

DEEP = "[" * 5_000 + "]" * 5_000
BASE = 30_000_000_000


def written(record: dict[str, Any]) -> str:
    return json.dumps(record, default=str)


def sound(number: int) -> str:
    """A sound sale, in one shape or the other."""
    make = flat_sale if number % 2 else nested_sale
    version: Any = {"version": BASE + number}
    changes = version if number % 2 else {"_metadata": version}
    return written(make(id=f"sale-{number}", **changes))


def with_member(raw: str, member: str) -> str:
    return f"{raw[:-1]}, {member}}}"


HOSTILE = {
    "nested too deeply": lambda raw: with_member(raw, f'"note": {DEEP}'),
    "nested too deeply in its middle": lambda raw: f'{{"deep": {DEEP}, {raw[1:]}',
    "a hundred thousand levels": lambda raw: with_member(
        raw, '"x": ' + '{"a":' * 100_000 + "1" + "}" * 100_000
    ),
    "no JSON inside": lambda raw: with_member(raw, '"register_sale": {undefined}'),
    "a word that is none": lambda raw: with_member(raw, '"deleted": None'),
    "a number that is none": lambda raw: with_member(raw, '"x": 0x1F'),
    "single quotes": lambda raw: with_member(raw, "'x': 1"),
    "a raw line break in a text": lambda raw: with_member(raw, '"x": "a\nb"'),
    "a bad escape": lambda raw: with_member(raw, r'"x": "\q"'),
    "brackets of the wrong kind": lambda raw: with_member(raw, '"x": [1}'),
    "bytes that are no UTF-8": lambda raw: with_member(raw, '"x": "\udcff\udce9"'),
}
"""Damage to a sound record, so that it cannot be decoded; its id is readable."""

NAMELESS = (
    "{undefined}",
    f"[{DEEP}]",
    "{1: 2}",
    "{,}",
    "undefined",
    "{'id': 'x'}",
    '{"id": ' + DEEP + ', "version": nothing}',
)
"""Records that cannot be decoded, without readable id and version."""


def body_of(records: list[str], last: int) -> bytes:
    text = f'{{"data": [{",".join(records)}], "version": {{"min": 1, "max": {last}}}}}'
    return text.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("where", [0, 2, 4])
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_the_others_of_its_page_are_read(hostile: Any, where: int) -> None:
    raw = [sound(number) for number in range(1, 6)]
    raw[where] = hostile(raw[where])

    records = read_reply(200, body_of(raw, 9), None)["data"]
    rows, rejections = sales_rows(records, segment=0, page=3)

    (rejected,) = rejections
    assert rejected.rule == "record_can_be_decoded"
    assert rejected.position == f"page 3, record {where + 1}"
    assert rejected.record_id == f"sale-{where + 1}"
    assert rejected.version == BASE + where + 1
    assert len(rows) == 4
    encode(rows, SalesFeed)


@pytest.mark.parametrize("raw", NAMELESS)
def test_one_without_an_id_is_known_by_its_place(raw: str) -> None:
    records = read_reply(200, body_of([sound(1), raw, sound(3)], 9), None)["data"]

    rows, (rejected,) = sales_rows(records, segment=0, page=1)

    assert rejected.position == "page 1, record 2"
    assert (rejected.record_id, rejected.version) == (None, None)
    assert list(rows["sale_id"]) == ["sale-1", "sale-3"]


BROKEN = (
    b"",
    b"null",
    b"[1, 2]",
    b'{"data": [{"id": 1}',
    b'{"data": [{"id": 1}]',
    b'{"data": [{"id": 1, "x": nothing}]}}',
    b'{"data": [{"id": 1, "x": nothing}]} {}',
    b'{"data": [{"id": 1} {"x": nothing}]}',
    b'{"data": [{"x": nothing},, {"id": 1}]}',
    b'{"data": [{"x": nothing},]}',
    b'{"data": [{"x": nothing}], "data": []}',
    b'{"data": [{"x": nothing}], "version": {nothing}}',
    b'{"data": [{"x": "nothing}], "version": {}}',
    b'{"data": [{"x": nothing}], "version": ' + DEEP.encode() + b"}",
    b"<html><body>data</body></html>",
    b"[" * 100_000,
    b'{"data": ["' + b'\\"' * 100_000,
)


@pytest.mark.parametrize("content", BROKEN)
def test_a_document_that_is_broken_around_its_records_is_tried_again(
    content: bytes,
) -> None:
    try:
        body = read_reply(200, content, None)
    except PassingFault:
        return
    assert body in (None, [1, 2])  # sound JSON, which is checked elsewhere


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_page_that_is_cut_off_is_never_half_a_page(cut: int) -> None:
    whole = body_of([sound(1), with_member(sound(2), f'"x": {DEEP}'), sound(3)], 9)

    with pytest.raises(PassingFault):
        read_reply(200, whole[: len(whole) * cut // 60], None)


def test_an_ordinary_page_is_decoded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("read in parts")

    monkeypatch.setattr(patience, "decode_in_parts", refuse)

    body = read_reply(200, body_of([sound(1), sound(2)], 9), None)

    assert [record["id"] for record in body["data"]] == ["sale-1", "sale-2"]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_record_that_is_too_large_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    for module in (json_parts, patience):
        monkeypatch.setattr(module, "LARGEST_RECORD", 20_000)
    raw = [sound(number) for number in range(1, 4)]
    raw[at] = with_member(raw[at], f'"x": [{",".join(["0"] * 20_000)}]')

    records = read_reply(200, body_of(raw, 9), None)["data"]
    rows, (rejected,) = sales_rows(records, segment=0, page=1)

    assert rejected.record_id == f"sale-{at + 1}"
    assert len(rows) == 2


def test_a_single_record_that_cannot_be_decoded_is_the_one_asked_for() -> None:
    deep = f'{{"data": {{"x": {DEEP}}}}}'.encode()
    store = Store(httpx.Response(200, content=deep))

    found = store.client().sale("sale-7")

    assert found == UnreadableRecord({"id": "sale-7"})
    _, (rejected,) = sales_rows([found], segment=0, page=1)
    assert rejected.record_id == "sale-7"


def test_the_work_grows_with_the_length_and_no_faster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signs looked at: each bracket, comma and text once for each level around it."""
    found = Counter[int]()
    real = json_parts._SIGN

    class Counting:
        @staticmethod
        def finditer(text: str) -> Any:
            for each in real.finditer(text):
                found[size] += 1
                yield each

    monkeypatch.setattr(json_parts, "_SIGN", Counting)
    for size in (50, 100, 200):
        records = ",".join(['{"id": "x", "y": [1, 2, 3]}'] * size)
        body = decode_in_parts(f'{{"data": [{records}, {{nothing}}]}}', json.loads)
        assert len(body["data"]) == size + 1

    assert found[200] - found[100] == 2 * (found[100] - found[50])


# Feeds of hostile pages ---------------------------------------------------------------

BEYOND = st.sampled_from([2**63, 2**64, 10**30, 10**5000])


@st.composite
def pages(draw: st.DrawFn) -> list[list[tuple[bool, str, int]]]:
    """Pages of records: whether each is sound, its text, and its version."""
    kinds = draw(
        st.lists(
            st.lists(
                st.sampled_from(["sound", "sound", "hostile", "nameless", "odd"]),
                min_size=1,
                max_size=5,
            ),
            min_size=1,
            max_size=4,
        )
    )
    number, drawn = 0, []
    for kinds_of_page in kinds:
        page = []
        for kind in kinds_of_page:
            number += 1
            raw = sound(number)
            if kind == "hostile":
                raw = draw(st.sampled_from(list(HOSTILE.values())))(raw)
            elif kind == "nameless":
                raw = draw(st.sampled_from(NAMELESS))
            elif kind == "odd":
                odd = ["null", "[]", "7", '"text"', "NaN", "Infinity", "{}", "true"]
                raw = draw(st.sampled_from(odd))
            page.append((kind == "sound", raw, BASE + number))
        drawn.append(page)
    return drawn


def client_of(
    drawn: list[list[tuple[bool, str, int]]], tail: list[str]
) -> LightspeedClient:
    """A store whose feed is these pages, with *tail* after the last."""

    def answer(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["after"])
        for page in drawn:
            left = [each for each in page if each[2] > after]
            if left:
                more = tail if page is drawn[-1] else []
                texts = [*(raw for _, raw, _ in left), *more]
                return httpx.Response(200, content=body_of(texts, left[-1][2]))
        last = drawn[-1][-1][2]
        content = body_of(tail, last) if tail else b'{"data": []}'
        return httpx.Response(200, content=content)

    transport = httpx.MockTransport(answer)
    return LightspeedClient(
        Connection(
            "https://shop.retail.lightspeed.app",
            "lsxs_pt_" + "x" * 32,
            "2026-07",
            transport=transport,
            sleep=lambda _seconds: None,
        )
    )


QUICK = settings(max_examples=up_to(60), deadline=timedelta(seconds=10), database=None)


@QUICK
@given(pages())
def test_whatever_the_records_the_sound_ones_are_all_read(
    drawn: list[list[tuple[bool, str, int]]],
) -> None:
    """And each other one is rejected once; nothing else is raised."""
    read, away = [], []
    for page in client_of(drawn, []).pages("sales", confirm_end=True):
        rows, rejections = sales_rows(
            page.records,
            segment=0,
            page=page.number,
            highest_version=page.highest_version,
        )
        read += rows["version"].tolist()
        away += rejections

    every = [each for page in drawn for each in page]
    assert read == [version for is_sound, _, version in every if is_sound]
    assert len(away) == sum(not is_sound for is_sound, _, _ in every)


@QUICK
@given(pages(), BEYOND)
def test_a_version_beyond_64_bits_moves_no_cursor_and_ends_no_run(
    drawn: list[list[tuple[bool, str, int]]], beyond: int
) -> None:
    digits = "9" * 5000 if beyond > 10**4000 else str(beyond)
    tail = [f'{{"id": "far", "sale_date": null, "version": {digits}}}']
    read, far = [], 0
    walked = list(client_of(drawn, tail).pages("sales", confirm_end=True))
    for page in walked:
        rows, rejections = sales_rows(
            page.records,
            segment=0,
            page=page.number,
            highest_version=page.highest_version,
        )
        read += rows["version"].tolist()
        far += sum(each.record_id == "far" for each in rejections)

    every = [each for page in drawn for each in page]
    assert read == [version for is_sound, _, version in every if is_sound]
    assert walked[-1].version_max == every[-1][2]
    assert far


@QUICK
@given(st.binary(max_size=200))
def test_no_bytes_raise_but_what_the_package_says(content: bytes) -> None:
    """Around and inside of the list of records."""
    for body in (content, b'{"data": [' + content + b"]}"):
        store = Store(httpx.Response(200, content=body))
        try:
            for page in store.client().pages("sales"):
                sales_rows(page.records, segment=0, page=1)
                break
        except LightspeedError:
            continue


@pytest.mark.parametrize("version", [2**63, 10**30, 10**99, "9" * 30, 1e30])
def test_a_page_of_nothing_but_such_versions_ends_the_feed(version: Any) -> None:
    record = {"id": "far", "version": version}
    store = Store({"data": [record], "version": {"max": version}})

    (only,) = store.client().pages("sales", after=8, confirm_end=True)

    assert only.version_max == 8
    _, (rejected,) = sales_rows(
        only.records, segment=0, page=1, highest_version=only.highest_version
    )
    assert rejected.rule == "version_is_near_its_neighbours"
    assert rejected.version is None


def test_an_end_below_the_cursor_is_an_error_whatever_the_records() -> None:
    odd = {"data": [7], "version": {"max": 3}}

    with pytest.raises(LightspeedUnavailable, match="does not advance"):
        list(Store(odd).client().pages("sales", after=8, confirm_end=True))
