"""The quick look at a frame says what pandera says, for every table and damage."""

from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaErrors

from analytics_pipeline.model.schemas.soundness import is_sound, rules_of
from analytics_pipeline.model.schemas.table import Table
from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.examples import up_to

SCHEMAS = [spec.schema for spec in TABLES.values()]
FAR = 10**16


def sound_frame(schema: type[Table], rows: int) -> pd.DataFrame:
    """A frame that keeps every rule: plain values, and keys that differ."""
    return pd.DataFrame(
        {rule.name: values_of(rule, rows) for rule in rules_of(schema) or ()}
    ).astype({rule.name: rule.kind for rule in rules_of(schema) or ()})


def values_of(rule, rows):
    if rule.words is not None:
        return [sorted(rule.words)[0]] * rows
    if rule.kind == "str":
        return [f"value {number}" for number in range(rows)]
    if rule.kind == "bool":
        return [number % 2 == 0 for number in range(rows)]
    if rule.kind.startswith("datetime"):
        return pd.date_range("2026-01-01", periods=rows, tz=None).tz_localize(
            "UTC" if "UTC" in rule.kind else None
        )
    return [max(rule.least or 0, 0)] * rows


def holds(frame: pd.DataFrame, schema: type[Table]) -> bool:
    """Whether pandera finds nothing."""
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors:
        return False
    return True


def put(frame: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """The frame with another value in the last row of a column, if that can be."""
    try:
        series = frame[column].copy()
        series.iloc[-1] = value
    except (TypeError, ValueError):
        return frame
    return frame.assign(**{column: series})


DAMAGES: dict[str, Callable[[pd.DataFrame, str], pd.DataFrame]] = {
    "a missing value": lambda frame, column: put(frame, column, None),
    "no text": lambda frame, column: put(frame, column, ""),
    "a long text": lambda frame, column: put(frame, column, "x" * 61),
    "a far number": lambda frame, column: put(frame, column, FAR),
    "a number below zero": lambda frame, column: put(frame, column, -1),
    "far below zero": lambda frame, column: put(frame, column, -FAR),
    "zero": lambda frame, column: put(frame, column, 0),
    "twice": lambda frame, column: put(frame, column, frame[column].iloc[0]),
    "twice and unsorted": lambda frame, column: put(
        frame.iloc[::-1].reset_index(drop=True), column, frame[column].iloc[1]
    ),
    "a row twice": lambda frame, _column: pd.concat(
        [frame, frame.iloc[:1]], ignore_index=True
    ),
    "of objects": lambda frame, column: frame.astype({column: "object"}),
    "without it": lambda frame, column: frame.drop(columns=column),
    "at the end": lambda frame, column: frame[[*frame.columns.drop(column), column]],
    "another one": lambda frame, column: frame.assign(more=frame[column]),
}


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_a_sound_frame_is_seen_to_be_sound(schema, rows):
    frame = sound_frame(schema, rows)

    assert holds(frame, schema)
    assert is_sound(frame, schema)


@settings(max_examples=up_to(30))
@given(st.data())
def test_no_damage_is_overlooked(data):
    schema = data.draw(st.sampled_from(SCHEMAS))
    frame = sound_frame(schema, 3)
    for _ in range(data.draw(st.integers(1, 2))):
        column = data.draw(st.sampled_from([*frame.columns]))
        frame = DAMAGES[data.draw(st.sampled_from(sorted(DAMAGES)))](frame, column)

    assert is_sound(frame, schema) <= holds(frame, schema)


@pytest.mark.nightly
@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.__name__)
def test_every_damage_of_every_column_is_judged_as_pandera_judges_it(schema):
    frame = sound_frame(schema, 3)
    for column in frame.columns:
        for name, damage in DAMAGES.items():
            damaged = damage(frame, column)
            assert is_sound(damaged, schema) <= holds(damaged, schema), (column, name)
