"""Tests for analytics_pipeline.assets.sale_lines: which days are made again."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from analytics_pipeline.assets.inputs import make_candidates
from analytics_pipeline.assets.table import function_of
from analytics_pipeline.domain.sale_lines import Line, write_lines
from analytics_pipeline.model.errors import InputFailed, LocalFailure
from analytics_pipeline.model.schemas.sales import SaleLines
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.storage.state import FailedCheck
from analytics_pipeline.tables import SALE_LINES
from analytics_pipeline_tests.made import run_for
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.unit.assets.test_stale_days import FIRST, LAST, KeptShop

LINES = write_lines([Line("l", "p1", total=Decimal("1.00"))])


class LinesShop(KeptShop):
    """A shop whose sales have a line each."""

    def read(self, sale, day, cents=100, **more):
        more = {"lines": LINES, "state": "closed", "total_excl_cents": cents, **more}
        super().read(sale, day, cents, **more)

    def make_lines(self, *days: date) -> list[str]:
        """Make the lines of days, and those that are out of date; say which."""
        run = run_for(self.shop, days or (LAST,))
        made = []
        for candidate in make_candidates(SALE_LINES, function_of(SALE_LINES), run):
            assert not any(result.blocks for result in candidate.check_results)
            self.shop.store_as("sale_lines", SaleLines)(candidate)
            made.append(str(candidate.partition))
        return made

    def lines(self) -> pd.DataFrame:
        days = self.shop.warehouse.partitions("sale_lines")
        read = [self.shop.warehouse.read("sale_lines", SaleLines, day) for day in days]
        return pd.concat(read, ignore_index=True)


def key(day: int) -> str:
    return (FIRST + timedelta(days=day)).isoformat()


@pytest.fixture
def kept(tmp_path: Path) -> LinesShop:
    shop = LinesShop(tmp_path)
    for sale in range(4):
        shop.read(sale, sale)
    shop.cut_stale()
    assert shop.make_lines() == [key(day) for day in range(6)]
    return shop


def test_a_day_that_is_asked_for_is_made_and_no_other(kept: LinesShop) -> None:
    assert kept.make_lines() == [key(5)]
    assert kept.make_lines(FIRST, LAST) == [key(0), key(5)]


def test_a_late_sale_opens_its_day_rule_12_3(kept: LinesShop) -> None:
    kept.read(1, 1, 250)
    kept.cut_stale()

    assert kept.make_lines() == [key(1), key(5)]
    lines = kept.lines().set_index("line_id")
    assert lines.loc["s1:1", "value_incl_cents"] == 100
    assert lines.loc["s1:2", "kind"] == "unexplained"


def test_the_lines_are_those_of_the_stored_version(kept: LinesShop) -> None:
    kept.read(1, 1, 250)  # the log is ahead of the stored day

    kept.make_lines(FIRST + timedelta(days=1))

    assert kept.lines()["value_incl_cents"].tolist() == [100] * 4


def test_a_repair_of_the_same_version_counts(kept: LinesShop) -> None:
    lines = write_lines([Line("l", "p2", total=Decimal("1.00"))])
    kept.version = 1  # so that the sale of the second day comes again as it is
    kept.read(1, 1, lines=lines)

    kept.make_lines(FIRST + timedelta(days=1))

    assert kept.lines().set_index("sale_id").loc["s1", "product_id"] == "p2"


def test_another_discount_product_makes_every_day_again(kept: LinesShop) -> None:
    row = {"outlet_id": "o", "time_zone": "UTC", "discount_product_id": "p1"}
    kept.shop.warehouse.write("outlets", Outlets, make_table(Outlets, [row]))

    assert len(kept.make_lines()) == 6
    assert set(kept.lines()["kind"]) == {"discount"}


def test_a_product_that_is_named_as_shipping_makes_every_day_again(
    kept: LinesShop,
) -> None:
    kept.shop.policy = replace(kept.shop.policy, shipping_products=("p1",))

    assert len(kept.make_lines()) == 6
    assert set(kept.lines()["kind"]) == {"shipping"}


def test_a_day_that_is_gone_is_made_again(kept: LinesShop) -> None:
    kept.shop.warehouse.remove("sale_lines", key(2))

    assert kept.make_lines() == [key(2), key(5)]


def test_a_day_that_failed_is_made_again(kept: LinesShop) -> None:
    failed = FailedCheck("conserves_lines", "a rule", "2026-06-20T00:00:00Z")
    kept.shop.warehouse.remember_failure("sale_lines", key(3), [failed])

    assert kept.make_lines() == [key(3), key(5)]


@pytest.mark.parametrize("damage", ["no note", "[1]", None])
def test_without_the_note_every_day_is_made_again(
    kept: LinesShop, damage: str | None
) -> None:
    note = Path(str(kept.shop.warehouse.root)) / "sale_lines" / "made_from.json"
    note.unlink() if damage is None else note.write_text(damage, encoding="utf-8")

    assert len(kept.make_lines()) == 6


def test_sales_that_failed_their_gate_have_no_lines_made(kept: LinesShop) -> None:
    failed = FailedCheck("prices_are_usual", "a rule", "2026-06-20T00:00:00Z")
    kept.shop.warehouse.remember_failure("raw_sales", key(5), [failed])

    with pytest.raises(InputFailed):
        kept.make_lines()


def test_sales_that_were_never_stored_are_named(kept: LinesShop) -> None:
    with pytest.raises(LocalFailure, match="raw_sales of 2026-06-09 was never stored"):
        kept.make_lines(date(2026, 6, 9))


def test_earlier_sales_are_on_the_first_day(tmp_path: Path) -> None:
    shop = LinesShop(tmp_path)
    shop.read(1, -3)
    shop.cut_stale()

    shop.make_lines()

    first = shop.shop.warehouse.read("sale_lines", SaleLines, key(0))
    assert first["sale_id"].tolist() == ["s1"]
    assert str(first["business_date"].iloc[0])[:10] == key(-3)


def test_a_day_that_raw_sales_has_no_more_has_no_lines(kept: LinesShop) -> None:
    kept.shop.warehouse.remove("raw_sales", key(0))

    kept.make_lines()

    assert key(0) not in kept.shop.warehouse.partitions("sale_lines")
    assert kept.lines()["sale_id"].tolist() == ["s1", "s2", "s3"]


def test_a_later_day_that_changed_is_made_when_it_is_looked_at(kept: LinesShop) -> None:
    kept.read(3, 3, 250)
    kept.cut_stale()

    assert kept.make_lines(FIRST + timedelta(days=1)) == [key(1)]
    assert kept.make_lines() == [key(3), key(5)]
