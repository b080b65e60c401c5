"""The summary of a run, from an outcome that is ready: no run is made for a text."""

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from analytics_pipeline.commands.running import (
    LOOK_AT,
    Outcome,
    print_checks,
    print_summary,
)
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.publication import Published

DAY = date(2026, 6, 20)
FIGURES: Mapping[str, Mapping[str, Any]] = {
    "sales_feed": {"records_read": 1234},
    "customers": {"read": 5},
    "customer_analytics_master": {
        "rows": 20,
        "lifetime_value_cents": 123450,
        "orders": 40,
        "first_time_buyers": 7,
    },
    "customer_analytics": {
        "quarantined_sales": 0,
        "quarantined_last_good_cents": 0,
        "quarantined_unknown": 0,
    },
}
OUTCOME = Outcome("run", FIGURES, {"raw_sales": 4}, warnings=())


def with_figures(table: str, **figures: object) -> Outcome:
    changed = {**FIGURES.get(table, {}), **figures}
    return replace(OUTCOME, figures={**FIGURES, table: changed})


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = open_shop(load_settings(data_dir=tmp_path))
    publish(monkeypatch, DAY)
    return shop


def publish(
    monkeypatch: pytest.MonkeyPatch, day: date, *, provisional: bool = False
) -> None:
    noted = Published(str(day), rows=20, sha256="", provisional=provisional)
    place = "analytics_pipeline.storage.publication.Publication.published"
    monkeypatch.setattr(place, lambda _self: noted)


def lines_of(shop: Shop, outcome: Outcome) -> dict[str, str]:
    """The lines of the summary, by their names."""
    out = Console(file=io.StringIO(), width=200, record=True)
    print_summary(shop, outcome, DAY, 3.0, Terminal(out=out))
    head, *lines = out.export_text().rstrip().splitlines()
    assert head == f"As of {DAY}"
    return dict(line.strip().split("  ", 1) for line in lines)


def test_what_is_not_worth_a_look_has_no_line(shop: Shop) -> None:
    lines = lines_of(shop, OUTCOME)

    assert lines["read"].strip() == "1,234 sales, 5 customer records"
    assert lines["lifetime value"].strip() == "1234.50"
    assert not {"web orders", "repaired", "in quarantine", "changed"} & set(lines)


def test_web_orders_that_need_a_look_are_in_one_line(shop: Shop) -> None:
    counts = {category: n * 1000 for n, category in enumerate(LOOK_AT, start=1)}

    line = lines_of(shop, with_figures("ecom_reconciliation", **counts))["web orders"]

    for category, words in LOOK_AT.items():
        assert f"{counts[category]:,} {words}" in line
    assert "ecom_reconciliation.csv" in line


def test_sales_found_by_the_search_are_counted(shop: Shop) -> None:
    lines = lines_of(shop, with_figures("sales_feed", repaired=2))

    assert "2 sales, found by the search" in lines["repaired"]


def test_sales_in_quarantine_have_their_last_good_value(shop: Shop) -> None:
    outcome = with_figures(
        "customer_analytics",
        quarantined_sales=2,
        quarantined_last_good_cents=1990,
        quarantined_unknown=1,
    )

    line = lines_of(shop, outcome)["in quarantine"]

    assert "2 sales" in line
    assert "19.90" in line
    assert "1 unknown" in line


def test_a_day_that_is_not_over_is_provisional(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "provisional" not in lines_of(shop, OUTCOME)["master"]
    publish(monkeypatch, DAY, provisional=True)

    assert "provisional" in lines_of(shop, OUTCOME)["master"]


def test_an_older_day_is_in_the_archive_and_the_newer_master_stays(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = DAY + timedelta(days=3)
    publish(monkeypatch, newer)

    lines = lines_of(shop, OUTCOME)

    assert f"customer_analytics_{DAY}.csv" in lines["archived"]
    assert f"stays as of {newer}" in lines["published"]
    assert "master" not in lines


def test_quietly_only_what_is_wrong_is_said() -> None:
    out, err = (Console(file=io.StringIO(), width=200, record=True) for _ in range(2))

    print_checks(replace(OUTCOME, warnings=("a: b",)), Terminal(out=out, err=err))

    assert out.export_text() == ""
    assert err.export_text().startswith("warning: a: b")
