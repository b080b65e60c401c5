"""Tests for analytics_pipeline.domain.web_orders (rule 4.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.order_numbers import (
    KnownNumbers,
    clean_number,
    comparable,
    first_words,
    noted_text,
)
from analytics_pipeline_tests.examples import up_to
from analytics_pipeline_tests.order_numbers import INVISIBLE, NUMBERS, SAME_NUMBER

FEW = settings(max_examples=up_to(60))
SPACES = st.sampled_from([" ", "  ", "\t", "\u00a0", "\u2003"])
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
WORDS = st.text(st.characters(codec="utf-8"), max_size=80)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("plant-1001", "PLANT-1001"),
        ("１００１", "1001"),
        ("1001\u200b", "1001"),
        ("\ufeff1001", "1001"),
        ("10\u00ad01", "1001"),
        ("STRASSE-1", "straße-1"),
        ("№77", "No77"),
        ("MY\u00a0SHOP 12", "my shop 12"),
        ("10\x0001", "1001"),
        ("A\u0308-1", "Ä-1"),
        ("\u202a1001\u202c", " 1001 "),
    ],
)
def test_two_spellings_are_one_number_rule_4_3(one, other):
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("00101", "101"),
        ("1001.0", "1001"),
        ("#1001", "1001"),
        ("1001/26", "1001"),
        ("MY SHOP 12", "MYSHOP12"),
        ("10-01", "1001"),
        ("²1", "1"),
    ],
)
def test_two_numbers_stay_two_rule_4_3(one, other):
    assert comparable(one) != comparable(other)


@FEW
@given(NUMBERS, st.sampled_from(SAME_NUMBER), st.sampled_from(SAME_NUMBER))
def test_a_number_is_found_however_it_is_spelled_rule_4_3(number, first, second):
    spelled = second(first(number))

    assert KnownNumbers([number]).find(spelled) == number
    assert KnownNumbers([spelled]).find(number) == spelled


@FEW
@given(st.text(max_size=30))
def test_the_form_of_a_form_is_itself_rule_4_3(text):
    assert comparable(comparable(text)) == comparable(text)
    assert comparable(clean_number(text)) == comparable(text)


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        ("Order ID:2026/1001\nShip to Ann", "2026/1001"),
        ("Order ID: MY SHOP 12 ", "MY SHOP 12"),
        ("\ufeffOrder ID:#1001", "#1001"),
        ("Order ID:10\u200b01\u2028Ann", "1001"),
        ("Order ID:1001 leave at the door\rAnn", "1001 leave at the door"),
        ("Order ID:\t1001\x0bAnn", "1001"),
        ("Order ID:\n1001", None),
        ("Order ID:\u200b", None),
        ("order id:1001", None),
        ("Order ID 1001", None),
        ("Order ID:" + "7" * 60, "7" * 60),
        ("Order ID:" + "7" * 61, None),
        ("Order ID:" + "7" * 60 + " Ann", "7" * 60),
        ("Order ID:1001 " + "x" * 57 + "Ann", "1001"),
        ("Order ID:1001" + " " * 70 + "Ann", "1001"),
    ],
)
def test_what_is_kept_of_a_note_rules_4_3_and_4_7(note, kept):
    assert noted_text(note) == kept


@FEW
@given(NUMBERS, WORDS, LINE_ENDS, WORDS)
def test_nothing_beyond_the_line_and_60_characters_is_kept_rules_4_3_and_4_7(
    number, words, end, more
):
    kept = noted_text(f"Order ID:{number} {words}{end}{more}")

    line = clean_number(f"{number} {words}").splitlines()[0]
    assert kept is None or (len(kept) <= 60 and line.startswith(kept))
    assert kept is None or not set(kept) & set(INVISIBLE)


@FEW
@given(st.lists(NUMBERS, min_size=1, max_size=6), st.data())
def test_a_note_names_the_longest_number_that_fits_rule_4_3(numbers, data):
    number = data.draw(st.sampled_from(numbers))
    after = data.draw(st.one_of(st.just(""), st.tuples(SPACES, WORDS).map("".join)))
    spelled = data.draw(st.sampled_from(SAME_NUMBER))(number)
    kept = noted_text(f"Order ID: {spelled}{after}\nmore")

    named = KnownNumbers(numbers).find_in_note(kept)

    assert named is not None
    assert len(comparable(named)) >= len(comparable(number))
    assert comparable(kept).startswith(comparable(named))


@FEW
@given(NUMBERS, st.text(min_size=1, max_size=80))
def test_a_note_that_goes_on_without_a_space_names_no_shorter_number_rule_4_3(
    number, after
):
    text = clean_number(f"{number}{after}").split("\n")[0]
    begins = text[len(clean_number(number)) :]
    if not begins or begins[0].isspace() or comparable(text) == comparable(number):
        return
    kept = noted_text(f"Order ID:{number}{after}")

    named = KnownNumbers([number]).find_in_note(kept) if kept else None

    assert named is None or number.split()[0] != number


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("2026/1001", "2026/1001"),
        ("2026/1002", None),
        ("2026 1002", "2026"),
        ("MY SHOP 12", "MY SHOP 12"),
        ("my shop 12 for Ann", "MY SHOP 12"),
        ("MY SHOP 13", "MY SHOP"),
        ("MY SHOP", "MY SHOP"),
        ("MY", None),
        ("2026.A", None),
        ("2026, paid", None),
        ("2026´s", None),
        ("x 2026", None),
    ],
)
def test_which_number_a_note_names_rule_4_3(text, named):
    known = KnownNumbers(["2026", "2026/1001", "MY SHOP", "MY SHOP 12"])

    assert known.find_in_note(text) == named


@FEW
@given(st.integers(40, 80), st.integers(1, 30))
def test_a_number_that_the_limit_cuts_names_no_other_one_rule_4_3(length, shorter):
    long = "7" * length
    known = KnownNumbers([long[:-shorter], long] if length <= 60 else [long[:60]])
    kept = noted_text(f"Order ID:{long}")

    named = known.find_in_note(kept) if kept else None

    assert named == (long if length <= 60 else None)


def test_the_first_of_two_spellings_is_known_and_each_is_found_as_it_is():
    known = KnownNumbers(["b-1", "B-1", "c 2"])

    assert known.find("B-1") == "B-1"
    assert known.find("b-1") == "b-1"
    assert known.find("ｂ-1") == "B-1"
    assert known.forms == ["b-1", "c 2"]
    assert first_words([*known.forms, "b 3"]) == ["b", "b-1", "c"]
