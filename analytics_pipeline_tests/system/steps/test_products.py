"""``products``: read on by version, all of them once a week, and never rewritten."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.assets.products import (
    current_products,
    open_known_products,
    read_versions,
)
from analytics_pipeline.domain.product_versions import KEPT, latest_products
from analytics_pipeline.simulator.records import ListedProduct
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline_tests.doctored import doctored
from analytics_pipeline_tests.light_run import (
    SOURCES,
    PatientLightspeed,
    evidence_of,
    exit_code_of,
    run_light,
)
from analytics_pipeline_tests.oracle.products import (
    product_differences,
    stored_products,
)
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after

MONDAY = date(2026, 6, 21)
"""The day that is made on a Monday; the nights of its week are those after it."""

TUESDAY, WEDNESDAY = (MONDAY + timedelta(days=n) for n in (1, 2))
NEXT_MONDAY = MONDAY + timedelta(days=7)
ONLY_PRODUCTS = ("products",)


def update(shop: SimulatedShop, day: date, **options: Any) -> list[Any]:
    return run_light(
        shop.settings,
        day,
        clock=lambda: noon_after(day),
        **{
            "tables": ONLY_PRODUCTS,
            "lightspeed": PatientLightspeed(shop.settings),
            **options,
        },
    )


@pytest.fixture
def week(small_shop: SimulatedShop) -> SimulatedShop:
    """A shop whose products were read on Monday."""
    update(small_shop, MONDAY)
    return small_shop


def goods(shop: SimulatedShop, n: int = 0) -> ListedProduct:
    """Return one of the products that are not deleted, always the same."""
    listed = sorted(shop.store.state.products.values(), key=lambda each: each.id)
    return [each for each in listed if each.deleted_at is None][n]


def change(shop: SimulatedShop, product: ListedProduct, **fields: Any) -> None:
    """Change *product* as the store does: it has the highest version then."""
    for name, value in fields.items():
        setattr(product, name, value)
    listed = shop.store.state.products.values()
    product.version = 7 + max(each.version for each in listed)


def differences(shop: SimulatedShop) -> list[str]:
    return list(product_differences(shop.store.state, shop.data))


def catch_ups_of(shop: SimulatedShop) -> list[CatchUp]:
    return list(shop.local.warehouse.catch_ups.all("products"))


def files_of(shop: SimulatedShop) -> dict[Path, bytes]:
    folder = shop.data / "warehouse/products/generation-000001"
    return {path: path.read_bytes() for path in folder.rglob("*.parquet")}


def asked(shop: SimulatedShop) -> int:
    return int(shop.simulator.stats()["kinds"].get("feed/products", 0))


def test_an_older_data_directory_reads_all_products_in_its_first_run(
    small_shop: SimulatedShop,
) -> None:
    shutil.rmtree(small_shop.data / "warehouse/products")
    assert current_products(small_shop.local).empty

    events = update(small_shop, FIRST_DAY, tables=(*ONLY_PRODUCTS, "sale_lines"))

    assert differences(small_shop) == []
    assert evidence_of(events, "sale_lines", "products_are_known")["lines"] == 0


def test_what_changed_in_the_night_is_read_on_and_never_rewritten(
    week: SimulatedShop,
) -> None:
    before = files_of(week)
    change(week, goods(week, 0), name="Oak tray, large")
    change(week, goods(week, 1), deleted_at=week.store.state.now)
    change(week, goods(week, 2), is_active=False, brand=None, category="Attic")
    week.simulator.clear_stats()

    events = update(week, TUESDAY)

    assert differences(week) == []
    assert asked(week) == 3
    assert evidence_of(events, "products", "rows_are_sound")["read"] == 3
    after = files_of(week)
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 1


def test_a_night_without_changes_appends_nothing_rule_7_4(week: SimulatedShop) -> None:
    before = files_of(week)

    update(week, TUESDAY)
    update(week, NEXT_MONDAY)
    update(week, NEXT_MONDAY, full_resync=True)

    assert files_of(week) == before


def test_the_log_up_to_a_catch_up_is_what_was_known_then_rule_15_1(
    week: SimulatedShop,
) -> None:
    known = [current_products(week.local)]
    first = len(catch_ups_of(week)) - 1
    for n, day in enumerate((TUESDAY, WEDNESDAY, NEXT_MONDAY)):
        change(week, goods(week, n), name=f"Renamed {n}")
        change(week, goods(week, 9), supplier=f"Supplier {n}")
        update(week, day)
        known.append(current_products(week.local))

    kept = catch_ups_of(week)[first:]

    assert len({frame.to_csv() for frame in known}) == len(known) == len(kept)
    log = open_known_products(week.local).log
    for catch_up, then in zip(kept, known, strict=True):
        assert catch_up.segments is not None
        versions = read_versions(week.local, log, catch_up.segments)
        pd.testing.assert_frame_equal(latest_products(versions)[KEPT], then[KEPT])


def test_a_rename_without_a_version_is_found_by_the_first_run_of_a_week(
    week: SimulatedShop,
) -> None:
    product = goods(week)

    def rename(path: str, record: dict[str, Any]) -> bool:
        if path == "products" and record["id"] == product.id:
            record["brand"] = {"name": "Renamed & Co"}
        return True

    update(week, TUESDAY, lightspeed=doctored(week, rename))
    assert stored_products(week.data)[product.id]["brand"] != "Renamed & Co"

    update(week, NEXT_MONDAY, lightspeed=doctored(week, rename))
    assert stored_products(week.data)[product.id]["brand"] == "Renamed & Co"


# Bad records. -------------------------------------------------------------------------


@contextmanager
def broken(shop: SimulatedShop, *products: ListedProduct) -> Iterator[Any]:
    """Yield the way to a store in which these products have no sound deletion."""
    ids = {each.id for each in products}

    def spoil(path: str, record: dict[str, Any]) -> bool:
        if path == "products" and record["id"] in ids:
            record["deleted_at"] = "who knows"
        return True

    yield doctored(shop, spoil)


def test_a_bad_product_stays_as_it_was_until_it_is_good(week: SimulatedShop) -> None:
    product = goods(week)
    before = stored_products(week.data)[product.id]
    change(week, product, name="Broken on its way")
    with broken(week, product) as way:
        events = update(week, TUESDAY, lightspeed=way)
        again = update(week, WEDNESDAY, lightspeed=way)

    for each in (events, again):
        found = evidence_of(each, "products", "rows_are_sound")
        assert (found["in_quarantine"], found["records"]) == (1, product.id)
    assert evidence_of(again, "products", "rows_are_sound")["rejected"] == 0
    assert stored_products(week.data)[product.id] == before
    listed = (week.data / "quarantine/products/records.csv").read_text()
    assert product.id in listed
    assert "who knows" not in listed

    figures: dict[str, Any] = {}
    events = update(week, WEDNESDAY, replay=True, figures=figures)

    assert evidence_of(events, "products", "rows_are_sound")["in_quarantine"] == 0
    assert (figures["products"]["replayed"], figures["products"]["fixed"]) == (1, 1)
    assert differences(week) == []


def test_a_product_that_is_good_as_it_was_before_leaves_the_quarantine(
    week: SimulatedShop,
) -> None:
    with broken(week, goods(week)) as way:
        update(week, NEXT_MONDAY, lightspeed=way)
    assert week.local.quarantine.count("products") == 1

    update(week, NEXT_MONDAY, full_resync=True)

    assert week.local.quarantine.count("products") == 0
    update(week, NEXT_MONDAY + timedelta(days=1))
    assert week.local.quarantine.count("products") == 0


def test_many_bad_products_stop_the_table_and_nothing_is_appended(
    week: SimulatedShop,
) -> None:
    before, kept = files_of(week), len(catch_ups_of(week))
    some = [goods(week, n) for n in range(11)]
    for each in some:
        change(week, each, name="Broken on its way")
    with broken(week, *some) as way, pytest.raises(dg.Failure) as failed:
        update(week, TUESDAY, lightspeed=way)

    assert exit_code_of(failed.value) == 1
    assert "rows_are_sound" in str(failed.value.description)
    assert (files_of(week), len(catch_ups_of(week))) == (before, kept)

    update(week, TUESDAY)
    assert differences(week) == []


# Runs that die, files that are damaged, stores that go back. --------------------------


def test_a_run_that_dies_before_it_is_noted_doubles_nothing(
    week: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(week, goods(week), name="Changed before the power failed")
    kept = len(catch_ups_of(week))
    with monkeypatch.context() as patch:
        for name in ("mark_checked", "bundle"):
            place = f"analytics_pipeline.storage.feed_log.FeedLog.{name}"
            patch.setattr(place, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            update(week, TUESDAY)
    appended = files_of(week)
    assert len(catch_ups_of(week)) == kept

    update(week, TUESDAY)

    assert files_of(week) == appended
    assert differences(week) == []
    log = open_known_products(week.local).log
    assert catch_ups_of(week)[-1].segments == log.next_number() == len(appended)


def test_a_damaged_segment_is_named_with_the_only_remedy(week: SimulatedShop) -> None:
    path, content = next(iter(files_of(week).items()))
    path.write_bytes(content[:-9] + bytes([content[-9] ^ 4]) + content[-8:])

    with pytest.raises(dg.Failure) as failed:
        update(week, TUESDAY)

    assert exit_code_of(failed.value) == 5
    cause, remedy = (failed.value.metadata[key].value for key in ("cause", "remedy"))
    assert path.name in str(cause)
    assert "products back from a backup" in str(remedy)
    assert "rebuild" not in str(remedy)


def test_a_store_that_went_back_is_refused_until_all_is_read_again(
    week: SimulatedShop,
) -> None:
    state = week.store.state
    newest = max(state.products.values(), key=lambda each: each.version)
    back = max(state.products.values(), key=lambda each: each.name)
    copy = {key: each for key, each in state.products.items() if each is not newest}
    state.products.clear()
    state.products.update(copy)
    if back is not newest:
        back.version -= 1

    with pytest.raises(dg.Failure) as failed:
        update(week, TUESDAY)

    assert exit_code_of(failed.value) == 3
    assert "update --full" in str(failed.value.metadata["remedy"].value)

    events = update(week, TUESDAY, full_resync=True)

    found = evidence_of(events, "products", "known_products_are_there")
    assert (found["lacking"], found["older"]) == (1, int(back is not newest))
    lost = stored_products(week.data).keys() - state.products.keys()
    assert lost == {newest.id}
    week.simulator.clear_stats()
    update(week, WEDNESDAY)
    assert asked(week) == 1


def test_a_line_of_a_product_that_is_not_listed_warns(week: SimulatedShop) -> None:
    kept = current_products(week.local)
    shutil.rmtree(week.data / "warehouse/products")
    first = kept["product_id"].iloc[0]

    def show_one(path: str, record: dict[str, Any]) -> bool:
        return path != "products" or record["id"] == first

    tables = (*SOURCES, "raw_sales", "sale_lines")
    events = update(
        week, FIRST_DAY, tables=tables, lightspeed=doctored(week, show_one), days=0
    )

    found = evidence_of(events, "sale_lines", "products_are_known")
    assert found["unknown"] > 0
    assert stored_products(week.data).keys() == {first}
