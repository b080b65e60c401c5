"""``customer_log``: what was known of customers is appended to, and never changed."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.assets.customer_log import open_customer_log, read_versions
from analytics_pipeline.domain.known_records import KNOWN, as_versions, held_of
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.storage.catch_ups import CatchUp
from analytics_pipeline_tests.light_run import PatientLightspeed, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.crashes.crash_server import noon_after

NEXT_DAY = FIRST_DAY + timedelta(days=1)
ONLY_CUSTOMERS = ("outlets", "customers", "customer_log")


def update(shop: SimulatedShop, day: date, **options: Any) -> None:
    run_light(
        shop.settings,
        day,
        lightspeed=PatientLightspeed(shop.settings),
        clock=lambda: noon_after(day),
        **{"tables": ONLY_CUSTOMERS, **options},
    )


def change_somebody(shop: SimulatedShop) -> None:
    """Let the person change a choice and an e-mail whose record is the oldest."""
    records = shop.store.state.customers.values()
    record = min(records, key=lambda each: each.version)
    record.do_not_email = not record.do_not_email
    record.email = f"other.{record.version}@example.com"
    record.version = max(each.version for each in records) + 7


def customers_of(shop: SimulatedShop) -> pd.DataFrame:
    """Return what is held of the customers now, as the log would have it."""
    rows = shop.local.warehouse.read("customers", Customers)
    return as_versions(rows, 0)[KNOWN]


def known_at(shop: SimulatedShop, catch_up: CatchUp) -> pd.DataFrame:
    local = shop.local
    return held_of(read_versions(local, open_customer_log(local), catch_up.segments))


def catch_ups_of(shop: SimulatedShop) -> list[CatchUp]:
    return list(shop.local.warehouse.catch_ups.all("customer_log"))


def files_of(shop: SimulatedShop) -> dict[Path, bytes]:
    folder = shop.data / "warehouse/customer_log"
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_log_up_to_a_catch_up_is_what_was_known_then_rule_15_1(
    small_shop: SimulatedShop,
) -> None:
    known = [customers_of(small_shop)]
    before = files_of(small_shop)
    for n in range(1, 4):
        change_somebody(small_shop)
        update(small_shop, FIRST_DAY + timedelta(days=n))
        known.append(customers_of(small_shop))

    kept = catch_ups_of(small_shop)

    assert len({frame.to_csv() for frame in known}) == len(known)
    for catch_up, then in zip(kept, known, strict=True):
        assert known_at(small_shop, catch_up).equals(then)
    judged = "judged_segments"
    after = files_of(small_shop)
    assert all(
        after[path] == content
        for path, content in before.items()
        if path.name != judged
    )
    customers = list(small_shop.local.warehouse.catch_ups.all("customers"))
    assert [(each.began_at, each.cursor) for each in kept] == [
        (each.began_at, each.cursor) for each in customers
    ]


def test_a_second_run_without_changes_appends_nothing_rule_7_4(
    small_shop: SimulatedShop,
) -> None:
    before = open_customer_log(small_shop.local).segments()

    update(small_shop, FIRST_DAY)

    assert open_customer_log(small_shop.local).segments() == before
    assert len(before) == 1


def test_a_full_read_never_rewrites_what_was_known(small_shop: SimulatedShop) -> None:
    before = files_of(small_shop)
    change_somebody(small_shop)

    update(small_shop, NEXT_DAY, full_resync=True)

    log = open_customer_log(small_shop.local)
    assert (log.generation, len(log.segments())) == (1, 2)
    assert {path for path in before if path.exists()} == before.keys()
    latest = known_at(small_shop, catch_ups_of(small_shop)[-1])
    assert latest.equals(customers_of(small_shop))


def test_the_log_holds_no_name_no_contact_and_nothing_of_a_deleted_one(
    small_shop: SimulatedShop,
) -> None:
    versions = read_versions(small_shop.local, open_customer_log(small_shop.local))
    cells = "\n".join(versions.astype("str").to_csv().split(","))

    for record in small_shop.store.state.customers.values():
        typed = (record.email, record.phone, record.mobile, record.customer_code)
        assert not [each for each in typed if each and len(each) > 5 and each in cells]
    deleted = versions[versions["is_deleted"]]
    assert deleted["customer_group_id"].isna().all()
    assert deleted["do_not_email"].isna().all()


def test_a_lost_version_stops_the_table_and_is_appended_by_the_next_run(
    small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_somebody(small_shop)
    before = files_of(small_shop)
    with monkeypatch.context() as patch:
        patch.setattr(
            "analytics_pipeline.assets.customer_log.find_news",
            lambda versions, *_: versions.iloc[:0],
        )
        with pytest.raises(dg.Failure, match="log_is_what_was_read"):
            update(small_shop, NEXT_DAY)
        kept = {path: files_of(small_shop)[path] for path in before}
        assert kept == before

    update(small_shop, NEXT_DAY)

    known = known_at(small_shop, catch_ups_of(small_shop)[-1])
    assert known.equals(customers_of(small_shop))


def test_a_damaged_segment_is_named_with_the_only_remedy(
    small_shop: SimulatedShop,
) -> None:
    (segment,) = open_customer_log(small_shop.local).segments()
    content = bytearray(Path(str(segment.path)).read_bytes())
    content[len(content) // 2] ^= 4
    Path(str(segment.path)).write_bytes(bytes(content))

    with pytest.raises(dg.Failure) as failed:
        update(small_shop, FIRST_DAY)

    assert failed.value.metadata["exit_code"].value == 5
    cause, remedy = (failed.value.metadata[key].value for key in ("cause", "remedy"))
    assert segment.name in str(cause)
    assert "customer_log back from a backup" in str(remedy)
    assert "rebuild" not in str(remedy)
