"""What is wrong with --accept and --reason is said before anything else is done."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.commands.update import refuse_what_cannot_be_accepted
from analytics_pipeline.model.errors import WrongUse

SO = ("--reason", "Old records were cleared")


@pytest.mark.parametrize("command", [("update",), ("import-ecom", "no-such-file.csv")])
@pytest.mark.parametrize(
    "words",
    [
        ("--accept", "export_is_complete"),
        ("--accept", "export_is_complete", "--reason", ""),
        ("--accept", "export_is_complete", "--reason", " \t"),
        ("--accept", "no_such_check"),
        ("--accept", "", *SO),
        SO,
    ],
)
def test_one_without_the_other_is_refused(
    command: tuple[str, ...], words: tuple[str, ...], tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, [*command, *words])

    assert result.exit_code == 2, result.output
    assert "--accept CHECK and --reason TEXT go together" in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("no_such_check", "There is no check 'no_such_check'"),
        ("no_person_vanishd", "did you mean no_person_vanished?"),
        ("NO_PERSON_VANISHED", "There is no check"),
        ("customers.no_person_vanished", "There is no check"),
        ("customer_analytics.no_person_vanishes", "customer_analytics.no_person_van"),
        ("is_caught_up", "cannot be accepted"),
        ("raw_sales.is_caught_up", "cannot be accepted"),
        ("conserves_money", "cannot be accepted"),
        ("matches_schema", "cannot be accepted"),
        ("customers.matches_schema", "cannot be accepted"),
        ("volume_is_usual", "cannot be accepted"),
    ],
)
def test_a_check_that_no_one_can_accept_is_refused(
    check: str, words: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, ["update", "--accept", check, *SO])

    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "check",
    [
        "no_person_vanished",
        "customer_analytics.no_person_vanished",
        "rows_are_sound",
        "sales_feed.rows_are_sound",
        "export_is_complete",
        "outlets_are_all_there",
    ],
)
def test_a_check_that_a_person_may_accept_is_let_pass(check: str) -> None:
    refuse_what_cannot_be_accepted(check)


def test_a_check_of_another_table_is_none_of_the_import(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="There is no check"):
        refuse_what_cannot_be_accepted("sales_feed.rows_are_sound", ["ecom_orders"])


def test_a_program_gets_a_document_of_it() -> None:
    result = CliRunner().invoke(app, ["update", "--json", "--accept", "rows_are_sound"])

    document = json.loads(result.stdout)
    assert document["exit_code"] == result.exit_code == 2
    assert "go together" in document["error"]
