"""Bring the tables that an earlier program left up to date, before any is read.

Each older table is turned into today's form by the steps of its schema.  Without such
steps it is cleared away and made anew by the run, from the log, from Lightspeed or from
the export; what was known of earlier days is left unread.  That all is done is noted
last, so a run that dies half-way is begun again by the next one.
"""

import logging
from functools import partial

from analytics_pipeline.domain.wording import say
from analytics_pipeline.errors import LocalFailure, WrongUse
from analytics_pipeline.schemas.versions import (
    FIRST,
    HISTORY,
    NOTES,
    NOTES_VERSION,
    SEALED,
    STORED,
    VERSIONS,
    current_versions,
    is_reachable,
)
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ecom_orders import export_path
from analytics_pipeline.storage.older_files import Count, OlderFiles, turn_log
from analytics_pipeline.storage.sales_log import SalesLog
from analytics_pipeline.storage.small_notes import seal_older_note
from analytics_pipeline.storage.stored_files import list_notes
from analytics_pipeline.storage.stored_versions import SALES_FEED

MARKED = ("raw_sales",)
"""Tables whose files are told apart byte for byte and are not written by each run, so
that those from before there were versions must tell theirs too (rule 7.3)."""

MADE_ANEW = {
    "outlets": "read again from Lightspeed",
    "customers": "read again from Lightspeed",
    "ecom_orders": "read again from the export",
    "raw_sales": "cut again from the log",
    "customer_identities": "worked out again",
    "ecom_reconciliation": "worked out again",
}

_log = logging.getLogger(__name__)


def bring_up_to_date(shop: Shop) -> None:
    """Turn what is stored into the form that this program reads, or clear it away.

    Raises:
        WrongUse: a newer program has written there; nothing is touched.
        LocalFailure: a table could not be turned; it stays as it is.
    """
    shop.versions.refuse_newer()
    if not shop.versions.is_older():
        return
    now = current_versions()
    for table in STORED:
        if shop.versions.of(table) >= now[table]:
            continue
        if table != SALES_FEED:
            _upgrade(shop, table)
        else:
            now[SALES_FEED] = _upgrade_log(shop)
    if shop.versions.of(NOTES) < NOTES_VERSION:
        _files(shop, "raw_sales").forget_copies()
    if shop.versions.of(NOTES) < SEALED:
        _seal_all(shop)
    shop.versions.note(now)


def _upgrade(shop: Shop, table: str) -> None:
    """Bring one table up to date that is kept in files of its own."""
    files, now = _files(shop, table), VERSIONS[STORED[table]]
    # Where it was never noted, or the note is lost, each file is asked.
    found = shop.versions.of(table) or files.oldest_version()
    if not files.names or (found == now and table not in MARKED):
        return
    count, many = _counting(shop, table), f"{len(files.names):,} files"
    older = f"{table} is of version {found}, and this program has version {now}"
    if found == now:
        _tell(shop, f"{table}: {many} are from before files told their version.")
        files.turn(count, is_kept=False)
    elif is_reachable(STORED[table], found):
        _tell(shop, f"{older}: {many} are turned into it.")
        files.turn(count, is_kept=table in HISTORY)
    elif table in HISTORY:
        _tell(
            shop,
            f"{older}: {many} stay as they are, and are not read. To make a day again: "
            "analytics-pipeline update --as-of DAY",
        )
    else:
        _keep_web_orders(shop, table)
        _tell(shop, f"{older}: it is {MADE_ANEW[table]}.")
        files.remove(count)


def _seal_all(shop: Shop) -> None:
    """Seal what was written before files bore seals, as it is now.

    The files of the log bear the hashes of their bytes in their names already.
    """
    sealed = sum(
        _files(shop, table).seal(_counting(shop, table))
        for table in STORED
        if table != SALES_FEED
    )
    if sealed:
        told = say(sealed, "stored file is", "stored files are")
        _tell(shop, f"{told} sealed, so that damage shows from now on.")
    for path in list_notes(shop.warehouse.root, shop.settings.data_dir):
        seal_older_note(path)


def _keep_web_orders(shop: Shop, table: str) -> None:
    """Make sure that web orders can be read again before they are cleared away.

    Raises:
        WrongUse: their export is gone.
    """
    export = export_path(shop)
    if table == "ecom_orders" and not export.exists():
        if shop.warehouse.row_count(table) == 0:
            return
        raise WrongUse(
            "The stored web orders are of an older version, and their export is gone.",
            f"Put it back: {export}",
        )


def _upgrade_log(shop: Shop) -> int:
    """Bring the log of sales up to date; return of which version it is now.

    One that stays older is read again from its start by whoever reads it next.  What an
    earlier run has turned, and died before it could note it, is found as such.
    """
    log, now = shop.sales_log(), VERSIONS[STORED[SALES_FEED]]
    found = _version_of(log)
    if found == now:
        if now > FIRST:
            shop.versions.note_log(log)
        return now
    older = f"{SALES_FEED} is of version {found}, and this program has version {now}"
    if is_reachable(STORED[SALES_FEED], found):
        try:
            _tell(shop, f"{older}: it is turned into it, as a new generation.")
            shop.versions.note_log(turn_log(log, _counting(shop, SALES_FEED)))
        except LocalFailure as error:
            _tell(shop, f"{error.cause} So all sales are read again from Lightspeed.")
            return found
        return now
    _tell(shop, f"{older}: all sales are read again from Lightspeed.")
    return found


def _version_of(log: SalesLog) -> int:
    """Return of which version a log is; a damaged one is mended by a rebuild."""
    try:
        return max(log.version(), FIRST)
    except LocalFailure:
        return FIRST


def _files(shop: Shop, table: str) -> OlderFiles:
    return OlderFiles(shop.warehouse.root / table, STORED[table])


def _counting(shop: Shop, table: str) -> Count:
    return partial(shop.progress, f"files of {table}")


def _tell(shop: Shop, sentence: str) -> None:
    """Tell it where the command was typed, and in the log of the run."""
    _log.info(sentence)
    shop.tell(sentence)
