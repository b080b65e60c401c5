"""Tests for analytics_pipeline.model.ids: a UUID is one id in any case."""

from uuid import UUID

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.identity import check_overrides
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.ids import (
    check_ids,
    find_places,
    is_among,
    look_up,
    plain_id,
    plain_ids,
    typed_id,
    with_plain_ids,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.sources.values import Unusable, identifier, reference
from analytics_pipeline_tests.unit.sources.samples import flat_sale

LOW = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
OTHER = "ffffffff-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
SPELLINGS = (
    LOW,
    LOW.upper(),
    LOW.title(),
    LOW[:8].upper() + LOW[8:],
    f"{{{LOW.upper()}}}",
    f"urn:uuid:{LOW}",
    f"URN:UUID:{LOW.upper()}",
)
NO_UUIDS = (
    "Sale-7",
    "SALE-7",
    "12345",
    "ABCDEF",
    LOW.upper().replace("-", ""),
    f"{{{LOW.upper()}",
    f"{LOW.upper()}}}",
    f"{LOW.upper()}1",
    LOW.upper().replace("A", "G"),
    "A" * 36,
)


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_a_uuid_has_one_spelling(spelled: str) -> None:
    assert plain_id(spelled) == LOW
    assert typed_id(f" {spelled}\n") == LOW
    assert identifier(spelled) == LOW
    assert reference(f" {spelled} ", "id_is_text") == LOW
    assert Policy(walk_in_customer_id=f" {spelled} ").walk_in_customer_id == LOW


@pytest.mark.parametrize("other", NO_UUIDS)
def test_what_is_no_uuid_stays_as_it_is(other: str) -> None:
    assert plain_id(other) == other
    assert identifier(other) == other


@given(st.uuids(), st.data())
def test_the_letters_of_a_uuid_may_have_any_case(
    uuid: UUID, data: st.DataObject
) -> None:
    spelled = "".join(
        letter.upper() if data.draw(st.booleans()) else letter for letter in str(uuid)
    )

    assert plain_id(spelled) == str(uuid)


@given(st.text(max_size=60))
def test_any_other_text_is_left_and_nothing_is_done_twice(text: str) -> None:
    assert plain_id(plain_id(text)) == plain_id(text)
    if not (36 <= len(text) <= 47):
        assert plain_id(text) == text


@pytest.mark.parametrize("typed", ["ECOM-0123456789ABCDEF", " ecom-0123456789abcdef "])
def test_the_id_of_a_web_shopper_may_be_typed_in_any_case(typed: str) -> None:
    assert typed_id(typed) == "ecom-0123456789abcdef"


def test_missing_ids_stay_missing() -> None:
    assert plain_id(None) is None
    ids = pd.Series([LOW.upper(), None, "Sale-7"], dtype="str")

    assert plain_ids(ids).tolist()[::2] == [LOW, "Sale-7"]
    assert plain_ids(ids).isna().tolist() == [False, True, False]


def test_two_people_of_an_earlier_release_stay_two() -> None:
    twice = pd.DataFrame({"customer_id": [LOW, LOW.upper()]}).astype("str")

    assert with_plain_ids(twice) is twice
    once = with_plain_ids(twice[1:])
    assert once["customer_id"].tolist() == [LOW]


FIELDS = ("id", "outlet_id", "register_id", "customer_id", "return_for")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("spelled", [LOW.upper(), f"{{{LOW}}}"])
def test_each_id_of_a_sale_is_read_in_its_one_spelling(
    field: str, spelled: str
) -> None:
    rows, _ = sales_rows([flat_sale(**{field: spelled})], segment=0, page=1)

    column = "sale_id" if field == "id" else field
    assert rows[column].tolist() == [LOW]


def test_a_sale_in_two_cases_on_a_page_is_one_row() -> None:
    twice = [flat_sale(id=LOW), flat_sale(id=LOW.upper())]

    rows, rejections = sales_rows(twice, segment=0, page=1)

    assert (rows["sale_id"].tolist(), rejections) == ([LOW], [])


# The log of an earlier release --------------------------------------------------------


# What people type ---------------------------------------------------------------------


@pytest.mark.parametrize("spelled", SPELLINGS[1:])
def test_overrides_may_be_typed_in_any_case(spelled: str) -> None:
    typed = pd.DataFrame(
        [(spelled, OTHER.upper(), "same", "")],
        columns=["left_id", "right_id", "rule", "reason"],
    )

    checked = check_overrides(typed, {LOW, OTHER})

    assert checked[["left_id", "right_id"]].to_numpy().tolist() == [[LOW, OTHER]]


def test_a_record_in_another_case_is_no_other_record() -> None:
    typed = pd.DataFrame(
        [(LOW, LOW.upper(), "same", "")],
        columns=["left_id", "right_id", "rule", "reason"],
    )

    with pytest.raises(WrongUse, match="the same record"):
        check_overrides(typed, {LOW})


# Ids that are no UUIDs ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "alike"),
    [
        (["Sale-7", "sale-7"], 2),
        (["A", "a", "B", "b", "c"], 4),
        (["x", "Y", "z"], 0),
        (["Sale-7", "Sale-8"], 0),
        ([LOW, OTHER], 0),
        ([], 0),
    ],
)
def test_ids_that_differ_only_in_case_are_a_warning(ids: list[str], alike: int) -> None:
    found = check_ids(pd.Series(ids, dtype="str"), "sale", "sales")

    assert found.passed == (alike == 0)
    assert not found.blocks
    assert found.evidence["ids"] == alike
    if alike:
        assert f"{alike} sales differ only in the case" in found.sentence


def test_no_id_at_all_is_refused_as_before() -> None:
    for value in (None, 7, "", " ", "two words", ["x"]):
        with pytest.raises(Unusable):
            identifier(value)


# ----------------------------------------------------------------------------------
# Which of many texts are among others.


TEXTS = st.lists(st.none() | st.sampled_from(["", "a", "A", "b", "é", "ab"]))


def series(texts):
    return pd.Series(texts, range(5, 5 + len(texts)), dtype="str")


@given(texts=TEXTS, others=TEXTS, as_series=st.booleans())
def test_a_missing_text_is_among_no_others(texts, others, as_series):
    found = is_among(series(texts), series(others) if as_series else set(others))

    assert found.tolist() == [
        text is not None and text in set(others) for text in texts
    ]
    assert found.index.tolist() == series(texts).index.tolist()


@given(
    texts=TEXTS,
    pairs=st.dictionaries(st.sampled_from("aAbé"), st.none() | st.text(max_size=2)),
)
def test_a_text_without_a_key_has_no_value(texts, pairs):
    keys, values = series(list(pairs)), series(list(pairs.values()))

    found = look_up(series(texts), keys, values)

    expected = series([pairs.get(text) if text else None for text in texts])
    pd.testing.assert_series_equal(found, expected)


@given(texts=TEXTS, others=st.lists(st.sampled_from("aAbé"), unique=True))
def test_a_text_that_is_not_among_the_others_has_no_place(texts, others):
    found = find_places(series(texts), series(others))

    assert found.tolist() == [
        others.index(text) if text in others else -1 for text in texts
    ]
