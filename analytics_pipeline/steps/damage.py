"""Find damaged files before a run reads them, and set them aside.

What is set aside is not there for the run, which makes it again from what is sound: the
days of ``raw_sales`` from the log, tables of a source from that source, and what is
worked out from those.  The damaged file stays beside it, under a name of its own, for
whoever wants to look at it.
"""

import logging

from upath import UPath

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ecom_orders import export_path
from analytics_pipeline.storage.agreement import forget_agreement
from analytics_pipeline.storage.day_bundles import DayBundles
from analytics_pipeline.storage.files import (
    is_local,
    list_names,
    local,
    read_all,
    remove_folder,
    replace_bytes,
)
from analytics_pipeline.storage.proved_files import proved_files
from analytics_pipeline.storage.seals import State, examine
from analytics_pipeline.storage.stored_files import SET_ASIDE
from analytics_pipeline.storage.warehouse import is_table

MADE_AGAIN = {
    "outlets": "it is read again from Lightspeed, this once without a comparison",
    "customers": "all records are read again from Lightspeed",
    "ecom_orders": "it is read again from the export, this once without a comparison",
    "raw_sales": "it is cut again from the log",
    "customer_identities": "it is worked out again",
    "ecom_reconciliation": "it is worked out again",
}
"""The tables that a run makes again where they are not there, and how."""

COMPARED = {
    "outlets": "what Lightspeed has now",
    "ecom_orders": "the export that is in place",
}
"""Those whose gates hold what is read against the table itself."""

AT_ONCE = 64
"""How many objects of a bucket are fetched together."""

_log = logging.getLogger(__name__)


def set_damaged_aside(shop: Shop, *, in_buckets: bool = False) -> None:
    """Set aside each damaged file that this run makes again, and tell of it.

    A bucket proves what it stores by itself, so its objects are only fetched for this
    *in_buckets*.

    Raises:
        LocalFailure: one cannot be made again without a loss.
    """
    proved_files().forget()  # what an earlier run has seen proves nothing now
    published = shop.publication.put_back()
    if published is not None:
        _tell(shop, f"The published master was damaged: {published} is put back.")
    root = shop.warehouse.root
    if not (is_local(root) or in_buckets):
        return
    for table, made in MADE_AGAIN.items():
        for name in _find_damaged(root / table):
            path = root / table / name
            _refuse_loss(shop, table, path)
            _set_aside(path)
            day = "" if path.stem == table else f" of {path.stem}"
            _tell(shop, f"{table}{day} was damaged: {made}. See {path}{SET_ASIDE}")


def remove_caches(shop: Shop) -> None:
    """Remove every copy of stored rows, and the note that days agree with the log.

    What is made after this is made from the tables themselves.
    """
    root = shop.warehouse.root
    forget_agreement(root / "raw_sales")
    DayBundles(root / "raw_sales").remove()
    for name in list_names(root / "sales_feed"):
        if name.startswith("generation-"):
            remove_folder(root / "sales_feed" / name / "bundles")


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
    if table == "ecom_orders" and not export_path(shop).exists():
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


def _tell(shop: Shop, sentence: str) -> None:
    """Tell it where the command was typed, and in the log of the run."""
    _log.warning(sentence)
    shop.tell(sentence)
