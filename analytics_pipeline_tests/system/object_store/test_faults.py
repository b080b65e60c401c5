"""Requests to a bucket that fail: a clear message, and the next run completes."""

import dagster as dg
import pytest

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

    with pytest.raises(dg.Failure) as failed:
        brink.held.update(DAY)

    cause = str(failed.value.metadata["cause"].value)
    assert exit_code_of(failed.value) == 3
    assert cause.startswith(SAID[fault.kind])
    assert "testing" not in str(failed.value)
    assert "then run it again." in str(failed.value.metadata["remedy"].value)
    brink.held.bucket.proxy.begin()
    brink.check_what_is_left()


@pytest.mark.nightly
@pytest.mark.parametrize(("kind", "number"), [("503", 12)])
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

    fail(brink, Fault("silent", 0))


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_a_bucket_that_fails_at_any_write_is_reported_and_the_next_run_completes(
    brink: Brink, kind: Kind
) -> None:
    for number in range(brink.writes):
        fail(brink, Fault(kind, number))
        brink.check_the_next_run(DAY)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["500", "403"])
def test_a_bucket_that_fails_at_a_read_is_reported_and_the_next_run_completes(
    brink: Brink, method: str, kind: Kind
) -> None:
    reads = sum(head.startswith(f"{method} ") for head in brink.heads)
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
