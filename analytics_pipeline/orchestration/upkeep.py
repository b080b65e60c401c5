"""Before a run reads: bring older tables up to date, and set damaged files aside."""

import logging
from functools import partial

from upath import UPath

from analytics_pipeline.assets.export_in_place import export_path
from analytics_pipeline.model.errors import LocalFailure, WrongUse
from analytics_pipeline.model.text import say
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.checkpoints import Checkpoints
from analytics_pipeline.storage.feed_log import FeedLog
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    read_all,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.older_files import (
    SALES_FEED,
    SET_ASIDE,
    Count,
    OlderFiles,
    list_notes,
)
from analytics_pipeline.storage.parquet import State, examine, proved_files
from analytics_pipeline.storage.state import forget_agreement, seal_older_note
from analytics_pipeline.storage.tables import DayBundles, is_table
from analytics_pipeline.storage.versions import (
    FIRST,
    HISTORY,
    NOTES,
    NOTES_VERSION,
    SEALED,
    STORED,
    VERSIONS,
    current_versions,
    oldest_read,
)
from analytics_pipeline.tables import TABLES, Kept

# ----------------------------------------------------------------------------------
# Find damaged files before a run reads them, and set them aside.
#
# What is set aside is not there for the run, which makes it again from what is sound:
# the days of ``raw_sales`` from the log, tables of a source from that source, and
# what is worked out from those. The damaged file stays next to it, under a name
# of its own, to be looked at.


MADE_AGAIN = {
    spec.name: spec.remade for spec in TABLES.values() if spec.kept is Kept.CURRENT
}
"""The tables that a run makes again where they are not there, and how."""

LOGS = [spec.name for spec in TABLES.values() if spec.kept is Kept.LOG]
"""The tables that are append-only logs."""

COMPARED = {
    "outlets": "what Lightspeed has now",
    "ecom_orders": "the export that is in place",
}
"""Those whose gates hold what is read against the table itself."""

AT_ONCE = 64
"""How many objects of a bucket are fetched together."""

_log = logging.getLogger(__name__)


def set_damaged_aside(shop: Shop, *, in_buckets: bool = False) -> None:
    """Set aside each damaged file that this run makes again, and report it.

    A bucket verifies what it stores, so its objects are only fetched for this
    *in_buckets*.

    Raises:
        LocalFailure: one cannot be made again without a loss.
    """
    proved_files().forget()  # what an earlier run has seen proves nothing now
    published = shop.publication.put_back()
    if published is not None:
        _announce_sealed(
            shop, f"The published master was damaged: {published} is put back."
        )
    root = shop.warehouse.root
    if not (is_local(root) or in_buckets):
        return
    for table, remade in MADE_AGAIN.items():
        made = f"{remade}, this once without a comparison"
        made = made if table in COMPARED else remade
        for name in _find_damaged(root / table):
            path = root / table / name
            _refuse_loss(shop, table, path)
            _set_aside(path)
            day = "" if path.stem == table else f" of {path.stem}"
            _announce_sealed(
                shop, f"{table}{day} was damaged: {made}. See {path}{SET_ASIDE}"
            )
    shop.warehouse.list_again()


def remove_caches(shop: Shop) -> None:
    """Remove every copy and sum of stored rows, and the note that days agree.

    What is made after this is made from the tables themselves.
    """
    root = shop.warehouse.root
    forget_agreement(root / "raw_sales")
    DayBundles(root / "raw_sales").remove()
    shop.warehouse.list_again()
    Checkpoints(root / "raw_sales", {}).remove()
    for log in LOGS:
        for name in list_names(root / log):
            if name.startswith("generation-"):
                remove_folder(root / log / name / "bundles")


def _find_damaged(folder: UPath) -> list[str]:
    """Return the names of the files of a table that are not as they were written."""
    names = [name for name in list_names(folder) if is_table(name)]
    if is_local(folder):
        return proved_files().find_unsound_in(local(folder), names)
    found: list[str] = []
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        contents = read_all([folder / name for name in some])
        found += [
            name
            for name, content in zip(some, contents, strict=True)
            if examine(content) is not State.SOUND
        ]
    return found


def _refuse_loss(shop: Shop, table: str, path: UPath) -> None:
    """Make sure that a table may be made again as if it had never been.

    Raises:
        LocalFailure: its gate would let through what it has stopped, or there is
            nothing to make it from.
    """
    if table not in COMPARED:
        return
    there_is = COMPARED[table]
    remedy = (
        f"Put {path} back from a backup. Without one, make sure that {there_is} is "
        "whole and right, remove the damaged file, then run: analytics-pipeline update"
    )
    if shop.warehouse.failures(table):
        raise LocalFailure(
            f"{path} is damaged. {there_is.capitalize()} did not pass the gate of "
            f"{table}, which compares with that file.",
            remedy,
        )
    is_read = shop.settings.reads_web_shop
    if table == "ecom_orders" and not (is_read or export_path(shop).exists()):
        raise LocalFailure(
            f"{path} is damaged, and {export_path(shop)} is not there to read it from.",
            f"Put the export back, then run: analytics-pipeline update. If there never "
            f"was one, remove {path} first.",
        )


def _set_aside(path: UPath) -> None:
    """Give a damaged file another name, which no table has."""
    aside = path.with_name(f"{path.name}{SET_ASIDE}")
    if is_local(path):
        local(path).replace(local(aside))
    else:
        replace_bytes(aside, path.read_bytes())
        path.unlink()


def _announce_sealed(shop: Shop, sentence: str) -> None:
    """Print it where the command was typed, and in the log of the run."""
    _log.warning(sentence)
    shop.notify(sentence)


# ----------------------------------------------------------------------------------
# Bring the tables that an earlier program left up to date, before any is read.
#
# Each older table is removed and made again by the run, from the log, from Lightspeed
# or from the export; what was known of earlier days is left unread. That all is done
# is noted last, so a run that dies half-way is begun again by the next one.


def bring_up_to_date(shop: Shop) -> None:
    """Remove what is stored in a form that this program does not read any more.

    Raises:
        WrongUse: a newer program has written there; nothing is touched.
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
    if not files.names or found >= oldest_read(STORED[table]):
        return  # with fewer words, it is read as it is
    older = f"{table} is of version {found}, and this program has version {now}"
    if table in HISTORY:
        many = f"{len(files.names):,} files"
        _announce(
            shop,
            f"{older}: {many} stay as they are, and are not read. To make a day again: "
            "analytics-pipeline update --as-of DAY",
        )
        return
    _keep_web_orders(shop, table)
    _announce(shop, f"{older}: {MADE_AGAIN[table]}.")
    files.remove(_counting(shop, table))


def _seal_all(shop: Shop) -> None:
    """Seal what was written before files had seals, as it is now.

    The files of the log have the hashes of their bytes in their names already.
    """
    sealed = sum(
        _files(shop, table).seal(_counting(shop, table))
        for table in STORED
        if table != SALES_FEED
    )
    if sealed:
        count = say(sealed, "stored file is", "stored files are")
        _announce(shop, f"{count} sealed, so that damage shows from now on.")
    for path in list_notes(shop.warehouse.root, shop.settings.data_dir):
        seal_older_note(path)


def _keep_web_orders(shop: Shop, table: str) -> None:
    """Make sure that web orders can be read again before they are cleared away.

    Raises:
        WrongUse: their export is gone.
    """
    export = export_path(shop)
    is_read = shop.settings.reads_web_shop
    if table == "ecom_orders" and not (is_read or export.exists()):
        if shop.warehouse.row_count(table) == 0:
            return
        raise WrongUse(
            "The stored web orders are of an older version, and their export is gone.",
            f"Put it back: {export}",
        )


def _upgrade_log(shop: Shop) -> int:
    """Say that an older log of sales is read again; return of which version it is.

    Anyone who reads it next reads it from its start.
    """
    log, now = shop.sales_log(), VERSIONS[STORED[SALES_FEED]]
    found = _version_of(log)
    if found == now:
        shop.versions.note_log(log)
        return now
    older = f"{SALES_FEED} is of version {found}, and this program has version {now}"
    _announce(
        shop,
        f"{older}: all sales are read again from Lightspeed, "
        "which takes as long as a first load.",
    )
    return found


def _version_of(log: FeedLog) -> int:
    """Return the version of a log; a damaged one is repaired by a rebuild."""
    try:
        return max(log.version(), FIRST)
    except LocalFailure:
        return FIRST


def _files(shop: Shop, table: str) -> OlderFiles:
    return OlderFiles(shop.warehouse.root / table, STORED[table])


def _counting(shop: Shop, table: str) -> Count:
    return partial(shop.progress, f"files of {table}")


def _announce(shop: Shop, sentence: str) -> None:
    """Print it where the command was typed, and in the log of the run."""
    _log.info(sentence)
    shop.notify(sentence)
