"""What ``doctor`` says of what it found: one function a check, each pure.

A fault has to be mended before the master can be right or safe; a warning should be
looked at; each says what to type or change.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

from analytics_pipeline.domain.currency import (
    Currencies,
    find_currency_fault,
    tell_currency,
)
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.domain.wording import say as count_of
from analytics_pipeline.errors import PipelineError
from analytics_pipeline.probes.machine import Disk, Programs
from analytics_pipeline.probes.records import Records
from analytics_pipeline.probes.stored_files import StoredFiles
from analytics_pipeline.probes.switches import SWITCH_ON, tell_switched_off
from analytics_pipeline.storage.holder_note import Holder

FAMILIES = ("LIGHTSPEED_", "ANALYTICS_", "ALERT_")
VERY_LIKE = 0.88
"""How like a known variable another one is that is meant to be it."""

SKEW, WRONG_DAY = timedelta(minutes=1), timedelta(minutes=10)
SILENCE = timedelta(minutes=5)
"""How long the daemon, which tells that it lives every half a minute, may be silent."""

MB = 1 << 20
LEAST_ROOM, ROOM = 100 * MB, 500 * MB
STORED_FILES = "stored files"
"""The check of ``doctor --deep``."""

_SEAL_THEM = "They get their seals by the next: analytics-pipeline update"
_LOOK_AT_THEM = (
    "They were made again and are not read any more: look at the disk they are on, "
    "then remove them."
)

PLACED_BY_HAND = ("ecom_orders_export.csv", "identity_overrides.csv")


class Grade(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one check found, and what to do about it."""

    check: str
    grade: Grade
    sentence: str
    remedy: str = ""


def well(check: str, sentence: str) -> Diagnosis:
    """Say that all is well."""
    return Diagnosis(check, Grade.OK, sentence)


def wrong(check: str, error: PipelineError) -> Diagnosis:
    """Say what the commands would fail with."""
    return Diagnosis(check, Grade.FAULT, error.cause, error.remedy)


def judge_programs(found: Programs) -> Diagnosis:
    """Judge what is installed: all as needed, and Dagster and its UI of one version."""
    told = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    unmet = list(found.unmet)
    dagster, ui = (found.versions.get(f"dagster{end}") for end in ("", "-webserver"))
    if dagster != ui and not unmet:
        unmet = [f"dagster is {dagster}, but dagster-webserver {ui or 'missing'}"]
    if not unmet:
        return well("programs", told)
    remedy = "Install it again: pip install -c requirements.lock -e ."
    return Diagnosis("programs", Grade.FAULT, f"{'; '.join(unmet)}.", remedy)


def judge_variables(names: Collection[str], known: Collection[str]) -> list[Diagnosis]:
    """Find the variables that nothing reads, and which ones they may be meant to be."""
    unknown = sorted(name for name in set(names) - set(known) if _is_ours(name, known))
    return [
        Diagnosis(
            "variables",
            Grade.WARNING,
            f"{name} is no variable of this program, so nothing reads it.",
            f"Remove it, or rename it: {get_close_matches(name, known, 1, 0)[0]}",
        )
        for name in unknown
    ] or [well("variables", "every name is known")]


def _is_ours(name: str, known: Collection[str]) -> bool:
    return name.startswith(FAMILIES) or bool(
        get_close_matches(name, known, 1, VERY_LIKE)
    )


def judge_secrets(exposed: Path | None) -> Diagnosis:
    """Judge who may read the file that holds the token."""
    if exposed is None:
        return well("secrets", "no file with a token is open to others")
    sentence = f"{exposed} may hold a token and can be read by others than its owner."
    remedy = f"Run: chmod 600 {exposed}"
    return Diagnosis("secrets", Grade.WARNING, sentence, remedy)


def judge_zone(ours: str, theirs: str | None, written_in: str) -> Diagnosis:
    """Judge whether days begin when the store's days do."""
    if theirs in (None, ours):
        return well("time zone", ours)
    return Diagnosis(
        "time zone",
        Grade.WARNING,
        f"Days begin as in {ours}, but the store says {theirs}.",
        f"Set ANALYTICS_TIMEZONE={theirs} in {written_in}, then run: "
        "analytics-pipeline rebuild",
    )


def judge_currency(found: Currencies) -> Diagnosis:
    """Judge whether amounts can be kept and added: one currency, two decimals."""
    fault = find_currency_fault(found)
    if fault is None:
        return well("currency", tell_currency(found))
    return Diagnosis("currency", Grade.FAULT, *fault)


def judge_clock(ahead_by: timedelta | None) -> Diagnosis:
    """Judge this machine's clock by the store's."""
    if ahead_by is None:
        return well("clock", "the store does not tell the time")
    off, way = abs(ahead_by), "fast" if ahead_by > timedelta(0) else "slow"
    if off <= SKEW:
        return well("clock", "agrees with the store's")
    grade = Grade.WARNING if off <= WRONG_DAY else Grade.FAULT
    sentence = f"This machine's clock is {_span(off)} {way}, by the store's."
    remedy = "Let it be set from the network, such as by: timedatectl set-ntp true"
    return Diagnosis("clock", grade, sentence, remedy)


def judge_disk(disk: Disk, folder: Path) -> Diagnosis:
    """Judge whether there is room for the tables, and for a rebuild beside them."""
    if disk.trouble:
        remedy = "Give yourself the right to write there, or set ANALYTICS_DATA_DIR."
        return Diagnosis("disk", Grade.FAULT, f"{disk.trouble}.", remedy)
    told = f"{_size(disk.free)} free, {_size(disk.used)} in use"
    if disk.free >= max(ROOM, disk.used):
        return well("disk", f"{told}, in {folder}")
    grade = Grade.FAULT if disk.free < LEAST_ROOM else Grade.WARNING
    sentence = f"There is little room in {folder}: {told}; a rebuild needs as much."
    return Diagnosis("disk", grade, sentence, "Make room, or set ANALYTICS_DATA_DIR.")


def judge_files(exposed: Sequence[Path], folder: Path) -> Diagnosis:
    """Judge who may read files with personal data.

    A file that a person put there is at first as open as he left it.
    """
    if not exposed:
        return well("files", "personal data can be read by their owner only")
    written = [path for path in exposed if path.name not in PLACED_BY_HAND]
    first, more = (written or exposed)[0].name, len(exposed) - 1
    others = f" and {more} more" if more else ""
    return Diagnosis(
        "files",
        Grade.FAULT if written else Grade.WARNING,
        f"Everybody may read personal data here: in {first}{others}.",
        f"Run: chmod -R o-rwx {folder}",
    )


def judge_key(is_lost: bool) -> Diagnosis:
    """Judge whether deleted customers can still be tied to their sales."""
    if not is_lost:
        return well("identity key", "as it should be")
    return Diagnosis(
        "identity key",
        Grade.FAULT,
        "Customers are stored, but the key that hashed their contacts is gone.",
        "Put .identity_key back from a backup; if there is none, run: "
        "analytics-pipeline rebuild",
    )


def judge_export(found: tuple[int, Finding] | None) -> Diagnosis:
    """Judge the web shop's export by its age; it could be read."""
    if found is None:
        return well("web shop", "there is no export, so no web orders")
    orders, age = found
    if age.passed:
        return well("web shop", f"{orders:,} orders in the export")
    remedy = "Export the orders anew, then run: analytics-pipeline import-ecom FILE"
    return Diagnosis("web shop", Grade.WARNING, age.sentence, remedy)


def judge_stored_files(found: StoredFiles) -> list[Diagnosis]:
    """Judge whether stored files are what was written, each damaged one by itself."""
    faults = [
        Diagnosis(STORED_FILES, Grade.FAULT, f"{each.path} is damaged.", each.remedy)
        for each in found.damaged
    ]
    if found.unsealed:
        number = count_of(found.unsealed, "file is", "files are")
        sentence = f"{number} from before there were seals, so nothing proves them."
        faults.append(Diagnosis(STORED_FILES, Grade.WARNING, sentence, _SEAL_THEM))
    if found.set_aside:
        number = count_of(len(found.set_aside), "damaged file", "damaged files")
        sentence = f"Runs have set {number} aside: {', '.join(found.set_aside[:3])}"
        faults.append(Diagnosis(STORED_FILES, Grade.WARNING, sentence, _LOOK_AT_THEM))
    if faults:
        return faults
    number = count_of(found.proved, "file is", "files are")
    return [well(STORED_FILES, f"{number} what was written, byte for byte")]


def judge_channels(labels: Sequence[str]) -> Diagnosis:
    """Judge where alerts go; that nobody is told is a shop's own choice."""
    if not labels:
        return well("alerts", "ALERT_URLS is not set, so nobody is told of a failure")
    told = f"{', '.join(labels)}; to try them: analytics-pipeline alert-test"
    return well("alerts", told)


def judge_records(records: Records | None, now: datetime) -> Diagnosis:
    """Judge Dagster's records, and whether its daemon lives if it ever did."""
    if records is None:
        return well("Dagster", "no records yet; the first update makes them")
    if records.daemon_seen_at is None:
        told = "records open; no daemon has run, so nothing runs by itself"
        return well("Dagster", told)
    silence = now - records.daemon_seen_at
    if silence <= SILENCE:
        kept = "lives" if records.switched_off else "keeps the schedule"
        return well("Dagster", f"records open, and its daemon {kept}")
    return Diagnosis(
        "Dagster",
        Grade.WARNING,
        f"Its daemon was last seen {_span(silence)} ago: no schedule, no alerts.",
        "If it should run, start it: analytics-pipeline ui",
    )


def judge_switches(records: Records | None) -> Diagnosis:
    """Judge whether the schedule and the sensors are as they are delivered."""
    if records is None or not records.switched_off:
        return well("switches", "nothing is switched off in Dagster")
    sentence = tell_switched_off(list(records.switched_off))
    return Diagnosis("switches", Grade.WARNING, sentence, SWITCH_ON)


def judge_run(is_held: bool, data_dir: Path, holder: Holder | None) -> Diagnosis:
    """Judge whether a command typed now would be refused."""
    if not is_held:
        return well("runs", "none is under way")
    who = f" ({holder.in_words})" if holder else ""
    sentence = (
        f"A run is using {data_dir}{who}; another one is refused until it is done."
    )
    remedy = "Wait, or see what it does in: analytics-pipeline ui"
    return Diagnosis("runs", Grade.WARNING, sentence, remedy)


def _size(count: int) -> str:
    return f"{count / MB / 1024:.1f} GB" if count >= 1024 * MB else f"{count // MB} MB"


def _span(span: timedelta) -> str:
    """Return a length of time as people say it."""
    seconds = int(span.total_seconds())
    for unit, length in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"


_UNITS = (("days", 86_400), ("hours", 3_600), ("minutes", 60))
