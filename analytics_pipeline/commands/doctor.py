"""Is everything set up right?  Each check on a line, with its remedy."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import typer

from analytics_pipeline.channels import open_channels
from analytics_pipeline.commands import diagnoses as say
from analytics_pipeline.commands.diagnoses import Diagnosis, Grade
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.errors import LocalFailure, PipelineError, WrongUse
from analytics_pipeline.probes import inputs, machine
from analytics_pipeline.probes.records import read_records
from analytics_pipeline.probes.store import Store, ask_store
from analytics_pipeline.probes.stored_files import prove_stored_files
from analytics_pipeline.settings import DEPLOYMENT, Settings, list_variables
from analytics_pipeline.shop import Shop, open_shop, system_clock
from analytics_pipeline.shop_file import VARIABLES
from analytics_pipeline.sources.origin import origin_for
from analytics_pipeline.sources.replies import TokenRefused
from analytics_pipeline.steps.known_sales import refuse_another_store
from analytics_pipeline.steps.outlets import compare_currencies
from analytics_pipeline.storage.holder_note import read_holder

MARKS = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.FAULT: "bold red"}
"""The style of each grade; its word says the same without a colour."""


def doctor(
    open_settings: Callable[[], Settings], terminal: Terminal, *, deep: bool = False
) -> None:
    """Look at everything, and tell of each what is right, or how to correct it.

    With *deep* every stored file is read, and held against the hash of its bytes.

    Raises:
        typer.Exit: with code 2, where something has to be mended.
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


def examine(open_settings: Callable[[], Settings]) -> Iterator[Diagnosis]:
    """Make every check that can be made; what hangs on a fault is left out."""
    yield say.judge_programs(machine.list_programs())
    yield from say.judge_variables(list_variables(), VARIABLES | DEPLOYMENT)
    try:
        settings = open_settings()
    except WrongUse as error:
        yield say.wrong("settings", error)
        return
    if settings.shop_name is None:  # every command warns of the file of a shop
        secret = Path(".env").resolve()
        yield say.judge_secrets(secret if machine.is_exposed(secret) else None)
    shop: Shop | None = None
    try:
        shop = open_shop(settings)
        yield say.well("settings", "every value can be used")
    except WrongUse as error:
        yield say.wrong("settings", error)
    if settings.data_dir.is_file():  # told of below; nothing can be in it
        shop = None
    yield from _examine_store(settings, shop)
    yield from _examine_folder(settings)
    if shop is not None:
        yield from _examine_inputs(shop)
    yield from _examine_records(settings)


def _examine_stored_files(
    open_settings: Callable[[], Settings], terminal: Terminal
) -> list[Diagnosis]:
    """Check each stored file against its hash; none where the settings are wrong."""
    try:
        shop = open_shop(open_settings())
        return say.judge_stored_files(prove_stored_files(shop, terminal.progress))
    except WrongUse:
        return []
    except (PipelineError, OSError) as error:
        return [_wrong(say.STORED_FILES, error)]


def _examine_folder(settings: Settings) -> Iterator[Diagnosis]:
    """Look at the data directory."""
    folder = settings.data_dir
    yield say.judge_disk(machine.measure_disk(folder), folder)
    yield say.judge_files(machine.list_exposed(folder), folder)
    yield say.judge_run(machine.is_held(folder), folder, read_holder(folder))


def _examine_records(settings: Settings) -> Iterator[Diagnosis]:
    """Look at Dagster's records, and at where alerts go."""
    try:
        records = read_records(settings)
    except (PipelineError, OSError) as error:
        yield _wrong("Dagster", error)
    else:
        yield say.judge_records(records, system_clock())
        yield say.judge_switches(records)
    yield _tried(
        "alerts",
        lambda: say.judge_channels([each.label for each in open_channels(settings)]),
    )


def _examine_store(settings: Settings, shop: Shop | None) -> Iterator[Diagnosis]:
    """Ask Lightspeed, and compare what it says with the settings and with before."""
    try:
        store = ask_store(settings)
    except TokenRefused as error:
        yield say.wrong("token", error)
        return
    except PipelineError as error:
        yield say.wrong("store", error)
        return
    yield say.well("token", "accepted")
    yield _tried("store", lambda: _judge_store(settings, shop, store))
    zone, written_in = settings.time_zone, settings.written_in
    yield say.judge_zone(zone, store.time_zone, written_in)
    yield _tried("currency", lambda: _judge_currency(shop, store))
    yield say.judge_clock(store.ahead_by)


def _judge_store(settings: Settings, shop: Shop | None, store: Store) -> Diagnosis:
    """Compare the store that answers with the one whose sales are stored, if any.

    Raises:
        WrongUse: it is another one.
    """
    if shop is not None and shop.warehouse.store_id() is not None:
        refuse_another_store(shop, dict(store.retailer))
    where = origin_for(settings.domain_prefix or "", settings.api_url)
    return say.well("store", f"{where} answers")


def _judge_currency(shop: Shop | None, store: Store) -> Diagnosis:
    """Judge the currencies of store and outlets, beside that of the stored sales."""
    now = store.currencies
    return say.judge_currency(compare_currencies(shop, now) if shop else now)


def _examine_inputs(shop: Shop) -> Iterator[Diagnosis]:
    """Look at what the data directory holds for the pipeline to read."""
    yield _tried("web shop", lambda: say.judge_export(inputs.read_export(shop)))
    yield _tried("identity key", lambda: say.judge_key(inputs.has_lost_its_key(shop)))


def _tried(check: str, look: Callable[[], Diagnosis]) -> Diagnosis:
    """Return what a look finds; that it fails is a fault as well."""
    try:
        return look()
    except (PipelineError, OSError) as error:
        return _wrong(check, error)


def _wrong(check: str, error: PipelineError | OSError) -> Diagnosis:
    """Return the fault that a look has failed with."""
    if isinstance(error, PipelineError):
        return say.wrong(check, error)
    cause = f"{error.filename or 'A file'} cannot be read: {error.strerror}."
    return say.wrong(check, LocalFailure(cause, "Give yourself the right to it."))


def _show(found: Sequence[Diagnosis], terminal: Terminal) -> None:
    """Print a line a check, its remedy beneath; quietly, what is wrong only."""
    width = max(len(each.check) for each in found)
    for each in found:
        if terminal.manner.quiet:
            _complain(each, terminal)
        terminal.marked(each.grade, MARKS[each.grade], each.check, each.sentence, width)
        if each.remedy:
            terminal.marked("", "", "", each.remedy, width)
    grades = Counter(each.grade for each in found)
    told = (
        f"{(number := grades[each]) or 'no'} {each}{'' if number == 1 else 's'}"
        for each in (Grade.FAULT, Grade.WARNING)
    )
    terminal.out.print(f"\n{', '.join(told)}", style="bold")


def _complain(found: Diagnosis, terminal: Terminal) -> None:
    """Say what is wrong to whoever wants to hear of nothing else."""
    about = f"{found.check}: {found.sentence}"
    if found.grade is Grade.FAULT:
        terminal.fail(WrongUse(about, found.remedy))
    elif found.grade is Grade.WARNING:
        terminal.warn(f"{about} {found.remedy}")
