"""Tests for analytics_pipeline.domain.people."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.people import split_names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("Ada Lovelace", ["ada", "lovelace"], id="two words"),
        pytest.param("  ADA\tlovelace\n", ["ada", "lovelace"], id="case and blanks"),
        pytest.param("José Ñandú", ["jose", "nandu"], id="accents"),
        pytest.param("Søren Łukasz", ["soren", "lukasz"], id="letters with a stroke"),
        pytest.param("Straße", ["strasse"], id="sharp s"),
        pytest.param("O’Brien", ["obrien"], id="apostrophe"),
        pytest.param("Alpha-Gamma & Sons", ["alpha", "gamma", "sons"], id="marks"),
        pytest.param("snake_case", ["snake", "case"], id="underscore"),
        pytest.param("A. Lovelace", ["lovelace"], id="initial beside a word"),
        pytest.param("A. B.", ["a", "b"], id="initials alone"),
        pytest.param("李 明美", ["李", "明美"], id="a script without capitals"),
        pytest.param("Олена Шевченко", ["олена", "шевченко"], id="another script"),
        pytest.param("🌻 – ?", [], id="no word"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_the_words_of_a_name(name, words):
    assert [words] == split_names([name])


def test_no_names_have_no_words():
    assert split_names(["", ""]) == [[], []]


NAMES = st.lists(st.text(max_size=8), min_size=1, max_size=5)


@given(NAMES)
def test_each_name_is_split_as_if_it_were_alone(names):
    assert [split_names([name])[0] for name in names] == split_names(names)


@given(st.text(alphabet="aéÅßø ñ-'", max_size=8))
def test_case_and_the_way_accents_are_written_make_no_difference(name):
    words = split_names([name])

    assert words == split_names([name.upper()])
    for form in ("NFC", "NFD", "NFKC"):
        assert words == split_names([unicodedata.normalize(form, name)])
