"""A day is provisional by the outlets of its own shop only (rule 1.2)."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from analytics_pipeline.assets.shared_checks import CatchUpCheck
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.settings import read_chain
from analytics_pipeline.shop import Shop, open_shop
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline_tests.chain_of_shops import ZONES, write_shop
from analytics_pipeline_tests.tables import make_table

D = date(2026, 6, 20)
FAR = "America/Los_Angeles"


def open_chain(root: Path, now: datetime, **more: list[str]) -> dict[str, Shop]:
    """Three shops whose feeds were just read, with an outlet at home and *more*."""
    for name, zone in ZONES.items():
        write_shop(root / "shops", name, ANALYTICS_TIMEZONE=zone)
    chain = read_chain(root / "shops", root / "data")
    shops = {name: open_shop(chain.settings_of(name), lambda: now) for name in ZONES}
    for name, shop in shops.items():
        zones = [ZONES[name], *more.get(name, [])]
        rows = [{"outlet_id": f"o{n}", "time_zone": z} for n, z in enumerate(zones)]
        shop.warehouse.write("outlets", Outlets, make_table(Outlets, rows))
        for table in ("sales_feed", "customers"):
            shop.warehouse.catch_ups.record(table, CatchUp(now, 1))
    return shops


def provisional(shops: dict[str, Shop], day: date = D) -> set[str]:
    return {
        name
        for name, shop in shops.items()
        if CatchUpCheck(shop).evaluate(day).evidence["provisional"] == "yes"
    }


@pytest.mark.parametrize(
    ("hour", "expected"),
    [
        (13, {"sydney", "berlin", "north"}),
        (15, {"berlin", "north"}),
        (21, {"berlin", "north"}),
        (23, {"north"}),
        (28, set()),
    ],
)
def test_each_shop_ends_its_day_by_its_own_outlets_rule_1_2(
    tmp_path: Path, hour: int, expected: set[str]
) -> None:
    """Sydney ends the day at 14:00 UTC, Berlin at 22:00, New York at 4:00."""
    now = datetime(2026, 6, 20, tzinfo=UTC) + timedelta(hours=hour)

    assert provisional(open_chain(tmp_path, now)) == expected


def test_an_outlet_far_away_keeps_the_day_of_its_own_shop_open_and_is_named_rule_1_2(
    tmp_path: Path,
) -> None:
    now = datetime(2026, 6, 21, 5, tzinfo=UTC)
    shops = open_chain(tmp_path, now, berlin=[FAR])

    assert provisional(shops) == {"berlin"}
    sentence = CatchUpCheck(shops["berlin"]).evaluate(D).sentence
    assert FAR in sentence
    assert "2026-06-21 09:00 in store time" in sentence
