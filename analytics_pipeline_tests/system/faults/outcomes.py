"""What has to hold after a run that met faults, whether it succeeded or failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg

from analytics_pipeline.simulator.faults import FaultKind
from analytics_pipeline.sources.values import FAR_VERSION
from analytics_pipeline_tests.light_run import exit_code_of
from analytics_pipeline_tests.system.faults.two_days import (
    TABLES,
    TOKEN,
    Asked,
    Ends,
    Run,
    Version,
    fingerprints,
    published_in,
    sources_in,
    versions_in,
)

PASSES, FAILS = "passes", "fails"


def fate_of(kind: FaultKind, asked: Asked) -> str:
    """Say what a careful client makes of this fault at this request.

    A revoked token fails wherever it comes.  A standing version stops a walk of a
    feed; search and single records have no version, so there it has no effect.  At the
    start of a feed nothing was served that could be served again: the simulated store
    then sends an empty list, which is always asked for again.
    """
    if kind is FaultKind.STUCK_VERSION and asked.is_feed:
        return PASSES if asked.after == 0 else FAILS
    return FAILS if kind is FaultKind.TOKEN_REVOKED else PASSES


@dataclass(frozen=True)
class Kept:
    """What a data directory held before a run."""

    published: Mapping[str, str]
    stored: Mapping[str, str]
    versions: frozenset[Version]


def kept_in(data: Path) -> Kept:
    return Kept(published_in(data), fingerprints(data), versions_in(data))


@cache
def kept_at_the_start(start: Path) -> Kept:
    """Return what is in a directory that every case copies and none changes."""
    return kept_in(start)


def assert_explained(
    failure: dg.Failure, run: Run, kind: FaultKind | None = None
) -> None:
    """The failure has exit code 3, a cause and a remedy, and states no secret."""
    values = {name: str(entry.value) for name, entry in failure.metadata.items()}
    assert exit_code_of(failure) == 3, values
    revoked = "401" in values["cause"]
    if kind is not None:
        assert revoked == (kind is FaultKind.TOKEN_REVOKED), values
    assert values["cause"].startswith("Lightspeed"), values
    what_to_do = "set LIGHTSPEED_TOKEN" if revoked else "Try again later"
    assert what_to_do in values["remedy"], values
    everything = " ".join([str(failure), *values.values()]).lower()
    assert [word for word in private_words(run) if word.lower() in everything] == []


def private_words(run: Run) -> list[str]:
    """The token, and what says who a customer is; `n/a` in place of a contact not."""
    people = run.shop.store.state.customers.values()
    contacts = {word for person in people for word in (person.email, person.phone)}
    return [TOKEN, *(word for word in contacts if word and len(word) > 5)]


def assert_nothing_wrong_is_kept(data: Path, before: Kept, ends: Ends) -> None:
    """What was published is; every table is the old or the new one, whole."""
    after = kept_in(data)
    assert after.published == before.published
    assert after.stored.keys() >= before.stored.keys()
    for name, digest in after.stored.items():
        assert digest in {before.stored.get(name), ends.stored.get(name)}, name
    assert before.versions <= after.versions <= ends.versions


def as_if_read_again(found: list[Any], expected: list[Any]) -> list[Any]:
    """The quarantine with the reason that a record has that is bad without the fault.

    Of a record that came with a far version no more is known until it is read again.
    """
    reasons = {entry[0]: entry for entry in expected}
    return [
        reasons.get(entry[0], entry) if entry[2] == FAR_VERSION else entry
        for entry in found
    ]


def assert_ended(run: Run, data: Path, ends: Ends) -> None:
    """The data directory is where a run without faults leaves it."""
    found = sources_in(data)
    assert found.sales == ends.sources.sales
    expected = ends.sources.quarantine
    assert as_if_read_again(found.quarantine, expected) == expected
    assert found.files == ends.sources.files
    assert found.products == ends.sources.products
    assert versions_in(data) <= ends.versions
    if run.tables == TABLES:
        assert run.end_in(data).reproducible == ends.reproducible
