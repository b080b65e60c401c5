"""Requests to a bucket that fail: a clear message, and the next run completes."""

import dagster as dg
import pytest

from analytics_pipeline.model.errors import StoreFailure
from analytics_pipeline.storage import object_store as objects
from analytics_pipeline_tests.light_run import exit_code_of
from analytics_pipeline_tests.system.crashes.crashing_shop import DAY
from analytics_pipeline_tests.system.object_store.bucket_shop import Brink
from analytics_pipeline_tests.system.object_store.proxy import Fault, Kind

KINDS: tuple[Kind, ...] = ("500", "503", "403", "cut")
SAID = {
    "500": "s3://of-the-shop did not answer as it should (InternalError).",
    "503": "s3://of-the-shop did not answer as it should (SlowDown).",
    "403": "s3://of-the-shop refused (AccessDenied).",
    "cut": "s3://of-the-shop did not answer as it should (",
    "silent": "s3://of-the-shop did not answer as it should (FSTimeoutError).",
}


def fail(brink: Brink, fault: Fault) -> None:
    """Run the update during *fault*; see that it ends with a clear message."""
    brink.return_to_it()
    brink.held.bucket.proxy.begin(fault)

    with pytest.raises((dg.Failure, StoreFailure)) as failed:
        brink.held.update(DAY)

    code, cause, remedy = facts_of(failed.value)
    assert code == 3
    # The answer to a HEAD has no body that would name the reason.
    said = SAID[fault.kind]
    assert cause.startswith(said.split("(")[0] if fault.method == "HEAD" else said)
    assert "testing" not in str(failed.value)
    assert "then run it again." in remedy
    brink.held.bucket.proxy.begin()
    brink.check_what_is_left()


def facts_of(failure: dg.Failure | StoreFailure) -> tuple[int, str, str]:
    """Exit code, cause and remedy; before its first step no failure is Dagster's."""
    if isinstance(failure, StoreFailure):
        return failure.exit_code, failure.cause, failure.remedy
    cause, remedy = (str(failure.metadata[each].value) for each in ("cause", "remedy"))
    return exit_code_of(failure), cause, remedy


@pytest.mark.nightly
@pytest.mark.parametrize(("kind", "number"), [("503", 0), ("503", 12)])
def test_a_bucket_that_takes_nothing_more_is_reported_and_the_next_run_completes(
    brink: Brink, kind: Kind, number: int
) -> None:
    fail(brink, Fault(kind, number))

    brink.check_the_next_run(DAY)


@pytest.mark.nightly
def test_a_bucket_that_says_nothing_is_not_waited_for_forever(
    brink: Brink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "PATIENCE", 2)
    monkeypatch.setattr(objects, "SHORT_PATIENCE", 2)

    for number in (0, 1):  # the lease, and what is stored
        fail(brink, Fault("silent", number))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bucket_that_fails_at_any_write_is_reported_and_the_next_run_completes(
    brink: Brink, kind: Kind
) -> None:
    # The last one gives the lease back; that this failed is no failure of the run.
    for number in range(brink.writes - 1):
        fail(brink, Fault(kind, number))
        brink.check_the_next_run(DAY)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["500", "403"])
def test_a_bucket_that_fails_at_a_read_is_reported_and_the_next_run_completes(
    brink: Brink, method: str, kind: Kind
) -> None:
    # What this process holds in memory by now is not read again: a run that had one
    # read in twenty fewer than the first is complete, and has not met the fault.
    reads = sum(head.startswith(f"{method} ") for head in brink.heads) * 19 // 20
    assert reads > 12
    for number in range(1, reads, 12):
        fail(brink, Fault(kind, number, method))
        brink.check_the_next_run(DAY)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["500", "503", "cut", "slow"])
def test_a_failed_or_slow_write_is_retried_silently(
    brink: Brink, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "4")
    for number in range(brink.writes):
        brink.return_to_it()
        brink.held.bucket.proxy.begin(Fault(kind, number, once=True))

        brink.held.update(DAY)

        assert brink.held.reproducible(DAY) == brink.right
        assert brink.held.published() == brink.new
