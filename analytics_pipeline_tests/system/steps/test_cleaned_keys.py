"""Keys that an older program made are made again by the next update (rule 3.2)."""

from pathlib import Path

import phonenumbers
import pytest

from analytics_pipeline.domain import contacts
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.people import Contact
from analytics_pipeline_tests.light_run import UP_TO_PUBLISHING
from analytics_pipeline_tests.system.histories.in_process import (
    Pipeline,
    differing,
    open_pipeline,
)
from analytics_pipeline_tests.system.histories.store_by_hand import (
    BEFORE_CLOCKS_CHANGE,
    StoreByHand,
)


def old_phone(text: str | None, region: str | None) -> str | None:
    """Read a number as the program did before it knew extensions."""
    try:
        number = phonenumbers.parse(text or "", region)
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    e164 = phonenumbers.PhoneNumberFormat.E164
    return phonenumbers.format_number(number, e164) if valid else None


def old_email(text: str | None) -> str | None:
    """Read an address as the program did before it took anything off."""
    plain = (text or "").strip().lower()
    return None if any(sign in plain for sign in "<>;, ") else plain or None


@pytest.fixture
def older(tmp_path: Path) -> Pipeline:
    """A data directory whose keys an older program made."""
    store = StoreByHand(BEFORE_CLOCKS_CHANGE[0])
    for name, phone in (("Ann", "212-555-0171 x5"), ("Bob", "212-555-0171 x7")):
        store.enrol(Contact(name, phone=phone))
    store.enrol(Contact("Cleo", email="cleo@example.com"))
    gone = store.enrol(Contact("Cleo", email="Cleo <cleo@example.com>;"))
    store.delete_or_restore(gone)
    pipeline = open_pipeline(store, tmp_path / "data", api_version="2026-07")
    pipeline.export()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contacts, "CLEANING", contacts.CLEANING - 1)
        patch.setattr(contacts, "normalise_phone", old_phone)
        patch.setattr(contacts, "normalise_email", old_email)
        pipeline.run(pipeline.yesterday, tables=UP_TO_PUBLISHING)
    return pipeline


def stored(pipeline: Pipeline) -> list[tuple[object, ...]]:
    frame = open_shop(pipeline.settings).warehouse.read("customers", Customers)
    keys = ["is_deleted", "email_key", "phone_key", "mobile_key"]
    rows = frame[["customer_id", *keys]].astype("object")
    return list(rows.where(rows.notna(), None).itertuples(index=False, name=None))


@pytest.mark.nightly
def test_stored_keys_are_made_again_tombstones_too_rules_3_1_and_7_3(
    older: Pipeline, tmp_path: Path
) -> None:
    day, before = older.yesterday, stored(older)

    older.run(day, tables=UP_TO_PUBLISHING)

    fresh = older.fresh_copy(tmp_path / "fresh")
    fresh.run(day, tables=UP_TO_PUBLISHING)
    after = stored(older)
    assert after == stored(fresh) != before
    *_, (cleo, _, kept, *_), (gone, is_deleted, made_again, *_) = (
        row for record in older.store.people for row in after if row[0] == record.id
    )
    assert (cleo != gone, is_deleted, kept == made_again) == (True, True, True)
    before_of = {row[0]: row[2] for row in before}
    assert before_of[gone] is None
    assert differing(older.reproducible(day), fresh.reproducible(day)) == []
    older.compare_with_ledger(day, published=False)


@pytest.mark.nightly
def test_keys_of_this_program_are_not_made_again_rule_7_4(older: Pipeline) -> None:
    older.run(older.yesterday, tables=UP_TO_PUBLISHING)
    before = older.everything()

    older.run(older.yesterday, tables=UP_TO_PUBLISHING)

    assert differing(older.everything(), before) == []
