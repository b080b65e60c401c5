"""Tests for analytics_pipeline.domain.contacts."""

import hashlib
import hmac
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain import contacts
from analytics_pipeline.domain.contacts import (
    ContactKeys,
    ecom_customer_id,
    find_placeholder_emails,
    is_placeholder_email,
    is_placeholder_phone,
    normalise_email,
    normalise_phone,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline_tests.examples import up_to

KEYS = ContactKeys(secret=b"a secret of the tests", region="US", policy=Policy())
NO_PATTERNS = Policy(placeholder_contains=(), placeholder_prefixes=())


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        pytest.param(" Ann@Example.COM\n", "ann@example.com", id="trimmed, lowered"),
        pytest.param("ann+shop@example.com", "ann+shop@example.com", id="plus"),
        pytest.param("ann@shop.test", "ann@shop.test", id="special-use test"),
        pytest.param("ann@shop.invalid", "ann@shop.invalid", id="special-use invalid"),
        pytest.param("ann@till.local", "ann@till.local", id="special-use local"),
        pytest.param(
            "ann@xn--mnchen-3ya.example", "ann@münchen.example", id="one spelling"
        ),
        pytest.param(None, None, id="missing"),
        pytest.param("  ", None, id="blank"),
        pytest.param("ann", None, id="no at sign"),
        pytest.param("ann@localhost", None, id="no period"),
        pytest.param("ann@example", None, id="a top-level domain alone"),
        pytest.param("ann..lee@example.com", None, id="two periods"),
        pytest.param("ann@exam_ple.test", None, id="bad domain of special use"),
        pytest.param("ann lee@example.com", None, id="a blank inside"),
        pytest.param("ann@example.com, bo@example.com", None, id="two addresses"),
        pytest.param("a" * 250 + "@example.com", None, id="too long"),
    ],
)
def test_an_email_key_is_trimmed_lowered_and_valid(typed, key):
    assert key == normalise_email(typed)


@settings(max_examples=up_to(50))
@given(st.emails())
def test_an_email_key_is_its_own_key(address):
    key = normalise_email(address)

    assert key is None or key == normalise_email(key)


@pytest.mark.parametrize(
    ("typed", "region", "key"),
    [
        pytest.param("(212) 555-0123", "US", "+12125550123", id="national"),
        pytest.param("+1 212.555.0123", None, "+12125550123", id="country code"),
        pytest.param("0049 30 123456", "DE", "+4930123456", id="dialled abroad"),
        pytest.param("030 123456", "DE", "+4930123456", id="another country"),
        pytest.param("(212) 555-0123", None, None, id="no region to read it by"),
        pytest.param("555-0123", "US", None, id="too short"),
        pytest.param("(012) 555-0123", "US", None, id="no such area"),
        pytest.param("ask at the till", "US", None, id="words"),
        pytest.param("1" * 300, "US", None, id="too long to read"),
        pytest.param(" ", "US", None, id="blank"),
        pytest.param(None, "US", None, id="missing"),
    ],
)
def test_a_phone_key_is_a_valid_number_in_e164(typed, region, key):
    assert key == normalise_phone(typed, region)


@pytest.mark.parametrize(
    ("typed", "is_placeholder"),
    [
        ("noemail@example.com", True),
        ("x.NoEmail.x", True),
        ("no-email", True),
        ("a.placeholder@example.com", True),
        (" None@example.com", True),
        ("customer@example.com", True),
        ("TEST@example.com", True),
        ("a.customer@example.com", False),
        ("contest@example.com", False),
        ("test.er@example.com", False),
        ("ann@example.com", False),
        ("", False),
        (None, False),
    ],
)
def test_a_placeholder_email_matches_a_pattern_valid_or_not(typed, is_placeholder):
    assert is_placeholder is is_placeholder_email(typed, Policy())


def test_the_placeholder_patterns_are_the_shops_choice():
    own = Policy(placeholder_contains=("KeineMail",), placeholder_prefixes=("laden@",))

    assert is_placeholder_email("keinemail@example.com", own)
    assert is_placeholder_email("laden@example.com", own)
    assert not is_placeholder_email("noemail@example.com", own)
    assert not is_placeholder_email("none@example.com", own)


def test_no_email_at_all_is_no_placeholder_whatever_the_patterns():
    anything = Policy(placeholder_contains=("", "x"), placeholder_prefixes=("",))

    assert not is_placeholder_email(None, anything)
    assert not is_placeholder_email(" ", anything)


@pytest.mark.parametrize(
    ("number", "is_placeholder"),
    [
        pytest.param("+49777777777", True, id="one digit repeated"),
        pytest.param("+33333333333", True, id="as the country code"),
        pytest.param("+12125550133", False, id="an ordinary number"),
        pytest.param("+497777777770", False, id="another digit last"),
        pytest.param("+4987777777", True, id="another digit first"),
        pytest.param("+4987777771", False, id="other digits first and last"),
    ],
)
def test_a_placeholder_phone_repeats_one_digit_rule_3_3(number, is_placeholder):
    assert is_placeholder is is_placeholder_phone(number, Policy())


def test_a_key_is_the_keyed_hash_of_kind_and_plain_key():
    text = b"email:ann@example.com"
    expected = hmac.new(KEYS.secret, text, hashlib.sha256).hexdigest()[:32]

    assert expected == KEYS.of_email(" ANN@example.com")


def test_spellings_of_one_phone_have_one_key_and_it_is_no_email_key():
    keys = {KEYS.of_phone(text) for text in ("212-555-0123", "+1 (212) 5550123")}

    assert len(keys) == 1
    assert all(len(key) == 32 for key in keys)


@pytest.mark.parametrize("typed", [None, "", "ann", "noemail@example.com"])
def test_an_email_that_is_invalid_or_a_placeholder_has_no_key(typed):
    assert KEYS.of_email(typed) is None


def test_a_phone_that_is_invalid_or_a_placeholder_has_no_key():
    french = replace(KEYS, region="FR")

    assert french.of_phone("3 33 33 33 33") is None
    assert french.of_phone("0") is None
    assert french.of_phone("3 33 33 33 33 ext. 5") is None
    assert french.of_phone("3 33 33 33 34") is not None


@pytest.mark.parametrize(
    ("phone", "mobile", "shown"),
    [
        ("(212) 555-0123", "(212) 555-0124", "+12125550123"),
        (" ", "(212) 555-0124", "+12125550124"),
        (None, "(212) 555-0124", "+12125550124"),
        (" 555-0123 ", "(212) 555-0124", "555-0123"),
        (None, " 555-0124 ", "555-0124"),
        ("", "", None),
        (" ", " ", None),
        (None, None, None),
    ],
)
def test_a_phone_is_shown_in_e164_if_valid_else_as_typed(phone, mobile, shown):
    assert shown == KEYS.display_phone(phone, mobile)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(KEYS, secret=b"another secret"), id="secret"),
        pytest.param(replace(KEYS, region="DE"), id="region"),
        pytest.param(replace(KEYS, region=None), id="no region"),
        pytest.param(
            replace(KEYS, policy=Policy(placeholder_contains=("x",))), id="contains"
        ),
        pytest.param(
            replace(KEYS, policy=Policy(placeholder_prefixes=("x",))), id="prefixes"
        ),
        pytest.param(
            replace(KEYS, policy=Policy(placeholder_phones=("1234",))), id="phones"
        ),
    ],
)
def test_the_fingerprint_changes_with_whatever_changes_a_key(other):
    assert other.fingerprint() != KEYS.fingerprint()


def test_the_fingerprint_ignores_what_changes_no_key():
    other = replace(KEYS, policy=Policy(max_shared=9))

    assert KEYS.fingerprint() == other.fingerprint()


def test_the_fingerprint_changes_with_the_way_of_cleaning_rule_3_2(monkeypatch):
    before = KEYS.fingerprint()
    monkeypatch.setattr(contacts, "CLEANING", contacts.CLEANING + 1)

    assert KEYS.fingerprint() != before


def test_the_secret_is_not_shown():
    assert "a secret" not in repr(KEYS)
    assert KEYS.secret.hex() not in KEYS.fingerprint()


def test_an_ecom_id_is_made_from_the_plain_email():
    digits = hashlib.sha256(b"ann@example.com").hexdigest()[:16]

    assert f"ecom-{digits}" == ecom_customer_id("ann@example.com")


ODD_TEXTS = st.text(
    alphabet=st.sampled_from(
        "noemail-@test cus\t\x1c\x85\u2003İKẞéNOEMAIL<>.,;:'\"\n\u200b\xad\ufeff＠ｎ"
    ),
    max_size=14,
)

ODD_PLACEHOLDERS = [
    *("noemail@a", " Test@a", "<test@a>", "Ann <none@a.b>", "mailto:customer@a;"),
    *("no\u200bemail@a", "ｔｅｓｔ@a", "test@a, ann@a.b", "ann@a.b test@a"),
    *("Noemail Inc <ann@a.b>", "test@a.", "'test@a'", "test@a @", "@test@a"),
]


@given(
    st.lists(st.none() | ODD_TEXTS | st.sampled_from(ODD_PLACEHOLDERS)),
    st.sampled_from([Policy(), Policy(placeholder_contains=("É", "")), NO_PATTERNS]),
)
@example(["\x1cTEST@a", "\u2003none@a", "NOEMAİL", "noema\u0131l", "", None], Policy())
def test_placeholders_of_many_are_those_of_each(typed, policy):
    found = find_placeholder_emails(pd.Series(typed, dtype="str"), policy)

    assert found.tolist() == [is_placeholder_email(text, policy) for text in typed]
