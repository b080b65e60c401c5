"""Tests for settings: the shops of a deployment beside each other."""

from pathlib import Path

import pytest

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import (
    Chain,
    find_chain,
    read_chain,
    shop_in_environment,
)
from analytics_pipeline_tests.chain_of_shops import write_shop


def chain_of(root: Path, **shops: dict[str, str]) -> Chain:
    for name, variables in shops.items():
        write_shop(root / "shops", name, **variables)
    return read_chain(root / "shops", root / "data")


def test_without_the_variable_there_is_no_chain() -> None:
    assert find_chain() is None
    assert shop_in_environment() is None


def test_the_variable_is_relative_to_the_working_folder(
    tmp_path: Path,
) -> None:
    write_shop(tmp_path / "ours", "north")
    (tmp_path / ".env").write_text(
        "ANALYTICS_SHOPS=ours\nANALYTICS_DATA_DIR=kept\nANALYTICS_SHOP=north\n"
    )

    chain = find_chain()

    assert chain is not None
    assert chain.names == ["north"] == [str(shop_in_environment())]
    assert chain.settings_of("north").data_dir == tmp_path / "kept/north"


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_a_shop_is_wrong_use(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "shops").mkdir()

    with pytest.raises(WrongUse, match="holds no file"):
        read_chain(tmp_path / "shops", tmp_path)


def test_a_shop_that_is_not_there_is_refused_with_those_that_are(
    tmp_path: Path,
) -> None:
    chain = chain_of(tmp_path, north={}, south={})

    with pytest.raises(WrongUse, match="'west'") as refused:
        chain.settings_of("west")

    assert "north, south" in refused.value.remedy


def test_a_broken_file_is_the_fault_of_its_shop_alone(tmp_path: Path) -> None:
    chain = chain_of(
        tmp_path, north={}, south={"LIGHTSPEED_TOKEN": ""}, North_2={}
    )  # fmt: skip

    assert chain.names == ["North_2", "north", "south"]
    assert chain.settings_of("north").domain_prefix == "northstore"
    for name in ("south", "North_2"):
        with pytest.raises(WrongUse, match=name):
            chain.settings_of(name)


@pytest.mark.parametrize(
    ("north", "south"),
    [
        pytest.param(
            {"ANALYTICS_DATA_DIR": "here"}, {"ANALYTICS_DATA_DIR": "./here/"},
            id="one data directory",
        ),
        pytest.param({}, {"ANALYTICS_DATA_DIR": "data/north"}, id="that of the other"),
        pytest.param({"ANALYTICS_DATA_DIR": "data"}, {}, id="one in the other"),
        pytest.param(
            {"ANALYTICS_STORE": "s3://bucket/x"}, {"ANALYTICS_STORE": "s3://bucket/x/"},
            id="one store",
        ),
        pytest.param({}, {"ANALYTICS_STORE": "data/north/warehouse"}, id="its store"),
        pytest.param(
            {}, {"LIGHTSPEED_DOMAIN_PREFIX": "NORTHSTORE"}, id="one Lightspeed account"
        ),
    ],
)  # fmt: skip
def test_two_shops_in_one_place_are_both_refused_and_both_named(
    tmp_path: Path, north: dict[str, str], south: dict[str, str]
) -> None:
    chain = chain_of(
        tmp_path, north=north, south=south, west={"ANALYTICS_DATA_DIR": "west"}
    )

    assert set(chain.shops) == {"west"}
    for name in ("north", "south"):
        with pytest.raises(WrongUse, match="north and south") as refused:
            chain.settings_of(name)
        assert "shops/north.env" in refused.value.remedy
        assert "shops/south.env" in refused.value.remedy


def test_places_that_only_begin_alike_are_two(tmp_path: Path) -> None:
    chain = chain_of(
        tmp_path,
        north={"ANALYTICS_DATA_DIR": "one", "ANALYTICS_STORE": "s3://bucket/a"},
        south={"ANALYTICS_DATA_DIR": "one_more", "ANALYTICS_STORE": "s3://bucket/ab"},
    )

    assert set(chain.shops) == {"north", "south"}


def test_a_link_to_the_place_of_another_shop_is_that_place(tmp_path: Path) -> None:
    (tmp_path / "data/north").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data/north")

    chain = chain_of(tmp_path, north={}, south={"ANALYTICS_DATA_DIR": "link"})

    assert chain.shops == {}
