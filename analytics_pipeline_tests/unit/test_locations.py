"""Tests for analytics_pipeline.locations: a code location a shop."""

import warnings
from pathlib import Path

import dagster as dg
import pytest

from analytics_pipeline import locations
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import NAME
from analytics_pipeline_tests.chain_of_shops import write_shop


@pytest.fixture
def shops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shops"
    write_shop(folder, "north")
    write_shop(folder, "south", LIGHTSPEED_TOKEN="")
    monkeypatch.setenv("ANALYTICS_SHOPS", str(folder))
    return folder


def test_an_attribute_is_the_definitions_of_the_shop_of_that_name(shops: Path) -> None:
    definitions = locations.north  # type: ignore[attr-defined]

    keys = definitions.resolve_asset_graph().get_all_asset_keys()
    assert {key.path[0] for key in keys} == {"north"}
    dg.Definitions.validate_loadable(definitions)


def test_a_location_of_a_chain_warns_of_nothing(shops: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        locations.north.get_repository_def()  # type: ignore[attr-defined]

    assert [str(each.message) for each in caught] == []


@pytest.mark.parametrize("name", ["south", "west"])
def test_a_shop_that_cannot_be_used_fails_with_the_reason(
    shops: Path, name: str
) -> None:
    with pytest.raises(WrongUse, match=name):
        getattr(locations, name)


def test_without_a_chain_there_is_no_location() -> None:
    with pytest.raises(WrongUse, match="ANALYTICS_SHOPS is not set"):
        getattr(locations, "north")  # noqa: B009 (it is no attribute that types know)


def test_a_readable_file_is_reported_in_the_location_log(
    shops: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (shops / "north.env").chmod(0o644)

    assert locations.north  # type: ignore[attr-defined]

    assert "can be read by others" in caplog.text


def test_no_name_of_the_module_is_one_that_a_shop_could_have() -> None:
    assert [name for name in vars(locations) if NAME.fullmatch(name)] == []
    assert not hasattr(locations, "__wrapped__")
