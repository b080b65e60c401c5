"""Every business rule is quoted, by number, by at least one test."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
RULES_OF_CHAPTER = {1: 6, 2: 6, 3: 8, 4: 7, 5: 7, 7: 4, 8: 5}
RULES_OF_CHAPTER |= {9: 3, 10: 5, 11: 3, 12: 4, 13: 1, 15: 2}
RULES = ["6"] + [
    f"{chapter}.{number}"
    for chapter, count in RULES_OF_CHAPTER.items()
    for number in range(1, count + 1)
]
NUMBER = r"\d{1,2}(?:[._]\d)?(?!\d)"
QUOTED = re.compile(rf"[Rr]ules?[ _]({NUMBER}(?:(?:[ _](?:to|and)[ _]|, ){NUMBER})*)")


def numbers_in(text):
    """Return the rules that *text* quotes: "rule 3.1", "rules_5_1_to_5_6"."""
    found = set()
    for quotation in QUOTED.findall(text):
        numbers = [each.replace("_", ".") for each in re.findall(NUMBER, quotation)]
        found |= set(numbers)
        if "to" in quotation and set(numbers) <= set(RULES):
            first, last = RULES.index(numbers[0]), RULES.index(numbers[-1])
            found |= set(RULES[first : last + 1])
    return found


@pytest.fixture(scope="module")
def quoted():
    files = [path for path in HERE.rglob("test_*.py") if path != Path(__file__)]
    return numbers_in("\n".join(path.read_text(encoding="utf-8") for path in files))


@pytest.mark.parametrize("rule", RULES)
def test_a_test_quotes_each_rule(quoted, rule):
    assert rule in quoted


def test_no_test_quotes_a_rule_that_there_is_not(quoted):
    assert quoted <= set(RULES)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("as rule 3.1 says", {"3.1"}),
        ("rules 3.1, 4.5", {"3.1", "4.5"}),
        ("def test_it_rules_1_4_and_2_5(", {"1.4", "2.5"}),
        ("test_it_is_kept_rule_15_2(", {"15.2"}),
        ("def test_it_rules_5_1_to_5_3(", {"5.1", "5.2", "5.3"}),
        ("test_buyers_rule_6(", {"6"}),
        ("version 2.0, 12.50 and API 3.3", set()),
    ],
)
def test_a_quotation_is_found_in_words_and_in_names(text, rules):
    assert numbers_in(text) == rules
