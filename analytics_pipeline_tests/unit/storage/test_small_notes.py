"""State files that are JSON but not what was written there: named, never believed."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.model.errors import LocalFailure
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline.storage.state import Acceptance, FailedCheck, read_note

READERS: dict[str, Callable[[Shop], Any]] = {
    "warehouse/versions.json": lambda shop: shop.versions.all(),
    "warehouse/acceptances.json": lambda shop: shop.warehouse.acceptances.all(),
    "warehouse/raw_sales/failed_gates.json": lambda shop: shop.warehouse.failures(
        "raw_sales"
    ),
    "warehouse/sales_feed/catch_up.json": lambda shop: shop.warehouse.catch_ups.last(
        "sales_feed"
    ),
    "warehouse/customers/catch_ups/00000/00000001.json": lambda shop: (
        shop.warehouse.catch_ups.last("customers")
    ),
    "warehouse/customers/usual.json": lambda shop: shop.warehouse.runs_before(
        "customers", date(2026, 1, 1)
    ),
    ".customer_analytics_master.csv.json": lambda shop: shop.publication.published(),
}
WRONG = {
    "null": None,
    "a number": 5,
    "a text": "{}",
    "a list in a list": [[]],
    "a list of numbers": [1],
    "texts for numbers": {"as_of": "2026-01-01", "rows": "7", "cursor": "7", "x": "7"},
    "a null within": {"raw_sales": None},
    "a list within": {"raw_sales": ["a"], "as_of": []},
    "a number for a moment": {"began_at": 5, "cursor": 5, "x": [{"check": 5}]},
    "true": True,
}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return open_shop(load_settings(data_dir=tmp_path))


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("name", READERS)
def test_json_of_the_wrong_type_is_damage_that_names_the_file_and_a_remedy(
    shop: Shop, tmp_path: Path, name: str, content: Any
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(LocalFailure) as failed:
        READERS[name](shop)

    assert str(path) in failed.value.cause
    assert "is damaged" in failed.value.cause
    assert "emove it" in failed.value.remedy


@pytest.mark.parametrize("text", ["", "{", "\0" * 40, '{"a": 1}}', "[" * 9999, "\xff"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_json_is_damage_too(
    shop: Shop, tmp_path: Path, name: str, text: str
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(LocalFailure, match="is damaged"):
        READERS[name](shop)


def test_what_was_written_is_read_again(shop: Shop) -> None:
    store = shop.warehouse
    failed = FailedCheck("check", "why", "2026-06-21T06:00:00+00:00", None)
    accepted = Acceptance("t", "c", "", "f", "because", "2026-06-21T06:00:00+00:00")
    catch_up = CatchUp(
        datetime(2026, 6, 21, 6, 0, 1, 5, tzinfo=UTC),
        2**62,
        ended_at=datetime(2026, 6, 21, 6, 1, tzinfo=UTC),
        generation=2,
        segments=7,
        program="0.1.0",
        policy="0a",
        overrides="0b",
    )

    store.remember_failure("raw_sales", "2026-01-01", [failed])
    store.acceptances.add(accepted)
    store.catch_ups.record("sales_feed", catch_up)
    store.record_run("customers", date(2025, 1, 1), {"rows": 5})
    shop.versions.note({"raw_sales": 1})
    now = datetime(2026, 1, 2, tzinfo=UTC)
    shop.publication.stage_first_time_buyers(date(2026, 1, 1), b"buyers\n")
    shop.publication.publish_master(date(2026, 1, 1), b"m\n", 7, now, provisional=False)

    again = open_shop(shop.settings)
    assert again.warehouse.failures("raw_sales") == {"2026-01-01": [failed]}
    assert again.warehouse.acceptances.all() == [accepted]
    assert again.warehouse.catch_ups.last("sales_feed") == catch_up
    assert again.warehouse.runs_before("customers", date(2026, 1, 1)) == [{"rows": 5}]
    assert again.versions.of("raw_sales") == 1
    published = again.publication.published()
    assert published is not None
    assert (published.as_of, published.rows) == ("2026-01-01", 7)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(_JSON)
def test_any_json_is_read_as_its_shape_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "note.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    fits = isinstance(content, dict) and all(
        type(each) is int for each in content.values()
    )

    if fits:
        assert read_note(path, TypeAdapter(dict[str, int])) == content
        return
    with pytest.raises(LocalFailure) as failed:
        read_note(path, TypeAdapter(dict[str, int]))
    assert len(failed.value.cause) < len(str(path)) + 300


def test_status_ends_with_5_and_the_name_of_the_file(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path))
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse/versions.json").write_text("[]", encoding="utf-8")

    result = CliRunner().invoke(app, ["status"])

    assert result.exit_code == 5, result.output
    assert "versions.json is damaged" in result.stderr
    assert "Remove it" in result.stderr
