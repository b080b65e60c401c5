"""What is remembered of gates: failed last attempts, and failures that were accepted.

Small files beside the tables, so that what is built on a table can wait until it is
sound, whoever asks for it and when.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from pydantic import TypeAdapter
from upath import UPath

from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.storage.small_notes import read_note, write_note


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that stopped the last attempt at a table, or at one day of it.

    Attributes:
        check: its name.
        rule: what was found, in one sentence.
        since: when the first of the unbroken row of attempts failed it, ISO 8601 UTC.
        fingerprint: of what a person may accept; nothing where nobody may.
    """

    check: str
    rule: str
    since: str
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A person's word that one failure of one check is to stop nothing, and why."""

    table: str
    check: str
    partition: str
    fingerprint: str
    reason: str
    accepted_at: str


_FAILED = TypeAdapter(dict[str, list[FailedCheck]])
_ACCEPTED = TypeAdapter(list[Acceptance])
ACCEPT_AGAIN = (
    "Put it back from a backup, or remove it and accept again, by --accept, what is "
    "still as it should be."
)


class FailedGates:
    """The failed last attempts at the tables under one root."""

    def __init__(self, root: UPath) -> None:
        """Keep them beside the tables under *root*."""
        self._root = root

    def of(self, table: str) -> dict[str, list[FailedCheck]]:
        """Return what failed by partition (empty: the whole table).

        Raises:
            LocalFailure: the note is damaged.
        """
        return read_note(self._path(table), _FAILED) or {}

    def remember(
        self, table: str, partition: str | None, failed: Sequence[FailedCheck]
    ) -> None:
        """Note what the last attempt failed; of what failed before, since when."""
        held = self.of(table)
        known = {check.check: check.since for check in held.get(partition or "", [])}
        held[partition or ""] = [
            replace(check, since=known.get(check.check, check.since))
            for check in failed
        ]
        self._write(table, held)

    def forget(self, table: str, partition: str | None) -> None:
        """Note that the last attempt passed."""
        held = self.of(table)
        if held.pop(partition or "", None) is not None:
            self._write(table, held)

    def _path(self, table: str) -> UPath:
        return self._root / table / "failed_gates.json"

    def _write(self, table: str, held: Mapping[str, Sequence[FailedCheck]]) -> None:
        listed = {
            partition: [asdict(check) for check in checks]
            for partition, checks in held.items()
        }
        text = json.dumps(listed, indent=1, sort_keys=True)
        write_note(self._path(table), text + "\n")


class Acceptances:
    """Every failure that a person ever accepted, oldest first."""

    def __init__(self, root: UPath) -> None:
        """Keep them beside the tables under *root*."""
        self._path = root / "acceptances.json"

    def all(self) -> list[Acceptance]:
        """Return them all.

        Raises:
            LocalFailure: the file is damaged.
        """
        return read_note(self._path, _ACCEPTED, ACCEPT_AGAIN) or []

    def add(self, acceptance: Acceptance) -> None:
        """Remember one more."""
        entries = [asdict(each) for each in [*self.all(), acceptance]]
        write_note(self._path, json.dumps(entries, indent=1) + "\n")

    def honour(self, table: str, partition: str | None, finding: Finding) -> Finding:
        """Return *finding* as accepted, if a person has accepted exactly this failure.

        Another one of the same check, table and day stays what it is.
        """
        if not finding.blocks or finding.fingerprint is None:
            return finding
        wanted = (table, partition or "", finding.check, finding.fingerprint)
        for each in reversed(self.all()):
            if (each.table, each.partition, each.check, each.fingerprint) == wanted:
                return finding.accept(each.reason)
        return finding

    def days(self, table: str, check: str) -> list[str]:
        """Return the days of *table* on which a failure of *check* was accepted."""
        accepted = (each for each in self.all() if each.table == table)
        return sorted({each.partition for each in accepted if each.check == check})
