"""Every file that the pipeline keeps, by how its bytes are proved."""

from collections.abc import Iterator
from pathlib import Path

from upath import UPath

from analytics_pipeline.schemas.versions import STORED
from analytics_pipeline.storage.files import AnyPath, list_names

SET_ASIDE = ".damaged"
"""How the name of a damaged file ends that a run has set aside."""

_OF_A_TABLE = (
    "agreement.json",
    "catch_up.json",
    "current_generation",
    "failed_gates.json",
    "first_day",
    "usual.json",
)
_OF_A_GENERATION = ("judged_segments",)
_OF_THE_STORE = ("acceptances.json", "owner", "store_id")
_OF_THE_DATA = (
    ".identity_key",
    ".store_owner",
    ".customer_analytics_master.csv.json",
    "archive/.hashes.json",
    ".dagster/alerts.json",
)
_BUNDLES = "bundles"


def list_tables(root: UPath) -> Iterator[UPath]:
    """Yield every Parquet file under *root*: tables, days, the log, and bundles."""
    for folder in _folders(root):
        yield from (
            folder / name for name in list_names(folder) if name.endswith(".parquet")
        )


def list_notes(root: UPath, data_dir: Path) -> Iterator[AnyPath]:
    """Yield every small note that is there, of the store and of the data directory."""
    for folder in _folders(root):
        wanted = {*_OF_A_TABLE, *_OF_A_GENERATION, "index.json"}
        yield from (folder / name for name in list_names(folder) if name in wanted)
    yield from (root / name for name in list_names(root) if name in _OF_THE_STORE)
    for name in _OF_THE_DATA:
        if (data_dir / name).exists():
            yield data_dir / name


def list_set_aside(root: UPath) -> Iterator[UPath]:
    """Yield the damaged files that runs have set aside."""
    for folder in _folders(root):
        yield from (
            folder / name for name in list_names(folder) if name.endswith(SET_ASIDE)
        )


def _folders(root: UPath) -> Iterator[UPath]:
    """Yield every folder of the store that holds files of a table."""
    for table in STORED:
        yield from _with_bundles(root / table)
        for name in list_names(root / table):
            if name.startswith("generation-"):
                yield from _with_bundles(root / table / name)


def _with_bundles(folder: UPath) -> Iterator[UPath]:
    yield folder
    if _BUNDLES in list_names(folder):
        yield folder / _BUNDLES
