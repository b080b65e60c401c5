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
    """The documented keys of a command."""
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
    reported: dict[str, Any] = json.loads(result.stdout)
    assert reported["exit_code"] == code
    return reported


def test_an_update_says_the_facts_of_its_summary(lived: SimulatedShop) -> None:
    lived.live_until(NEXT_DAY)
    result = type_in("update", "--as-of", NEXT_DAY, "--json", "--debug")

    assert result.exit_code == 0, result.output
    reported = json.loads(result.stdout)
    assert result.stderr.startswith(f"updating to {NEXT_DAY} …\n")
    assert "STEP_START" in result.stderr, "the log goes beside the document"
    assert set(reported) == OF_ALL | documented("update") - {"accepted"}
    rows = lived.rows("customer_analytics_master.csv")
    assert reported["as_of"] == reported["published"] == str(NEXT_DAY)
    assert reported["people"] == len(rows)
    cents = sum(int(row["Lifetime Value"].replace(".", "")) for row in rows)
    assert reported["lifetime_value"] == f"{cents / 100:.2f}"
    assert Path(reported["files"]["master"]).samefile(
        lived.data / "customer_analytics_master.csv"
    )
    assert reported["files"]["archived"] is None
    assert [f"warning: {each}" for each in reported["warnings"]] == [
        line for line in result.stderr.splitlines() if line.startswith("warning")
    ]


@pytest.mark.nightly
def test_a_rebuild_says_what_differed(lived: SimulatedShop) -> None:
    reported = document("rebuild")

    assert set(reported) == (
        OF_ALL | documented("rebuild") | documented("update") - {"accepted"}
    )
    assert reported["differing_files"] == []
    assert reported["compared_files"] > 40


def test_without_quarantine_a_replay_says_so(lived: SimulatedShop) -> None:
    reported = document("replay")

    assert set(reported) == OF_ALL | documented("replay")
    assert reported["quarantine"] == {}


def test_an_import_says_what_the_export_holds(
    lived: SimulatedShop, tmp_path: Path
) -> None:
    export = tmp_path / "orders.csv"
    in_place = lived.data / "ecom_orders_export.csv"
    export.write_bytes(in_place.read_bytes())

    reported = document("import-ecom", export)

    assert set(reported) == OF_ALL | documented("import-ecom")
    assert reported["file"] == str(in_place)
    assert reported["new_orders"] == reported["gone_orders"] == []
    assert re.fullmatch(r"\d+\.\d\d", reported["total"])
    assert date.fromisoformat(reported["first_order_date"]) < FIRST_DAY
    quiet = type_in("import-ecom", export, "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_the_status_document_has_all_that_the_screen_shows(
    lived: SimulatedShop,
) -> None:
    reported = document("status")

    assert set(reported) == OF_ALL | documented("status")
    assert set(reported["tables"][0]) == {
        "table",
        "rows",
        "as_of",
        "materialized",
        "gate",
    }
    quiet = type_in("status", "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_quiet_status_says_what_to_do() -> None:
    quiet = type_in("status", "--quiet")

    assert (quiet.exit_code, quiet.stdout) == (1, "")
    assert quiet.stderr.startswith("warning: Master CSV not found. Run: ")


def test_an_explanation_has_the_documented_keys(lived: SimulatedShop) -> None:
    person = lived.rows("customer_analytics_master.csv")[0]

    reported = document("explain", person["Customer ID"])

    assert set(reported) == OF_ALL | documented("explain")
    assert reported["figures"]["lifetime_value"] == person["Lifetime Value"]
    assert reported["outlook"]["tier"] == person["Tier"]


def test_the_outlook_has_the_documented_keys(lived: SimulatedShop) -> None:
    reported = document("outlook", "--within", "90")

    assert set(reported) == OF_ALL | documented("outlook")
    dropping = {
        row["Customer ID"]: (row["Tier Drop Date"], row["Spend To Keep Tier"])
        for row in lived.rows("customer_analytics_master.csv")
        if row["Tier Drop Date"]
    }
    assert len(dropping) > 5
    assert dropping == {
        each["customer_id"]: (each["tier_drop_date"], each["spend_to_keep"])
        for each in reported["people"]
    }
    assert sum(each["people"] for each in reported["by_day"]) == len(dropping)


def test_alert_test_says_each_channel(
    lived: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_webhook() as webhook:
        monkeypatch.setenv("ALERT_URLS", f"{webhook.url},json://127.0.0.1:9/x")
        reported = document("alert-test", code=3)
        monkeypatch.setenv("ALERT_URLS", webhook.url)
        quiet = type_in("alert-test", "--quiet")

    assert set(reported) == OF_ALL | documented("alert-test") | {"error", "remedy"}
    assert [each["accepted"] for each in reported["channels"]] == [True, False]
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
def test_a_failure_is_in_the_document_and_on_standard_error(
    words: tuple[str, ...], code: int, error: str
) -> None:
    result = type_in(*words, "--json")

    reported = json.loads(result.stdout)
    assert (result.exit_code, reported["exit_code"]) == (code, code)
    assert error in reported["error"]
    assert reported["remedy"]
    assert result.stderr


def test_a_chain_is_one_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYTICS_SHOPS", "shops")
    for name, more in (("north", {}), ("south", {"LIGHTSPEED_TOKEN": ""})):
        write_shop(tmp_path / "shops", name, **more)

    reported = document("status", code=2)

    assert set(reported) == OF_ALL | {"shops"}
    north, south = reported["shops"]
    assert (north["shop"], north["good"], north["exit_code"]) == ("north", False, 1)
    assert (south["shop"], south["exit_code"]) == ("south", 2)
    assert "LIGHTSPEED_TOKEN is not set" in south["error"]
    assert document("--shop", "north", "status", code=1)["shop"] == "north"


def test_amounts_are_texts_and_days_are_iso() -> None:
    line = Line(
        LineKind.SALE, "s", "c", date(2026, 6, 1), -5, 0, True, True, False, "closed"
    )

    reported = in_json({"lines": (line,), "none_cents": None, "at": Path("/x")})

    assert reported["lines"][0]["value"] == "-0.05"
    assert reported["lines"][0]["refunded"] == "0.00"
    assert reported["lines"][0]["day"] == "2026-06-01"
    assert reported["lines"][0]["kind"] == "sale"
    assert reported["none"] is None
    assert reported["at"] == "/x"


def test_a_failure_keeps_the_facts_that_were_found() -> None:
    error = WrongUse("It is so.", "Fix it.")

    assert document_of({"a_cents": 5}, ["w"], 2, error, "north") == {
        "shop": "north",
        "warnings": ["w"],
        "a": "0.05",
        "error": "It is so.",
        "remedy": "Fix it.",
        "exit_code": 2,
    }
