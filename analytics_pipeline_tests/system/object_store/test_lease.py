"""The lease on a bucket: one run at a time, whichever machine it is on."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from analytics_pipeline.holding import Holding
from analytics_pipeline.model.errors import (
    DirectoryInUse,
    LeaseLost,
    LocalFailure,
    StoreUnavailable,
    WrongUse,
)
from analytics_pipeline.model.policy import RunLimits
from analytics_pipeline.model.schemas.sources import Outlets
from analytics_pipeline.orchestration.run_records import GRACE
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import (
    find_holder,
    hold_directory,
    hold_for_run,
    hold_shop,
    open_shop,
    read_claim,
)
from analytics_pipeline.storage import lease as leases
from analytics_pipeline.storage.lease import (
    NAME,
    UNHELD,
    Claim,
    Lease,
    identify_lock,
    read_lease,
)
from analytics_pipeline.storage.object_store import ObjectStore, open_root
from analytics_pipeline.storage.state import new_holder
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.system.object_store.bucket_shop import Bucket
from analytics_pipeline_tests.system.object_store.proxy import Fault
from analytics_pipeline_tests.tables import make_table
from analytics_pipeline_tests.unit.orchestration.test_dead_runs import (
    Ticks,
    start,
    status,
)


@pytest.fixture
def bucket_root(credentials: Bucket) -> Any:
    """The empty bucket, as a store."""
    credentials.restore({})
    return open_root(credentials.url)


@pytest.fixture
def nodes(bucket_root: Any, credentials: Bucket, tmp_path: Path) -> list[Settings]:
    """Two machines with a data directory each, and one bucket."""
    return [
        load_settings(data_dir=tmp_path / name, store=credentials.url)
        for name in ("one", "two")
    ]


class Clock:
    """Seconds that a test lets pass."""

    seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def make_lease(root: Any, lock: str, clock: Any = None) -> Lease:
    return Lease(root, lock, new_holder(f"run of {lock}"), clock or Clock())


def write_outlet(url: str, name: str) -> None:
    rows = make_table(Outlets, [{"outlet_id": name}])
    Warehouse(url).write("outlets", Outlets, rows)


# One at a time -----------------------------------------------------------------------


def test_a_second_machine_is_refused_while_a_run_holds_the_bucket(
    nodes: list[Settings], credentials: Bucket
) -> None:
    with (
        hold_for_run(nodes[0], "analytics-pipeline update"),
        pytest.raises(DirectoryInUse) as refused,
        hold_for_run(nodes[1], "analytics-pipeline rebuild"),
    ):
        pass

    assert refused.value.exit_code == 4
    assert credentials.url in refused.value.cause
    assert "analytics-pipeline update (process " in refused.value.cause
    assert f"since {clock.now():%Y-%m-%d} " in refused.value.cause
    assert "To stop it: kill -INT " in refused.value.remedy
    with hold_for_run(nodes[1], "analytics-pipeline rebuild"):
        pass


def test_status_on_another_machine_knows_who_holds_the_bucket(
    nodes: list[Settings],
) -> None:
    assert find_holder(nodes[1]) is None
    with hold_for_run(nodes[0], "analytics-pipeline update"):
        found = find_holder(nodes[1])
        assert found is not None
        assert found.by == "analytics-pipeline update"
        assert read_claim(nodes[1]) is not None
    assert read_claim(nodes[1]) is None


def test_a_run_that_waits_has_the_bucket_when_the_other_is_done(
    nodes: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LOOK_EVERY", 0.05)
    done = threading.Event()

    def wait_for_it() -> bool:
        with hold_shop(nodes[1], "second", wait=True):
            return done.is_set()

    with ThreadPoolExecutor(1) as other:
        with hold_shop(nodes[0], "first", wait=False):
            second = other.submit(wait_for_it)
            time.sleep(0.3)
            assert not second.done()
            done.set()
        assert second.result(30)


def test_a_run_waits_no_longer_than_it_was_to(
    nodes: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LOOK_EVERY", 0.05)
    with (
        hold_shop(nodes[0], "first", wait=False),
        pytest.raises(DirectoryInUse, match="first"),
        hold_shop(nodes[1], "second", wait=True, seconds=0.2),
    ):
        pass


def test_a_run_may_hold_its_own_bucket_again(
    nodes: list[Settings], credentials: Bucket
) -> None:
    with hold_shop(nodes[0], "update", wait=False) as outer:
        with hold_shop(nodes[0], "job", wait=False) as inner:
            assert inner is outer
        assert b'"update"' in credentials.objects()[NAME]
        assert read_claim(nodes[1]) is not None


def test_of_two_that_make_the_lease_at_once_one_has_it(
    bucket_root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, other = ObjectStore.put_if, make_lease(bucket_root, "other")

    def be_late(self: ObjectStore, *given: Any) -> Any:
        monkeypatch.setattr(ObjectStore, "put_if", put)
        assert other.take() is None
        return put(self, *given)

    monkeypatch.setattr(ObjectStore, "put_if", be_late)

    held_by = make_lease(bucket_root, "ours").take()

    assert held_by is not None
    assert held_by.run == other.run


def test_of_two_that_take_over_a_dead_lease_at_once_one_has_it(
    bucket_root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_lease(bucket_root, "dead").take() is None
    monkeypatch.setattr(leases, "EXPIRES_AFTER", -1)
    put, other = ObjectStore.put_if, make_lease(bucket_root, "other")

    def be_late(self: ObjectStore, *given: Any) -> Any:
        monkeypatch.setattr(ObjectStore, "put_if", put)
        assert other.take() is None
        return put(self, *given)

    monkeypatch.setattr(ObjectStore, "put_if", be_late)

    held_by = make_lease(bucket_root, "ours").take()

    assert held_by is not None
    assert held_by.run == other.run


# A dead run --------------------------------------------------------------------------


@pytest.mark.nightly
def test_the_lease_of_a_dead_run_is_taken_over_when_it_expires_by_the_stores_clock(
    bucket_root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_lease(bucket_root, "dead").take() is None
    assert make_lease(bucket_root, "next").take() is not None
    monkeypatch.setattr(leases, "EXPIRES_AFTER", 1.0)
    assert read_lease(bucket_root, "next") is not None

    time.sleep(2.2)

    assert read_lease(bucket_root, "next") is None
    assert make_lease(bucket_root, "next").take() is None


def test_the_lease_of_a_run_killed_on_this_machine_is_taken_over_at_once(
    nodes: list[Settings], bucket_root: Any
) -> None:
    """Who has the lock of the data directory knows that the killed one is gone."""
    with hold_directory(nodes[0].data_dir, wait=False):
        lock = identify_lock(nodes[0].data_dir / ".lock")
    assert make_lease(bucket_root, lock).take() is None

    assert read_claim(nodes[0]) is None
    assert read_claim(nodes[1]) is not None
    with hold_for_run(nodes[0], "update"):
        assert read_claim(nodes[1]) is not None


def test_the_locks_of_two_data_directories_are_not_the_same(
    nodes: list[Settings],
) -> None:
    found = set()
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(hold_directory(node.data_dir, wait=False))
            found.add(identify_lock(node.data_dir / ".lock"))

    assert len(found) == 2


def test_a_run_on_another_machine_is_dead_when_its_lease_has_expired(
    nodes: list[Settings], bucket_root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = start(instance)
        ours = open_shop(nodes[0], lambda: clock.now() + 2 * GRACE)
        tick = Ticks(ours, instance)
        assert make_lease(bucket_root, "elsewhere").take() is None
        for _ in range(3):
            tick()
        assert status(instance, run) is dg.DagsterRunStatus.STARTED

        monkeypatch.setattr(leases, "EXPIRES_AFTER", -1)
        tick()
        tick()

        assert status(instance, run) is dg.DagsterRunStatus.FAILURE


@pytest.mark.nightly
def test_a_run_renews_its_lease_as_long_as_it_goes_on(
    nodes: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_EVERY", 0.5)
    monkeypatch.setattr(leases, "EXPIRES_AFTER", 2.0)
    with hold_for_run(nodes[0], "update") as holding:
        holding.advance("sales 7")
        holding.look()
        time.sleep(3.2)
        claim = read_patiently(nodes[1])

    assert claim is not None
    assert claim.renewals > 1
    assert claim.holder is not None
    assert claim.holder.doing == "sales 7"


def read_patiently(settings: Settings) -> Claim | None:
    """Read the claim; the simulated bucket may fail where a read meets a write."""
    for _ in range(5):
        try:
            return read_claim(settings)
        except StoreUnavailable:
            time.sleep(0.05)
    return read_claim(settings)


# A run that lost its lease -----------------------------------------------------------


def test_a_run_whose_lease_was_taken_over_writes_nothing_more(
    nodes: list[Settings], credentials: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "RENEW_EVERY", 0.2)
    with hold_shop(nodes[0], "first", wait=False) as lease:
        assert lease is not None
        write_outlet(credentials.url, "before")
        before = credentials.objects()
        credentials.restore(before | {NAME: leases._encode(UNHELD)})
        until = time.monotonic() + 20
        while not lease.why_lost() and time.monotonic() < until:
            time.sleep(0.02)

        with pytest.raises(LeaseLost, match="took over the lease") as lost:
            write_outlet(credentials.url, "after")
        with pytest.raises(LeaseLost):
            (Warehouse(credentials.url).root / "outlets/outlets.parquet").unlink()

    assert lost.value.exit_code == 3
    after = credentials.objects()
    assert after.pop(NAME) == leases._encode(UNHELD), "it is not ours to give back"
    assert after == {name: before[name] for name in before if name != NAME}
    write_outlet(credentials.url, "of no run that lost it")


def test_a_run_that_cannot_renew_in_time_writes_nothing_more(bucket_root: Any) -> None:
    clock = Clock()
    lease = make_lease(bucket_root, "ours", clock)
    assert lease.take() is None
    clock.seconds += leases.SAFE_FOR
    lease.refuse_lost()

    clock.seconds += 1

    with pytest.raises(LeaseLost, match="could not renew its lease for 3 minutes"):
        lease.refuse_lost()
    assert leases.SAFE_FOR < leases.EXPIRES_AFTER


def test_a_bucket_that_fails_for_a_moment_costs_no_lease(
    bucket_root: Any, credentials: Bucket
) -> None:
    lease = make_lease(bucket_root, "ours")
    assert lease.take() is None
    credentials.proxy.begin(Fault("503"))
    with pytest.raises(StoreUnavailable):
        lease.renew()
    credentials.proxy.begin()

    lease.renew()

    assert lease.why_lost() is None
    assert make_lease(bucket_root, "other").take() is not None


def test_a_renewal_whose_answer_was_lost_costs_no_lease(
    bucket_root: Any, credentials: Bucket
) -> None:
    lease = make_lease(bucket_root, "ours")
    assert lease.take() is None
    kept = lease._etag
    lease.renew()
    lease._etag = kept  # as if the answer had never come

    lease.renew()
    assert lease.why_lost() is None
    lease.renew()
    lease.give_back()

    assert make_lease(bucket_root, "other").take() is None


def test_a_lease_that_somebody_removed_is_lost(
    bucket_root: Any, credentials: Bucket
) -> None:
    lease = make_lease(bucket_root, "ours")
    assert lease.take() is None
    credentials.restore({})

    lease.renew()

    assert lease.why_lost() is not None
    assert credentials.objects() == {}


def test_a_run_that_lost_its_lease_is_ended(bucket_root: Any) -> None:
    clock = Clock()
    lease = make_lease(bucket_root, "ours", clock)
    assert lease.take() is None
    run = Holding(lease.holder, RunLimits(), None, lease=lease)
    run.look()
    assert run.overdue is None
    clock.seconds += 1_000

    run.look()

    assert isinstance(run.overdue, LeaseLost)


# What a store must keep to -----------------------------------------------------------


def test_a_store_that_ignores_conditions_is_refused(
    nodes: list[Settings], credentials: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from s3fs import S3FileSystem

    call = S3FileSystem.call_s3

    def ignore(self: Any, *given: Any, **named: Any) -> Any:
        kept = {name: named[name] for name in named if "Match" not in name}
        return call(self, *given, **kept)

    monkeypatch.setattr(S3FileSystem, "call_s3", ignore)

    with (
        pytest.raises(WrongUse, match="does not keep to conditional writes"),
        hold_for_run(nodes[0], "update"),
    ):
        pass
    assert credentials.objects() == {}


def test_a_damaged_lease_names_the_object_and_what_to_do(
    nodes: list[Settings], credentials: Bucket
) -> None:
    credentials.restore({NAME: b"{}"})

    with (
        pytest.raises(LocalFailure, match=r"lease\.json is damaged") as refused,
        hold_for_run(nodes[0], "update"),
    ):
        pass
    assert "If no run is under way on any machine, remove it" in refused.value.remedy
    assert credentials.objects() == {NAME: b"{}"}


def test_a_store_on_disk_needs_no_lease(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, store=str(tmp_path / "elsewhere"))
    with hold_shop(settings, "update", wait=False) as lease:
        assert lease is None
    assert not (tmp_path / "elsewhere").exists()
