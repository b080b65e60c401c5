"""docs/rules.md states every rule, and every default as the program has it."""

import re
import tomllib
from dataclasses import fields
from typing import Any

import pytest

from analytics_pipeline.domain.analytics import ROLLING_DAYS, SEGMENT_DAYS
from analytics_pipeline.model.policy import LADDER, AnomalyLimits, Policy, RunLimits
from analytics_pipeline_tests.contract.test_rules_are_quoted import RULES
from analytics_pipeline_tests.documentation.pages import ROOT, blocks, prose, spans

PAGE = ROOT / "docs/rules.md"
DEFAULTS: dict[str, Any] = {
    field.name: getattr(table, field.name)
    for table in (Policy(), AnomalyLimits(), RunLimits())
    for field in fields(table)
}


def stated() -> dict[str, Any]:
    """Return each setting that the page states with its default, as TOML reads it."""
    assignments = [
        each for each in spans(PAGE) if re.fullmatch(r"[a-z_0-9]+ = .+", each)
    ]
    return {
        key: value for each in assignments for key, value in tomllib.loads(each).items()
    }


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_has_its_place_in_the_page(rule: str) -> None:
    # "(3.4)" in the prose, "| (5.1) |" at the end of a row.
    assert re.search(rf"\({re.escape(rule)}\)", prose(PAGE))


def test_the_page_names_no_rule_that_there_is_not() -> None:
    assert set(re.findall(r"\((\d{1,2}(?:\.\d)?)\)", prose(PAGE))) <= set(RULES)


def test_every_default_that_the_page_states_is_the_programs() -> None:
    defaults = stated()

    assert len(defaults) > 15
    for key, value in defaults.items():
        assert DEFAULTS[key] == value, key


def test_every_choice_that_a_figure_depends_on_is_named() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert [
        field.name
        for field in fields(Policy)
        if not re.search(rf"\b{field.name}\b", text)
    ] == []


def test_the_placeholders_are_those_of_the_program() -> None:
    (paragraph,) = re.findall(r"\*\*Placeholders.*?\n- ", prose(PAGE), flags=re.DOTALL)
    named = set(re.findall(r"`([^`]+)`", paragraph))

    assert {*Policy().placeholder_contains, *Policy().placeholder_prefixes} <= named


def test_the_ladder_is_that_of_the_program() -> None:
    (table,) = [each.text for each in blocks(PAGE) if each.language == "toml"]

    assert tomllib.loads(table) == {"tier_thresholds": dict(LADDER)}


def test_the_days_are_those_of_the_program() -> None:
    text = prose(PAGE)

    assert ROLLING_DAYS == 90
    for days, segment in SEGMENT_DAYS:
        assert segment == f"{days}d"
        assert f"`{segment}`" in text
