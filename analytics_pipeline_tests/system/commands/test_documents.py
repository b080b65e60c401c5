"""What ``--json`` prints: one document, whatever happens, with the keys of the docs."""

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands.entry import document_of, in_json
from analytics_pipeline.domain.explanation import Line, LineKind
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline_tests.chain_of_shops import write_shop
from analytics_pipeline_tests.receivers import open_webhook
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop

DOCS = Path(__file__).parents[3] / "docs/json.md"
OF_ALL = {"exit_code", "warnings"}
NEXT_DAY = FIRST_DAY + timedelta(days=1)


def documented(command: str) -> set[str]:
    """The keys that the documentation tells of a command."""
    section = DOCS.read_text("utf-8").split(f"## `{command}`\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*) \|", section, flags=re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


@pytest.fixture
def lived(updated_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shop whose yesterday is FIRST_DAY, as the environment names it."""
    monkeypatch.setattr(
        "analytics_pipeline.shop.Shop.yesterday", property(lambda _shop: FIRST_DAY)
    )
    for name, value in updated_shop.settings.as_environment().items():
        monkeypatch.setenv(name, value)
    return updated_shop


def type_in(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def document(*words: object, code: int = 0) -> dict[str, Any]:
    """The document of a command: all of standard output."""
    result = type_in(*words, "--json")
    assert result.exit_code == code, result.output
    told: dict[str, Any] = json.loads(result.stdout)
    assert told["exit_code"] == code
    return told


def test_an_update_tells_the_facts_of_its_summary(lived: SimulatedShop) -> None:
    lived.live_until(NEXT_DAY)
    result = type_in("update", "--as-of", NEXT_DAY, "--json", "--debug")

    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert result.stderr.startswith(f"updating to {NEXT_DAY} …\n")
    assert "STEP_START" in result.stderr, "the log goes beside the document"
    assert set(told) == OF_ALL | documented("update") - {"accepted"}
    rows = lived.rows("customer_analytics_master.csv")
    assert told["as_of"] == told["published"] == str(NEXT_DAY)
    assert told["people"] == len(rows)
    cents = sum(int(row["Lifetime Value"].replace(".", "")) for row in rows)
    assert told["lifetime_value"] == f"{cents / 100:.2f}"
    assert Path(told["files"]["master"]).samefile(
        lived.data / "customer_analytics_master.csv"
    )
    assert told["files"]["archived"] is None
    assert [f"warning: {each}" for each in told["warnings"]] == [
        line for line in result.stderr.splitlines() if line.startswith("warning")
    ]


@pytest.mark.nightly
def test_a_rebuild_tells_what_differed(lived: SimulatedShop) -> None:
    told = document("rebuild")

    assert set(told) == (
        OF_ALL | documented("rebuild") | documented("update") - {"accepted"}
    )
    assert told["differing_files"] == []
    assert told["compared_files"] > 40


def test_without_quarantine_a_replay_tells_so(lived: SimulatedShop) -> None:
    told = document("replay")

    assert set(told) == OF_ALL | documented("replay")
    assert told["quarantine"] == {}


def test_an_import_tells_what_the_export_holds(
    lived: SimulatedShop, tmp_path: Path
) -> None:
    export = tmp_path / "orders.csv"
    in_place = lived.data / "ecom_orders_export.csv"
    export.write_bytes(in_place.read_bytes())

    told = document("import-ecom", export)

    assert set(told) == OF_ALL | documented("import-ecom")
    assert told["file"] == str(in_place)
    assert told["new_orders"] == told["gone_orders"] == []
    assert re.fullmatch(r"\d+\.\d\d", told["total"])
    assert date.fromisoformat(told["first_order_date"]) < FIRST_DAY
    quiet = type_in("import-ecom", export, "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_the_status_tells_all_that_its_screen_shows(lived: SimulatedShop) -> None:
    told = document("status")

    assert set(told) == OF_ALL | documented("status")
    assert set(told["tables"][0]) == {
        "table",
        "rows",
        "as_of",
        "materialized",
        "gate",
    }
    quiet = type_in("status", "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_quietly_the_status_tells_what_to_do_where_something_is_wrong() -> None:
    quiet = type_in("status", "--quiet")

    assert (quiet.exit_code, quiet.stdout) == (1, "")
    assert quiet.stderr.startswith("warning: Master CSV not found. Run: ")


def test_an_explanation_has_the_documented_keys(lived: SimulatedShop) -> None:
    person = lived.rows("customer_analytics_master.csv")[0]

    told = document("explain", person["Customer ID"])

    assert set(told) == OF_ALL | documented("explain")
    assert told["figures"]["lifetime_value"] == person["Lifetime Value"]
    assert told["outlook"]["tier"] == person["Tier"]


def test_alert_test_tells_each_channel(
    lived: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_webhook() as webhook:
        monkeypatch.setenv("ALERT_URLS", f"{webhook.url},json://127.0.0.1:9/x")
        told = document("alert-test", code=3)
        monkeypatch.setenv("ALERT_URLS", webhook.url)
        quiet = type_in("alert-test", "--quiet")

    assert set(told) == OF_ALL | documented("alert-test") | {"error", "remedy"}
    assert [each["accepted"] for each in told["channels"]] == [True, False]
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_the_doctor_has_the_documented_keys() -> None:
    assert set(document("doctor", code=2)) == OF_ALL | documented("doctor")


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (("update", "--as-of", "2999-01-01"), 2, "2999-01-01 is later than today"),
        (("update", "--as-of", "tomorrow"), 2, "'--as-of'"),
        (("update", "--nonsense"), 2, "--nonsense"),
        (("import-ecom", "nowhere.csv"), 2, "nowhere.csv cannot be read"),
        (("explain", "nobody@example.com"), 2, ""),
        (("--shop", "north", "status"), 2, "ANALYTICS_SHOPS is not set"),
    ],
)
def test_what_failed_is_in_the_document_and_beside_it(
    words: tuple[str, ...], code: int, error: str
) -> None:
    result = type_in(*words, "--json")

    told = json.loads(result.stdout)
    assert (result.exit_code, told["exit_code"]) == (code, code)
    assert error in told["error"]
    assert told["remedy"]
    assert result.stderr


def test_a_chain_is_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_SHOPS", "shops")
    for name, more in (("north", {}), ("south", {"LIGHTSPEED_TOKEN": ""})):
        write_shop(tmp_path / "shops", name, **more)

    told = document("status", code=2)

    assert set(told) == OF_ALL | {"shops"}
    north, south = told["shops"]
    assert (north["shop"], north["good"], north["exit_code"]) == ("north", False, 1)
    assert (south["shop"], south["exit_code"]) == ("south", 2)
    assert "LIGHTSPEED_TOKEN is not set" in south["error"]
    assert document("--shop", "north", "status", code=1)["shop"] == "north"


def test_amounts_are_texts_and_days_are_iso() -> None:
    line = Line(
        LineKind.SALE, "s", "c", date(2026, 6, 1), -5, 0, True, True, False, "closed"
    )

    told = in_json({"lines": (line,), "none_cents": None, "at": Path("/x")})

    assert told["lines"][0]["value"] == "-0.05"
    assert told["lines"][0]["refunded"] == "0.00"
    assert told["lines"][0]["day"] == "2026-06-01"
    assert told["lines"][0]["kind"] == "sale"
    assert told["none"] is None
    assert told["at"] == "/x"


def test_a_failure_keeps_the_facts_that_were_found() -> None:
    error = WrongUse("It is so.", "Mend it.")

    assert document_of({"a_cents": 5}, ["w"], 2, error, "north") == {
        "shop": "north",
        "warnings": ["w"],
        "a": "0.05",
        "error": "It is so.",
        "remedy": "Mend it.",
        "exit_code": 2,
    }
