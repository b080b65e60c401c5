"""Accept one failure of one check, with a reason: it stops nothing any more."""

from dataclasses import dataclass
from datetime import date

from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.partitions import business_days
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.gate_notes import Acceptance, FailedCheck
from analytics_pipeline.storage.ownership import claim_store

SEE_STATUS = "See what failed, and since when: analytics-pipeline status"


@dataclass(frozen=True, slots=True)
class Found:
    """A failed check that the person may mean."""

    table: str
    partition: str
    failed: FailedCheck

    @property
    def name(self) -> str:
        """The check as a person tells it from those of other tables."""
        return f"{self.table}.{self.failed.check}"

    def __str__(self) -> str:
        """Name it with its day."""
        return f"{self.name} of {self.partition}" if self.partition else self.name


def accept_failure(shop: Shop, check: str, reason: str, day: date) -> str:
    """Remember that a person accepts what failed *check*; return what it was.

    Args:
        shop: whose table failed.
        check: the name of the check, or ``table.check``.
        reason: why it is right; it is kept with the run.
        day: where several days failed, that of this day is meant.

    Raises:
        WrongUse: nothing failed this check, several tables or days did, or it guards
            what no person can know better; or the store is another data directory's,
            or a newer program's.
    """
    claim_store(shop.warehouse.root, shop.settings.data_dir)
    shop.versions.refuse_newer()
    found = _choose(_failures_of(shop, check), check, day)
    if found.failed.fingerprint is None:
        raise WrongUse(
            f"{found} cannot be accepted: {found.failed.rule}",
            "Only a change that may be real can be accepted, such as people or outlets "
            f"that are gone. Mend the cause. {SEE_STATUS}",
        )
    shop.warehouse.acceptances.add(
        Acceptance(
            found.table,
            found.failed.check,
            found.partition,
            found.failed.fingerprint,
            reason.strip(),
            shop.clock().isoformat(timespec="seconds"),
        )
    )
    return str(found)


def _failures_of(shop: Shop, check: str) -> list[Found]:
    """Return every failed last attempt that *check* may name."""
    return [
        found
        for contract in Catalogue(business_days(shop.settings)).all
        for partition, failed in shop.warehouse.failures(contract.name).items()
        for each in failed
        if check in ((found := Found(contract.name, partition, each)).name, each.check)
    ]


def _choose(found: list[Found], check: str, day: date) -> Found:
    """Return the one that is meant.

    Raises:
        WrongUse: there is none, or it is not clear which.
    """
    if not found:
        raise WrongUse(f"Nothing failed {check} at its last attempt.", SEE_STATUS)
    of_day = [each for each in found if each.partition in ("", day.isoformat())]
    chosen = of_day or found
    if len(chosen) > 1:
        tables = len({each.table for each in chosen}) > 1
        raise WrongUse(
            f"{check} failed more than once: {', '.join(map(str, chosen[:10]))}.",
            "Accept one after the other: "
            + (f"--accept {chosen[0].name}" if tables else "give its day as --as-of"),
        )
    return chosen[0]
