"""The pages that are made from the program are as it would write them now."""

import re
import runpy
import sys
from dataclasses import fields, replace
from pathlib import Path
from xml.etree import ElementTree

import dagster as dg
import pandera.pandas as pa
import pytest

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.model.schemas.table import Table, flag
from analytics_pipeline.settings import Settings
from analytics_pipeline.tables import OUTLETS, TableSpec
from analytics_pipeline_tests.documentation.data_dictionary import describe_table
from analytics_pipeline_tests.documentation.made_pages import MADE, made_pages
from analytics_pipeline_tests.documentation.pages import ROOT
from analytics_pipeline_tests.documentation.picture import (
    LIGHTSPEED,
    READ_FROM,
    TABLE_HEIGHT,
    TABLE_WIDTH,
    WEB_SHOP,
    draw_picture,
)
from analytics_pipeline_tests.light_run import TABLES, UP_TO_PUBLISHING, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.unit.orchestration.test_definitions import GRAPH, lines_of

SVG = "{http://www.w3.org/2000/svg}"
REMEDY = "write it again: python -m analytics_pipeline_tests.documentation"


@pytest.mark.parametrize("name", MADE)
def test_a_made_page_is_what_the_program_says(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")

    assert written == made_pages()[name], REMEDY


def test_one_command_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["documentation", str(tmp_path)])

    runpy.run_module("analytics_pipeline_tests.documentation", run_name="__main__")

    for name in made_pages():
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes()


# The data dictionary ---------------------------------------------------------------


class Pets(Table):
    """One pet of a customer."""

    pet_id: str = pa.Field(unique=True, description="id: the pet")
    legs: int = pa.Field(ge=0, description="how many it has")
    is_calm: bool = flag("it may be stroked")


def test_a_new_table_is_described_without_anything_else_being_changed() -> None:
    class OfPets(TableSpec):
        schema = Pets

    spec = replace(OUTLETS, name="pets", key="pet_id", is_daily=True)
    pets = OfPets(**{each.name: getattr(spec, each.name) for each in fields(spec)})

    text = describe_table(pets)

    assert text.startswith("## pets\n\nOne pet of a customer.\n")
    assert "`warehouse/pets/<day>.parquet`" in text
    assert "| `legs` | whole number | how many it has |  | from 0 on |" in text
    assert "| `is_calm` | yes or no | whether it may be stroked |  |  |" in text


def test_every_file_that_the_dictionary_names_is_there(
    small_shop: SimulatedShop,
) -> None:
    page = made_pages()["data-dictionary.md"]
    kept = re.findall(r"^- \*\*Kept\*\*: (.+)$", page, flags=re.MULTILINE)
    files = [name for line in kept for name in re.findall(r"`([^`]+)`", line)]

    assert len(files) >= len(kept)
    run_light(small_shop.settings, FIRST_DAY, tables=TABLES[len(UP_TO_PUBLISHING) :])
    for name in files:
        pattern = name.replace("<day>", "20*").replace("…", "*").rstrip("/")
        assert any(small_shop.data.glob(pattern)), name


# The picture -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def picture() -> ElementTree.Element:
    return ElementTree.fromstring((ROOT / "docs/architecture.svg").read_text("utf-8"))


def reachable(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Every pair that a way along *arrows* leads from and to."""
    ways = set(arrows)
    while (
        further := {
            (first, last)
            for first, via in ways
            for other, last in arrows
            if via == other
        }
        - ways
    ):
        ways |= further
    return ways


def test_the_picture_has_the_tables_and_arrows_of_the_graph(
    picture: ElementTree.Element,
) -> None:
    tables = {name for name, *_ in lines_of(GRAPH)}
    wanted = {
        (parent, name)
        for name, _group, _often, *parents in lines_of(GRAPH)
        for parent in tables.intersection(parents)
    } | {(source, name) for name, source in READ_FROM.items()}
    shown = {
        (path.attrib["data-from"], path.attrib["data-to"])
        for path in picture.iter(f"{SVG}path")
        if "data-from" in path.attrib
    }
    labels = {text.text for text in picture.iter(f"{SVG}text")}

    assert shown <= wanted
    assert reachable(shown) == reachable(wanted)
    assert tables | {LIGHTSPEED, WEB_SHOP} <= labels


def test_the_picture_can_be_read_by_those_who_do_not_see_it(
    picture: ElementTree.Element,
) -> None:
    title, description = picture[0], picture[1]

    assert picture.attrib["role"] == "img"
    assert (
        picture.attrib["aria-labelledby"]
        == f"{title.attrib['id']} {description.attrib['id']}"
    )
    for name, *_ in lines_of(GRAPH):
        assert f"{name} is made from " in str(description.text)


def test_no_table_of_the_picture_lies_on_another_or_outside(
    picture: ElementTree.Element,
) -> None:
    width, height = map(float, picture.attrib["viewBox"].split()[2:])
    corners = [
        (float(box.attrib["x"]), float(box.attrib["y"]))
        for box in picture.iter(f"{SVG}rect")
        if box.attrib.get("class") in {"table", "outside"}
    ]

    for n, (x, y) in enumerate(corners):
        assert 0 <= x <= width - TABLE_WIDTH
        assert 0 <= y <= height - TABLE_HEIGHT
        for other_x, other_y in corners[:n]:
            assert abs(x - other_x) >= TABLE_WIDTH or abs(y - other_y) > TABLE_HEIGHT


def test_every_table_more_is_drawn_too() -> None:
    @dg.asset(deps=["customer_analytics"])
    def pets() -> None: ...

    more = dg.Definitions.merge(
        build_definitions(Settings(_env_file=None)), dg.Definitions(assets=[pets])
    )

    picture = draw_picture(more.resolve_asset_graph())

    assert 'data-from="customer_analytics" data-to="pets"' in picture
