"""Contacts as people type, copy and import them (rules 3.2, 3.3).

The tables hold the right values; the properties hold whole classes: what is put around
a contact never changes its key, and no two numbers get one key by accident.
"""

import sys

import pandas as pd
import phonenumbers
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from analytics_pipeline.domain.contacts import (
    ContactKeys,
    check_addresses,
    clean_text,
    ecom_customer_id,
    find_several_addresses,
    fold,
    holds_several_addresses,
    is_placeholder_email,
    is_placeholder_phone,
    normalise_email,
    normalise_phone,
    show_phone,
)
from analytics_pipeline.model.policy import Policy
from analytics_pipeline_tests.examples import up_to

ANN = "ann@example.com"
REGIONS = ("US", "NZ", "AU", "GB", "DE")
INVISIBLE = (
    "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u200e", "\u200f", "\u202a",
    "\u202c", "\u202e", "\u2066", "\u2069", "\u00ad", "\u061c", "\ufe0f", "\u034f",
    "\x00", "\x07",
)  # fmt: skip


def keys_of(region, **choices):
    return ContactKeys(b"a secret of the tests", region, Policy(**choices))


# E-mails -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("\ufeffann@example.com", id="byte-order mark"),
        pytest.param("ann@exam\u00adple.com", id="soft hyphen"),
        pytest.param("a\u200bnn@example.com\u200b", id="zero width"),
        pytest.param("\u202aann@example.com\u202c", id="direction marks"),
        pytest.param("\u00a0ann@example.com\u3000", id="other blanks"),
        pytest.param("ann@example.com\x00", id="control character"),
        pytest.param("mailto:ann@example.com", id="mailto"),
        pytest.param("MailTo: Ann@Example.com?subject=Hello", id="mailto, subject"),
        pytest.param("<ann@example.com>", id="brackets"),
        pytest.param("<ann@example.com", id="half a pair of brackets"),
        pytest.param("<mailto:ann@example.com>", id="mailto in brackets"),
        pytest.param("Ann Reed <ann@example.com>", id="display name"),
        pytest.param('"Reed, Ann" <Ann@Example.COM>;', id="quoted display name"),
        pytest.param("<ann@example.com> Ann Reed", id="display name behind"),
        pytest.param("Ann @ work <ann@example.com>", id="a sign in the name"),
        pytest.param("ann@example.com <ann@example.com>", id="itself as name"),
        pytest.param("ann@example.com<mailto:ann@example.com>", id="as Outlook copies"),
        pytest.param("[ann@example.com](mailto:ann@example.com)", id="Markdown"),
        pytest.param("ann@example.com; Ann@example.com", id="twice the same"),
        pytest.param("'ann@example.com'", id="quotes"),
        pytest.param("(ann@example.com)", id="parentheses"),
        pytest.param("ann@example.com.", id="dot"),
        pytest.param("ann@example.com,", id="comma"),
        pytest.param("ann@example.com; ", id="semicolon"),
        pytest.param("<ann@example.com.>;,. ", id="all sorts"),
        pytest.param("ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ", id="full width"),
        pytest.param("ＭＡＩＬＴＯ：ann@example.com；", id="full width around"),
    ],
)
def test_what_copying_adds_to_an_address_is_taken_off_rule_3_2(typed):
    assert normalise_email(typed) == ANN
    assert not holds_several_addresses(typed)
    assert not is_placeholder_email(typed, Policy())


@pytest.mark.parametrize(
    ("typed", "several"),
    [
        pytest.param("ann@example.com, bo@example.com", True, id="comma"),
        pytest.param("ann@example.com;bo@example.com;", True, id="semicolon"),
        pytest.param("ann@example.com bo@example.com", True, id="blank"),
        pytest.param("ann@example.com\nbo@example.com", True, id="line break"),
        pytest.param("ann@example.com/bo@example.com", True, id="slash"),
        pytest.param("ann@example.com|bo@example.com", True, id="bar"),
        pytest.param("ann@example.com or bo@example.com", True, id="a word"),
        pytest.param("Ann <ann@example.com>, Bo <bo@example.com>", True, id="names"),
        pytest.param("bo@example.com <ann@example.com>", True, id="another as name"),
        pytest.param("ann＠example.com，bo＠example.com", True, id="full width"),
        pytest.param("ann@@example.com", False, id="two signs"),
        pytest.param("ann@example.com@example.org", False, id="two domains"),
        pytest.param("ann@example.com Bo", False, id="words without brackets"),
        pytest.param("lee ann@example.com", False, id="a blank inside"),
        pytest.param("Ann <ann>", False, id="brackets around no address"),
        pytest.param("@", False, id="the sign alone"),
        pytest.param("<>", False, id="brackets alone"),
        pytest.param("\u200b", False, id="nothing to be seen"),
    ],
)
def test_several_addresses_are_no_key_and_counted_rule_3_2(typed, several):
    assert normalise_email(typed) is None
    assert holds_several_addresses(typed) is several
    assert find_several_addresses(pd.Series([typed, None], dtype="str")).tolist() == [
        several,
        False,
    ]


def test_one_address_and_half_another_is_the_one_rule_3_2():
    assert normalise_email("ann@example.com, bo@") == ANN


def test_fields_with_several_addresses_are_counted_and_not_reported_rule_3_2():
    emails = pd.Series([ANN, f"{ANN}, b@example.com", None, f"{ANN} c@example.com"])
    ids = pd.Series(["one", "two", "three", "four"])

    found = check_addresses(emails.astype("str"), ids, "customer record")

    assert not found.passed
    assert not found.blocks
    assert found.sentence.startswith("2 customer records have several addresses")
    assert found.evidence == {"fields": 2, "ids": "four, two"}
    assert check_addresses(emails[:1].astype("str"), ids[:1], "web order").passed


LOCAL = st.text("abcdxyz019_+-", min_size=1, max_size=8)
DOMAINS = st.sampled_from(["example.com", "shop.test", "a-b.example.org", "münchen.de"])
ADDRESSES = st.builds("{}@{}".format, LOCAL, DOMAINS)
NAMES = st.text("Ann Reed.,-'é", max_size=9)


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


MANY_ARE_INVALID = [HealthCheck.filter_too_much]
"""Of the numbers drawn at random for a region, many are not in use."""


@st.composite
def decorated(draw, addresses=ADDRESSES):
    """Draw an address, and the same one as it comes out of other programs."""
    address = draw(addresses)
    text = draw(st.sampled_from([address, address.upper(), full_width(address)]))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(INVISIBLE)) + text[place:]
    text = draw(st.sampled_from(["", "mailto:", "MAILTO: "])) + text
    text += draw(st.sampled_from(["", ".", ",", ";", ". ", ";;"]))
    if draw(st.booleans()):
        text = f"{draw(NAMES)} <{text}>"
    around = st.sampled_from(["", " ", "\u00a0", "\ufeff", "\t", "\u200e"])
    end = draw(st.sampled_from(["", ".", ",", "; "]))
    return address, draw(around) + text + end + draw(around)


@settings(max_examples=up_to(200))
@given(decorated())
@example(("a@shop.test", "MAILTO: ａ\u200b@shop.test;;"))
def test_decoration_never_changes_the_key_rule_3_2(pair):
    address, typed = pair
    keys = keys_of("US")

    assert normalise_email(typed) == normalise_email(address) is not None
    assert keys.of_email(typed) == keys.of_email(address)
    assert not holds_several_addresses(typed)


@settings(max_examples=up_to(200))
@given(decorated(), decorated())
def test_two_addresses_never_have_one_key_rule_3_2(one, two):
    assume(one[0] != two[0])

    assert normalise_email(one[1]) != normalise_email(two[1])
    both = f"{one[1]}, {two[1]}"
    assert normalise_email(both) is None
    assert holds_several_addresses(both)


ANY_TEXT = st.text(max_size=30) | st.text(
    "ann@b.c<>;,:'\"()[]mailto?./| \u200b\ufeffＡ＠．İK\u0301ß", max_size=24
)


@settings(max_examples=up_to(400))
@given(ANY_TEXT)
@example("ann@xn--mgba3gch31f060k.com")
def test_cleaning_an_email_twice_changes_nothing_rule_3_2(text):
    key = normalise_email(text)

    assert key is None or key == normalise_email(key)
    assert fold(text) == fold(fold(text))
    assert clean_text(text) == clean_text(clean_text(text))


@pytest.mark.nightly
def test_cleaning_any_character_twice_changes_nothing_rule_3_2():
    for code in (*range(0xD800), *range(0xE000, sys.maxunicode + 1)):
        text = f"a{chr(code)}b"
        assert fold(text) == fold(fold(text)), hex(code)
        assert clean_text(text) == clean_text(clean_text(text)), hex(code)


@pytest.mark.parametrize(
    ("typed", "is_placeholder"),
    [
        ("<noemail@example.com>", True),
        ("mailto:none@example.com", True),
        ("Walk in <Test@example.com>;", True),
        ("no\u200bemail@example.com", True),
        ("\ufeffcustomer@example.com", True),
        ("ｐｌａｃｅｈｏｌｄｅｒ@example.com", True),
        ("Noemail Jones <jones@example.com>", False),
        ("Test <ann@example.com>", False),
    ],
)
def test_a_placeholder_is_known_under_its_decoration_rule_3_3(typed, is_placeholder):
    assert is_placeholder_email(typed, Policy()) is is_placeholder


def test_a_web_shoppers_id_follows_the_cleaned_address_rule_3_7():
    keys = {normalise_email(typed) for typed in ("Ann <ANN@example.com>", f"{ANN}.")}

    assert {ecom_customer_id(key) for key in keys} == {ecom_customer_id(ANN)}


# Phone numbers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "typed", "key"),
    [
        ("NZ", "021 123 456.0", "+6421123456"),
        ("NZ", "021 123 4560", "+64211234560"),
        ("NZ", "21123456.0", "+6421123456"),
        ("NZ", "+64 21 123 456.0", "+6421123456"),
        ("NZ", "04 499 4577.0.", "+6444994577"),
        ("NZ", "021 123 456.0.0", "+6421123456"),
        ("US", "2125550123.0", "+12125550123"),
        ("US", "12125550123.00", "+12125550123"),
        ("US", "212.555.0120", "+12125550120"),
        ("AU", "412345678.0", "+61412345678"),
        ("GB", "2079460018.0", "+442079460018"),
        ("DE", "030123456.0", "+4930123456"),
        ("DE", "30123456,0", "+4930123456"),
        ("DE", "0301234560", "+49301234560"),
        ("FR", "01 23 45 68.00", "+33123456800"),
        ("NZ", "2.1987654E+7", None),
        ("NZ", "2,1987654e+07", None),
        ("US", "2.125550123E+09", None),
        ("US", "2125550123E0", None),
        ("DE", "3.0123456E+7", None),
        ("DE", "4.930123456E+10.0", None),
        ("AU", "6.1412345678E10", None),
        ("GB", "2E9", None),
    ],
)
def test_a_phone_that_was_a_number_once_is_no_other_number_rule_3_2(region, typed, key):
    assert normalise_phone(typed, region) == key


@pytest.mark.parametrize(
    ("region", "typed", "key"),
    [
        ("US", "212-555-0123 ext. 5", "+12125550123;ext=5"),
        ("US", "(212) 555-0123 x7", "+12125550123;ext=7"),
        ("US", "+1 212 555 0123;ext=9", "+12125550123;ext=9"),
        ("US", "212.555.0123 #12", "+12125550123;ext=12"),
        ("US", "2125550123, extension 4", "+12125550123;ext=4"),
        ("US", "2125550123,5", "+12125550123;ext=5"),
        ("US", "212 555 0123 ｅｘｔ ５", "+12125550123;ext=5"),
        ("US", "212 555 0123 x5.0", "+12125550123;ext=5"),
        ("NZ", "04 499 4577 ext 12", "+6444994577;ext=12"),
        ("AU", "02 9374 4000 x3", "+61293744000;ext=3"),
        ("GB", "020 7946 0018 ext 5", "+442079460018;ext=5"),
        ("DE", "030 123456 x12", "+4930123456;ext=12"),
        ("DE", "030 123456 DW 12", None),
        ("DE", "030 123456 App. 12", None),
        ("DE", "030 123456 home", None),
        ("DE", "030 123456 x5 x6", None),
        ("NZ", "021 123 456 or 457", None),
        ("US", "1-800-FLOWERS", None),
    ],
)
def test_an_extension_is_part_of_the_number_rule_3_2(region, typed, key):
    assert normalise_phone(typed, region) == key


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("\u202d+1 212 555 0123\u202c", id="direction marks"),
        pytest.param("212\u200b555\u200b0123", id="zero width"),
        pytest.param("\ufeff(212) 555-0123", id="byte-order mark"),
        pytest.param("２１２－５５５－０１２３", id="full width"),
        pytest.param("٢١٢٥٥٥٠١٢٣", id="other digits"),
        pytest.param("212\u00a0555\u20110123", id="other blanks and hyphens"),
        pytest.param("2125550123;", id="semicolon"),
        pytest.param("2125550123. ,", id="punctuation"),
        pytest.param("Tel.: 212 555 0123", id="a word before"),
        pytest.param("'+12125550123", id="apostrophe of a spreadsheet"),
    ],
)
def test_what_copying_adds_to_a_number_is_taken_off_rule_3_2(typed):
    assert normalise_phone(typed, "US") == "+12125550123"


@pytest.mark.parametrize(
    "typed", [None, "", " ", ".0", "\u200b", "nan", "x5", "1" * 251]
)
def test_what_is_no_number_is_no_key_rule_3_2(typed):
    assert normalise_phone(typed, "US") is None


def test_a_number_is_shown_with_its_extension_and_read_again_rule_3_5():
    keys = keys_of("US")
    shown = keys.display_phone("(212) 555-0123 x7", None)

    assert shown == "+12125550123 ext. 7"
    assert keys.of_phone(shown) == keys.of_phone("212-555-0123 ext. 7")
    assert keys.display_phone("021 123 456.0", None) == "021 123 456.0"
    assert keys_of("NZ").display_phone("021 123 456.0", None) == "+6421123456"


@st.composite
def numbers(draw, region):
    """Draw a national number that is valid and no placeholder, as digits."""
    start = phonenumbers.example_number(region)
    typed = phonenumbers.national_significant_number(start)
    drawn = draw(st.integers(10 ** (len(typed) - 3), 10 ** (len(typed) + 1) - 1))
    national = str(drawn) if draw(st.booleans()) else typed[:4] + str(drawn)[4:]
    found = phonenumbers.parse(f"+{start.country_code}{national}")
    assume(phonenumbers.is_valid_number(found))
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


@st.composite
def typed_numbers(draw):
    """Draw a region, a number with or without extension, and how somebody typed it."""
    region = draw(st.sampled_from(REGIONS))
    e164 = draw(numbers(region))
    parsed = phonenumbers.parse(e164)
    style = draw(st.sampled_from([0, 1, 2]))
    text = phonenumbers.format_number(parsed, style)
    extension = draw(st.sampled_from(["", "5", "07", "123"]))
    if extension:
        label = draw(st.sampled_from([" x", " ext. ", ";ext=", " #", ", extension "]))
        text, e164 = f"{text}{label}{extension}", f"{e164};ext={extension}"
    text += draw(st.sampled_from(["", ".0", ".0 ", ";", "."]))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(INVISIBLE)) + text[place:]
    return region, e164, full_width(text) if draw(st.booleans()) else text


@settings(max_examples=up_to(300), suppress_health_check=MANY_ARE_INVALID)
@given(typed_numbers())
def test_every_number_is_itself_however_it_is_typed_rule_3_2(drawn):
    """As each is its own key, no two different ones share a key."""
    region, number, typed = drawn

    assert normalise_phone(typed, region) == number
    assert normalise_phone(number, region) == number
    assert normalise_phone(show_phone(number), None) == number


@settings(max_examples=up_to(100), suppress_health_check=MANY_ARE_INVALID)
@given(st.sampled_from(REGIONS).flatmap(lambda r: st.tuples(st.just(r), numbers(r))))
def test_scientific_notation_is_never_a_number_rule_3_2(drawn):
    region, e164 = drawn
    digits = int(e164[1:])

    for typed in (f"{digits:E}", f"{digits:.5e}", f"{digits}e+00", f"{digits:.11E}.0"):
        assert normalise_phone(typed, region) is None


@settings(max_examples=up_to(300))
@given(
    st.text(max_size=20) | st.text("0123456789+-(). ,;x#extE/\u200b٣５", max_size=20),
    st.sampled_from([*REGIONS, None]),
)
def test_cleaning_a_phone_twice_changes_nothing_rule_3_2(text, region):
    number = normalise_phone(text, region)

    assert number is None or number == normalise_phone(number, region)


# Placeholders ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "is_placeholder"),
    [
        ("+61411111111", True),
        ("+61400000001", True),
        ("+61400000000", True),
        ("+12122222222", True),
        ("+64211234567", True),
        ("+441212222222", True),
        ("+4930000009", True),
        ("+12122222222;ext=5", True),
        ("+61411111112", False),
        ("+61400000010", False),
        ("+12125550111", False),
        ("+64211234568", False),
        ("+4915000000", False),
    ],
)
def test_filler_numbers_are_placeholders_rule_3_3(number, is_placeholder):
    assert is_placeholder_phone(number, Policy()) is is_placeholder


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("0411 111 111", "AU"),
        ("0400 000 001", "AU"),
        ("411111111.0", "AU"),
        ("(212) 222-2222", "US"),
        ("021 123 4567", "NZ"),
        ("020 7777 7777 ext. 3", "GB"),
    ],
)
def test_a_filler_number_is_no_key_but_is_shown_rules_3_3_and_3_5(typed, region):
    keys = keys_of(region)

    assert keys.of_phone(typed) is None
    assert keys.display_phone(typed, None) == show_phone(
        normalise_phone(typed, region) or ""
    )


def test_the_filler_numbers_are_the_shops_choice_rule_3_3():
    own = Policy(placeholder_phones=("2125550100",))

    assert is_placeholder_phone("+12125550100", own)
    assert not is_placeholder_phone("+12122222223", own)
    assert not is_placeholder_phone("+12122222222", own)
    assert is_placeholder_phone("+33333333333", own), "one digit repeated always is"
    assert is_placeholder_phone("+61212341234", Policy(placeholder_phones=("1234",)))


def test_the_country_code_is_no_part_of_a_filler_rule_3_3():
    assert not is_placeholder_phone(
        "+442079460018", Policy(placeholder_phones=("44" + "2079460018",))
    )
