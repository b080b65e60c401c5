"""Is everything set up right?  Each check on a line, with its remedy."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path

import typer

from analytics_pipeline.alerts.channels import open_channels
from analytics_pipeline.commands import probes
from analytics_pipeline.commands.probes import (
    Disk,
    Programs,
    Records,
    Store,
    StoredFiles,
    ask_store,
    prove_stored_files,
    read_records,
)
from analytics_pipeline.commands.switches import SWITCH_ON, describe_switched_off
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.domain.currency import (
    Currencies,
    describe_currency,
    find_currency_fault,
)
from analytics_pipeline.model.checks import CheckResult
from analytics_pipeline.model.errors import LocalFailure, PipelineError, WrongUse
from analytics_pipeline.model.text import say as count_of
from analytics_pipeline.model.vocabulary import OrderEvidence
from analytics_pipeline.settings import DEPLOYMENT, VARIABLES, Settings, list_variables
from analytics_pipeline.shop import (
    CURRENCY_NOTE,
    Shop,
    find_holder,
    is_held,
    open_shop,
    system_clock,
)
from analytics_pipeline.sources.lightspeed.http import origin_for
from analytics_pipeline.sources.lightspeed.replies import TokenRefused
from analytics_pipeline.sources.protocol import WebShopDetails
from analytics_pipeline.storage.state import Holder

# ----------------------------------------------------------------------------------
# What ``doctor`` says of what it found: one function a check, each pure.
#
# A fault has to be fixed before the master can be right or safe; a warning should be
# looked at; each says what to type or change.


FAMILIES = ("LIGHTSPEED_", "ANALYTICS_", "ALERT_")
VERY_LIKE = 0.88
"""How like a known variable another one is that is meant to be it."""

SKEW, WRONG_DAY = timedelta(minutes=1), timedelta(minutes=10)
SILENCE = timedelta(minutes=5)
"""How long the daemon, which sends a heartbeat every half minute, may be silent."""

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
class DoctorResult:
    """What one check found, and what to do about it."""

    check: str
    grade: Grade
    sentence: str
    remedy: str = ""


def well(check: str, sentence: str) -> DoctorResult:
    """Say that all is well."""
    return DoctorResult(check, Grade.OK, sentence)


def wrong(check: str, error: PipelineError) -> DoctorResult:
    """Say what the commands would fail with."""
    return DoctorResult(check, Grade.FAULT, error.cause, error.remedy)


def check_programs(found: Programs) -> DoctorResult:
    """Check what is installed: all as needed, and Dagster and its UI of one version."""
    text = ", ".join(f"{name} {number}" for name, number in found.versions.items())
    unmet = list(found.unmet)
    dagster, ui = (found.versions.get(f"dagster{end}") for end in ("", "-webserver"))
    if dagster != ui and not unmet:
        unmet = [f"dagster is {dagster}, but dagster-webserver {ui or 'missing'}"]
    if not unmet:
        return well("programs", text)
    remedy = "Install it again: pip install -c requirements.lock -e ."
    return DoctorResult("programs", Grade.FAULT, f"{'; '.join(unmet)}.", remedy)


def check_variables(
    names: Collection[str], known: Collection[str]
) -> list[DoctorResult]:
    """Find the variables that nothing reads, and which ones they may be meant to be."""
    unknown = sorted(name for name in set(names) - set(known) if _is_ours(name, known))
    return [
        DoctorResult(
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


def check_secrets(exposed: Path | None) -> DoctorResult:
    """Check who may read the file that holds the token."""
    if exposed is None:
        return well("secrets", "no file with a token is open to others")
    sentence = f"{exposed} may hold a token and can be read by others than its owner."
    remedy = f"Run: chmod 600 {exposed}"
    return DoctorResult("secrets", Grade.WARNING, sentence, remedy)


def check_zone(ours: str, theirs: str | None, written_in: str) -> DoctorResult:
    """Check that days begin when the store's days do."""
    if theirs in (None, ours):
        return well("time zone", ours)
    return DoctorResult(
        "time zone",
        Grade.WARNING,
        f"Days begin as in {ours}, but the store says {theirs}.",
        f"Set ANALYTICS_TIMEZONE={theirs} in {written_in}, then run: "
        "analytics-pipeline rebuild",
    )


def check_currency(found: Currencies) -> DoctorResult:
    """Check that amounts can be kept and added: one currency, two decimals."""
    fault = find_currency_fault(found)
    if fault is None:
        return well("currency", describe_currency(found))
    return DoctorResult("currency", Grade.FAULT, *fault)


def check_clock(ahead_by: timedelta | None) -> DoctorResult:
    """Compare this machine's clock with the store's."""
    if ahead_by is None:
        return well("clock", "the store does not send the time")
    off, way = abs(ahead_by), "fast" if ahead_by > timedelta(0) else "slow"
    if off <= SKEW:
        return well("clock", "agrees with the store's")
    grade = Grade.WARNING if off <= WRONG_DAY else Grade.FAULT
    sentence = f"This machine's clock is {_span(off)} {way}, by the store's."
    remedy = "Let it be set from the network, such as by: timedatectl set-ntp true"
    return DoctorResult("clock", grade, sentence, remedy)


def check_disk(disk: Disk, folder: Path) -> DoctorResult:
    """Check that there is room for the tables, and for a rebuild."""
    if disk.trouble:
        remedy = "Give yourself the right to write there, or set ANALYTICS_DATA_DIR."
        return DoctorResult("disk", Grade.FAULT, f"{disk.trouble}.", remedy)
    text = f"{_size(disk.free)} free, {_size(disk.used)} in use"
    if disk.free >= max(ROOM, disk.used):
        return well("disk", f"{text}, in {folder}")
    grade = Grade.FAULT if disk.free < LEAST_ROOM else Grade.WARNING
    sentence = f"There is little room in {folder}: {text}; a rebuild needs as much."
    return DoctorResult(
        "disk", grade, sentence, "Make room, or set ANALYTICS_DATA_DIR."
    )


def check_files(exposed: Sequence[Path], folder: Path) -> DoctorResult:
    """Check who may read files with personal data.

    A file that a person put there is at first as open as he left it.
    """
    if not exposed:
        return well("files", "personal data can be read by their owner only")
    written = [path for path in exposed if path.name not in PLACED_BY_HAND]
    first, more = (written or exposed)[0].name, len(exposed) - 1
    others = f" and {more} more" if more else ""
    return DoctorResult(
        "files",
        Grade.FAULT if written else Grade.WARNING,
        f"Everybody may read personal data here: in {first}{others}.",
        f"Run: chmod -R o-rwx {folder}",
    )


def check_key(is_lost: bool) -> DoctorResult:
    """Check that deleted customers can still be tied to their sales."""
    if not is_lost:
        return well("identity key", "as it should be")
    return DoctorResult(
        "identity key",
        Grade.FAULT,
        "Customers are stored, but the key that hashed their contacts is gone.",
        "Put .identity_key back from a backup; if there is none, run: "
        "analytics-pipeline rebuild",
    )


def check_export(found: tuple[int, CheckResult] | None) -> DoctorResult:
    """Check the age of the web shop's export; it could be read."""
    if found is None:
        return well("web shop", "there is no export, so no web orders")
    orders, age = found
    if age.passed:
        return well("web shop", f"{orders:,} orders in the export")
    remedy = "Export the orders again, then run: analytics-pipeline import-ecom FILE"
    return DoctorResult("web shop", Grade.WARNING, age.sentence, remedy)


FEWEST_COMPARED = 3
"""So many orders that are sales show whether tills and web shop number them alike."""


def check_web_shop(
    found: WebShopDetails,
    time_zone: str,
    currency: str | None,
    evidence: Mapping[str, int],
) -> DoctorResult:
    """Compare what the web shop says of itself with the settings and the tills.

    *evidence* says how many orders of the last reconciliation are sales by which
    ``OrderEvidence``.
    """
    if found.time_zone not in (None, time_zone):
        return DoctorResult(
            "web shop",
            Grade.WARNING,
            f"It answers, but its time zone is {found.time_zone}, not {time_zone}: its "
            "own reports have other days.",
            "Set the time zone of the web shop, or ANALYTICS_TIMEZONE, so that both "
            "are the same.",
        )
    if found.currency and currency and found.currency != currency:
        return DoctorResult(
            "web shop",
            Grade.FAULT,
            f"It sells in {found.currency}, and the tills in {currency}: amounts "
            "cannot be added.",
            "Set ECWID_STORE_ID and ECWID_TOKEN to the web shop of these tills.",
        )
    numbers = f"{found.order_prefix}1001{found.order_suffix}"
    of_all, by_number = sum(evidence.values()), evidence.get(OrderEvidence.SOURCE_ID, 0)
    if of_all >= FEWEST_COMPARED and not by_number:
        return DoctorResult(
            "web shop",
            Grade.WARNING,
            f"It answers, and numbers its orders like {numbers}, but none of the "
            f"{of_all} orders that are sales has the number that its sale names.",
            "Compare the columns Order Number and Sale IDs of "
            "reports/ecom_reconciliation.csv with the sales at the tills.",
        )
    compared = f"; {by_number} of {of_all} that are sales have the number of the sale"
    return well(
        "web shop",
        f"it answers; its orders are numbered like {numbers}"
        f"{compared if of_all else ''}",
    )


def check_stored_files(found: StoredFiles) -> list[DoctorResult]:
    """Check that stored files are what was written; name each damaged one."""
    faults = [
        DoctorResult(STORED_FILES, Grade.FAULT, f"{each.path} is damaged.", each.remedy)
        for each in found.damaged
    ]
    if found.unsealed:
        number = count_of(found.unsealed, "file is", "files are")
        sentence = f"{number} from before there were seals, so nothing proves them."
        faults.append(DoctorResult(STORED_FILES, Grade.WARNING, sentence, _SEAL_THEM))
    if found.set_aside:
        number = count_of(len(found.set_aside), "damaged file", "damaged files")
        sentence = f"Runs have set {number} aside: {', '.join(found.set_aside[:3])}"
        faults.append(
            DoctorResult(STORED_FILES, Grade.WARNING, sentence, _LOOK_AT_THEM)
        )
    if faults:
        return faults
    number = count_of(found.proved, "file is", "files are")
    return [well(STORED_FILES, f"{number} what was written, byte for byte")]


def check_channels(labels: Sequence[str]) -> DoctorResult:
    """Check where alerts go; to send none is a shop's own choice."""
    if not labels:
        return well("alerts", "ALERT_URLS is not set, so failures are not reported")
    text = f"{', '.join(labels)}; to try them: analytics-pipeline alert-test"
    return well("alerts", text)


def check_records(records: Records | None, now: datetime) -> DoctorResult:
    """Check Dagster's records, and that its daemon lives if it ever did."""
    if records is None:
        return well("Dagster", "no records yet; the first update makes them")
    if records.daemon_seen_at is None:
        text = "records open; no daemon has run, so nothing runs automatically"
        return well("Dagster", text)
    silence = now - records.daemon_seen_at
    if silence <= SILENCE:
        kept = "lives" if records.switched_off else "keeps the schedule"
        return well("Dagster", f"records open, and its daemon {kept}")
    return DoctorResult(
        "Dagster",
        Grade.WARNING,
        f"Its daemon was last seen {_span(silence)} ago: no schedule, no alerts.",
        "If it should run, start it: analytics-pipeline ui",
    )


def check_switches(records: Records | None) -> DoctorResult:
    """Check that the schedule and the sensors are as delivered."""
    if records is None or not records.switched_off:
        return well("switches", "nothing is switched off in Dagster")
    sentence = describe_switched_off(list(records.switched_off))
    return DoctorResult("switches", Grade.WARNING, sentence, SWITCH_ON)


def check_run(is_held: bool, data_dir: Path, holder: Holder | None) -> DoctorResult:
    """Check whether a command typed now would be refused."""
    if not is_held:
        return well("runs", "none is under way")
    who = f" ({holder.in_words})" if holder else ""
    sentence = (
        f"A run is using {data_dir}{who}; another one is refused until it is done."
    )
    remedy = "Wait, or see what it does in: analytics-pipeline ui"
    return DoctorResult("runs", Grade.WARNING, sentence, remedy)


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


# ----------------------------------------------------------------------------------
# Is everything set up right? Each check on a line, with its remedy.


MARKS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAULT: "bold red"}
"""The style of each grade; its word says the same without a colour."""


def doctor(
    open_settings: Callable[[], Settings], terminal: Terminal, *, deep: bool = False
) -> None:
    """Check everything, and say of each what is right, or how to correct it.

    With *deep* every stored file is read, and held against the hash of its bytes.

    Raises:
        typer.Exit: with code 2, where something has to be fixed.
    """
    with terminal.working("looking around", is_brief=True):
        found = list(examine(open_settings))
        if deep:
            found += _examine_stored_files(open_settings, terminal)
    faults = sum(each.grade is Grade.FAULT for each in found)
    terminal.facts |= {"checks": found, "faults": faults}
    _show(found, terminal)
    if faults:
        raise typer.Exit(WrongUse.exit_code)


def examine(open_settings: Callable[[], Settings]) -> Iterator[DoctorResult]:
    """Make every check that can be made; what hangs on a fault is left out."""
    yield check_programs(probes.list_programs())
    yield from check_variables(list_variables(), VARIABLES | DEPLOYMENT)
    try:
        settings = open_settings()
    except WrongUse as error:
        yield wrong("settings", error)
        return
    if settings.shop_name is None:  # every command warns of the file of a shop
        secret = Path(".env").resolve()
        yield check_secrets(secret if probes.is_exposed(secret) else None)
    shop: Shop | None = None
    try:
        shop = open_shop(settings)
        yield well("settings", "every value can be used")
    except WrongUse as error:
        yield wrong("settings", error)
    if settings.data_dir.is_file():  # reported below; nothing can be in it
        shop = None
    yield from _examine_store(settings, shop)
    yield from _examine_folder(settings)
    if shop is not None:
        yield from _examine_inputs(shop)
    yield from _examine_records(settings)


def _examine_stored_files(
    open_settings: Callable[[], Settings], terminal: Terminal
) -> list[DoctorResult]:
    """Check each stored file against its hash; none where the settings are wrong."""
    try:
        shop = open_shop(open_settings())
        return check_stored_files(prove_stored_files(shop, terminal.progress))
    except WrongUse:
        return []
    except (PipelineError, OSError) as error:
        return [_wrong(STORED_FILES, error)]


def _examine_folder(settings: Settings) -> Iterator[DoctorResult]:
    """Look at the data directory."""
    folder = settings.data_dir
    yield check_disk(probes.measure_disk(folder), folder)
    yield check_files(probes.list_exposed(folder), folder)
    yield _tried("runs", lambda: _examine_run(settings))


def _examine_run(settings: Settings) -> DoctorResult:
    """See whether a run is under way."""
    holder = find_holder(settings)
    return check_run(is_held(settings), settings.data_dir, holder)


def _examine_records(settings: Settings) -> Iterator[DoctorResult]:
    """Look at Dagster's records, and at where alerts go."""
    try:
        records = read_records(settings)
    except (PipelineError, OSError) as error:
        yield _wrong("Dagster", error)
    else:
        yield check_records(records, system_clock())
        yield check_switches(records)
    yield _tried(
        "alerts",
        lambda: check_channels([each.label for each in open_channels(settings)]),
    )


def _examine_store(settings: Settings, shop: Shop | None) -> Iterator[DoctorResult]:
    """Ask Lightspeed, and compare what it says with the settings and with before."""
    try:
        store = ask_store(settings)
    except TokenRefused as error:
        yield wrong("token", error)
        return
    except PipelineError as error:
        yield wrong("store", error)
        return
    yield well("token", "accepted")
    yield _tried("store", lambda: _check_store(settings, shop, store))
    zone, written_in = settings.time_zone, settings.written_in
    yield check_zone(zone, store.details.time_zone, written_in)
    yield _tried("currency", lambda: _check_currency(shop, store))
    yield check_clock(store.ahead_by)


def _check_store(settings: Settings, shop: Shop | None, store: Store) -> DoctorResult:
    """Compare the store that answers with the one whose sales are stored, if any.

    Raises:
        WrongUse: it is another one.
    """
    if shop is not None and shop.warehouse.store_id() is not None:
        shop.refuse_another_store(store.details.store_id)
    where = origin_for(settings.domain_prefix or "", settings.api_url)
    return well("store", f"{where} answers")


def _check_currency(shop: Shop | None, store: Store) -> DoctorResult:
    """Check the currencies of store and outlets, and that of the stored sales."""
    now = store.currencies
    return check_currency(shop.compare_currencies(now) if shop else now)


def _examine_inputs(shop: Shop) -> Iterator[DoctorResult]:
    """Look at what the data directory holds for the pipeline to read."""
    yield _tried("web shop", lambda: _check_web_orders(shop))
    yield _tried("identity key", lambda: check_key(probes.has_lost_its_key(shop)))


def _check_web_orders(shop: Shop) -> DoctorResult:
    """Ask the web shop, where the settings name one; else look at the export."""
    details = probes.ask_web_shop(shop.settings)
    if details is None:
        return check_export(probes.read_export(shop))
    noted = shop.warehouse.exists("outlets")
    notes = shop.warehouse.notes("outlets") if noted else {}
    currency = notes.get(CURRENCY_NOTE)
    evidence = probes.count_evidence(shop)
    return check_web_shop(details, shop.settings.time_zone, currency, evidence)


def _tried(check: str, look: Callable[[], DoctorResult]) -> DoctorResult:
    """Return what a look finds; that it fails is a fault as well."""
    try:
        return look()
    except (PipelineError, OSError) as error:
        return _wrong(check, error)


def _wrong(check: str, error: PipelineError | OSError) -> DoctorResult:
    """Return the fault that a look has failed with."""
    if isinstance(error, PipelineError):
        return wrong(check, error)
    cause = f"{error.filename or 'A file'} cannot be read: {error.strerror}."
    return wrong(check, LocalFailure(cause, "Give yourself the right to it."))


def _show(found: Sequence[DoctorResult], terminal: Terminal) -> None:
    """Print a line a check, its remedy beneath; quietly, what is wrong only."""
    width = max(len(each.check) for each in found)
    for each in found:
        if terminal.output_options.quiet:
            _complain(each, terminal)
        terminal.marked(each.grade, MARKS[each.grade], each.check, each.sentence, width)
        if each.remedy:
            terminal.marked("", "", "", each.remedy, width)
    grades = Counter(each.grade for each in found)
    counts = (
        f"{(number := grades[each]) or 'no'} {each}{'' if number == 1 else 's'}"
        for each in (Grade.FAULT, Grade.WARNING)
    )
    terminal.out.print(f"\n{', '.join(counts)}", style="bold")


def _complain(found: DoctorResult, terminal: Terminal) -> None:
    """Say only what is wrong, for ``--quiet``."""
    about = f"{found.check}: {found.sentence}"
    if found.grade is Grade.FAULT:
        terminal.fail(WrongUse(about, found.remedy))
    elif found.grade is Grade.WARNING:
        terminal.warn(f"{about} {found.remedy}")
