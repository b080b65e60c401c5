"""An import never replaces a good export with one that the gate would stop."""

import json
import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_pipeline.assets.inputs import make_candidates
from analytics_pipeline.assets.table import function_of
from analytics_pipeline.cli import app
from analytics_pipeline.model.schemas.sources import EcomOrders
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.tables import ECOM_ORDERS
from analytics_pipeline_tests.gated import run_for, through_the_gate
from analytics_pipeline_tests.made import export_read
from analytics_pipeline_tests.unit.assets.test_ecom_orders import text_of

IN_PLACE, PREVIOUS = "ecom_orders_export.csv", "ecom_orders_export.previous.csv"
GOOD = range(1, 384)
"""The numbers of the orders of the last good export."""
ACCEPT = ("--accept", "export_is_complete", "--reason", "The shop was cleared")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory whose export was taken in by an update."""
    data = tmp_path / "data"
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(data))
    assert imported(data, GOOD).exit_code == 0
    update(data)
    return data


def shop_in(data: Path) -> Shop:
    return open_shop(load_settings(data_dir=data))


def update(data: Path) -> None:
    """Take in the export in place, as an update does; its gate must let it pass."""
    shop = shop_in(data)
    candidate = export_read(shop)
    honour = shop.warehouse.acceptances.honour
    found = [honour("ecom_orders", None, each) for each in candidate.check_results]
    assert not any(each.blocks for each in found)
    shop.store_as("ecom_orders", EcomOrders)(candidate)


def imported(data: Path, numbers: range | list[int], *words: str) -> Result:
    export = data.parent / "my orders.csv"
    export.write_text(text_of(numbers), encoding="utf-8")
    return CliRunner().invoke(app, ["import-ecom", str(export), *words])


def numbers_in(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines()) - 1


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(range(1, 19), id="18 instead of 383"),
        pytest.param(range(366, 384), id="the last 18"),
        pytest.param(range(1, 345), id="39 gone, one more than a tenth"),
        pytest.param(range(1001, 1384), id="as many, but those of another shop"),
        pytest.param([], id="none"),
        pytest.param([*range(60, 384), *range(400, 900)], id="more, but old ones gone"),
    ],
)
def test_an_export_that_lacks_many_orders_is_refused_with_the_counts(
    data: Path, numbers: range | list[int]
) -> None:
    before = (data / IN_PLACE).read_bytes()

    result = imported(data, numbers)

    gone = len(set(GOOD) - set(numbers))
    assert result.exit_code == 1, result.output
    assert f"has {len(numbers)} orders, the last good one had 383" in result.stderr
    assert f"{gone} of those are gone" in result.stderr
    assert "export_is_complete" in result.stderr
    assert (data / IN_PLACE).read_bytes() == before
    assert not (data / PREVIOUS).exists()
    assert not list(data.glob(".incoming*"))
    assert shop_in(data).warehouse.failures("ecom_orders") == {}


def test_a_refusal_names_the_list_of_the_orders_that_are_gone(data: Path) -> None:
    result = imported(data, range(1, 19))

    listed = data / "reports/ecom_orders.export_is_complete.csv"
    assert "reports/ecom_orders.export_is_complete.csv" in result.stderr
    assert listed.stat().st_mode & 0o777 == 0o600
    rows = listed.read_text(encoding="utf-8").splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == {str(n) for n in range(19, 384)}

    assert imported(data, GOOD).exit_code == 0
    assert not listed.exists()


def test_the_remedy_of_a_refusal_can_be_typed_as_it_is(data: Path) -> None:
    refused = imported(data, range(1, 19))

    typed = refused.stderr.split("analytics-pipeline ")[1].replace("TEXT", "so")
    result = CliRunner().invoke(app, shlex.split(typed))

    assert result.exit_code == 0, result.output
    assert numbers_in(data / IN_PLACE) == 18
    assert numbers_in(data / PREVIOUS) == 383


def test_what_a_person_accepts_is_put_in_place_and_honoured_by_the_update(
    data: Path,
) -> None:
    result = imported(data, range(1, 19), *ACCEPT)

    assert result.exit_code == 0, result.output
    assert "Accepted (The shop was cleared)" in result.stderr
    update(data)
    (kept,) = shop_in(data).warehouse.acceptances.all()
    assert (kept.table, kept.reason) == ("ecom_orders", "The shop was cleared")
    again = imported(data, range(1, 19))
    assert again.exit_code == 0, again.output
    assert numbers_in(data / PREVIOUS) == 383, "the same export replaces nothing"


def test_an_acceptance_is_of_these_orders_and_of_no_others(data: Path) -> None:
    assert imported(data, range(1, 19), *ACCEPT).exit_code == 0

    other = imported(data, range(2, 20))

    assert other.exit_code == 1, other.output
    assert numbers_in(data / IN_PLACE) == 18
    assert "\n1;" in (data / IN_PLACE).read_text(encoding="utf-8")


@pytest.mark.parametrize("gone", [1, 10, 38])
def test_a_few_orders_that_are_gone_are_a_warning(data: Path, gone: int) -> None:
    result = imported(data, range(1 + gone, 384))

    assert result.exit_code == 0, result.output
    assert f"{gone} of those are gone" in result.stderr
    assert numbers_in(data / IN_PLACE) == 383 - gone
    assert numbers_in(data / PREVIOUS) == 383


@pytest.mark.parametrize("later", [(), (range(384, 500),)])
def test_an_export_that_no_update_has_taken_in_yet_is_as_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later: tuple[range, ...]
) -> None:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path / "data"))
    numbers = [*GOOD, *(number for each in later for number in each)]
    assert imported(tmp_path / "data", numbers).exit_code == 0

    refused = imported(tmp_path / "data", range(1, 19))

    assert refused.exit_code == 1, refused.output
    assert numbers_in(tmp_path / "data" / IN_PLACE) == len(numbers)
    accepted = imported(tmp_path / "data", range(1, 19), *ACCEPT)
    assert accepted.exit_code == 0, accepted.output


@pytest.mark.parametrize("bad", ["this;is\nno;export\n", "", text_of(range(900, 2000))])
def test_a_bad_export_in_place_hinders_no_good_one_and_is_kept(
    data: Path, bad: str
) -> None:
    (data / IN_PLACE).write_text(bad, encoding="utf-8")
    (data / IN_PLACE).chmod(0o644)

    result = imported(data, range(1, 385))

    assert result.exit_code == 0, result.output
    assert numbers_in(data / IN_PLACE) == 384
    assert (data / PREVIOUS).read_text(encoding="utf-8") == bad
    assert (data / PREVIOUS).stat().st_mode & 0o777 == 0o600


def test_the_first_export_of_all_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_DATA_DIR", str(tmp_path / "data"))

    result = imported(tmp_path / "data", GOOD)

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "data").glob("ecom*")) == [IN_PLACE]
    assert "previous" not in result.stdout


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("--accept", "export_is_complete"), "go together"),
        (("--reason", "so"), "go together"),
        (("--accept", "export_is_complete", "--reason", " "), "go together"),
        (("--accept", "", "--reason", "so"), "go together"),
        (("--accept", "export_is_compleet", "--reason", "so"), "did you mean"),
        (("--accept", "no_person_vanished", "--reason", "so"), "There is no check"),
        (("--accept", "sales_feed.rows_are_sound", "--reason", "so"), "There is no"),
        (("--accept", "export_is_readable", "--reason", "so"), "cannot be accepted"),
        (("--accept", "matches_schema", "--reason", "so"), "cannot be accepted"),
        (("--accept", "ecom_orders.export_is_fresh", "--reason", "so"), "cannot be"),
    ],
)
def test_what_cannot_be_accepted_is_wrong_use(
    data: Path, words: tuple[str, ...], reported: str
) -> None:
    result = imported(data, range(1, 19), *words)

    assert result.exit_code == 2, result.output
    assert reported in result.stderr
    assert numbers_in(data / IN_PLACE) == 383
    assert shop_in(data).warehouse.acceptances.all() == []


def test_a_sound_export_has_nothing_to_accept(data: Path) -> None:
    result = imported(data, range(1, 390), *ACCEPT)

    assert result.exit_code == 2
    assert "Nothing fails export_is_complete" in result.stderr
    assert numbers_in(data / IN_PLACE) == 383


def test_json_has_the_counts_of_a_refused_export(data: Path) -> None:
    result = imported(data, range(1, 19), "--json")

    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"]) == (1, 1)
    assert (document["orders"], len(document["gone_orders"])) == (18, 365)
    assert document["file"] is document["previous"] is None
    assert "365 of those are gone" in document["error"]


def test_json_says_where_the_replaced_export_is_kept(data: Path) -> None:
    document = json.loads(imported(data, range(1, 400), "--json").stdout)

    assert document["file"] == str(data / IN_PLACE)
    assert document["previous"] == str(data / PREVIOUS)


def take_in_by_dagster(data: Path, numbers: range) -> None:
    """Take in an export as the job does whose launchpad names a file."""
    export = data / "inbox/orders.csv"
    export.parent.mkdir(exist_ok=True)
    export.write_text(text_of(numbers), encoding="utf-8")
    shop = shop_in(data)
    run = replace(run_for(shop), options={"file": str(export)})
    make = partial(make_candidates, ECOM_ORDERS, function_of(ECOM_ORDERS), run)
    through_the_gate(shop, ECOM_ORDERS, make)


def test_a_run_of_dagster_with_a_file_keeps_the_good_export_too(data: Path) -> None:
    with pytest.raises(dg.Failure, match="export_is_complete"):
        take_in_by_dagster(data, range(1, 19))

    assert numbers_in(data / IN_PLACE) == 383
    assert not (data / PREVIOUS).exists()


def test_a_run_of_dagster_keeps_what_it_replaces_next_to_it(data: Path) -> None:
    take_in_by_dagster(data, range(1, 390))

    assert numbers_in(data / IN_PLACE) == 389
    assert numbers_in(data / PREVIOUS) == 383
    assert (data / PREVIOUS).stat().st_mode & 0o777 == 0o600
