"""A shop as an earlier program left it: the tables that a next version has changed.

Rows of the next version are what the code writes; the version of today is made of them
by taking a column out of each file, and the footer says so.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from analytics_pipeline.storage import versions
from analytics_pipeline.storage.catch_ups import BEFORE, FOLDER, OVERRIDES, POLICIES
from analytics_pipeline.storage.feed_log import fingerprint
from analytics_pipeline.storage.older_files import list_notes
from analytics_pipeline.storage.parquet import write_rows
from analytics_pipeline.storage.state import open_note, write_note
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline.tables import (
    CUSTOMER_ANALYTICS,
    CUSTOMERS,
    RAW_SALES,
    SALES_FEED,
)

LACKING: dict[str, str] = {
    "sales_feed": "status",
    "customers": "is_walk_in",
    "raw_sales": "is_unknown",
    "customer_analytics": "is_high_value",
    "customer_changes/published": "is_high_value",
}
"""The column that version 1 of each table did not have."""

CHANGED = (SALES_FEED.form, CUSTOMERS.form, RAW_SALES.form, CUSTOMER_ANALYTICS.form)

OLDER = dict(versions.VERSIONS)
"""The version of each table in this program, which is the older one here."""

SECOND = "analytics_pipeline_tests.system.upgrades.older_shop:become_second"


def become_second() -> None:
    """Make this program the one whose changed tables are of the next version."""
    versions.VERSIONS.update({form: OLDER[form] + 1 for form in CHANGED})


def make_older(data: Path) -> None:
    """Put the tables back to the older version, in *data* of a program of that one."""
    for table, column in LACKING.items():
        older = str(OLDER[versions.STORED[table]]).encode()
        folder = data / "warehouse" / table
        for path in parquet_files(folder):
            rows = pq.read_table(path)
            assert rows.schema.metadata[b"schema_version"] == older
            write(path, rows.drop_columns([column]))
    for derived in ("bundles", "agreement.json"):
        remove(data / "warehouse/raw_sales" / derived)


def forget_versions(data: Path) -> None:
    """Put all files back to what was written before any reported its version."""
    for path in parquet_files(data / "warehouse"):
        rows = pq.read_table(path)
        notes = dict(rows.schema.metadata)
        del notes[b"schema_version"]
        write(path, rows.replace_schema_metadata(notes or None), write_unsealed)
    (data / "warehouse/versions.json").unlink()


def write_version(data: Path, version: int) -> None:
    """Let all files but the log's state that version."""
    for path in parquet_files(data / "warehouse"):
        if "sales_feed" not in path.parts:
            rows = pq.read_table(path)
            values = {**rows.schema.metadata, b"schema_version": str(version).encode()}
            write(path, rows.replace_schema_metadata(values))


def versions_in(data: Path) -> dict[str, set[bytes | None]]:
    """The versions that the files of each table report."""
    found: dict[str, set[bytes | None]] = {}
    for path in parquet_files(data / "warehouse"):
        table = path.relative_to(data / "warehouse").parts[0]
        facts = (pq.read_schema(path).metadata or {}).get(b"schema_version")
        found.setdefault(table, set()).add(facts)
    return found


def parquet_files(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.rglob("*.parquet")))


def write_unsealed(rows: pa.Table) -> bytes:
    """Return *rows* as a file from before there were seals."""
    notes = dict(rows.schema.metadata or {})
    notes.pop(b"file_sha256", None)
    sink = pa.BufferOutputStream()
    rows = rows.replace_schema_metadata(notes or None)
    pq.write_table(rows, sink, compression="zstd", compression_level=3)
    return bytes(sink.getvalue())


def write(
    path: Path, rows: pa.Table, encode: Callable[[pa.Table], bytes] = write_rows
) -> None:
    """Replace a file; one of the log has the fingerprint of its bytes."""
    content = encode(rows)
    if "generation-" in str(path):
        number, _, rest = path.name.partition("-")
        mark = "-q" if rest.endswith("-q.parquet") else ""
        path.unlink()
        path = path.with_name(f"{number}-{fingerprint(content)}{mark}.parquet")
    path.write_bytes(content)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def forget_catch_ups(data: Path) -> None:
    """Leave of all walks of a feed the last one, as programs did that kept no other."""
    warehouse = Warehouse(str(data / "warehouse"))
    for folder in (data / "warehouse").glob(f"*/{FOLDER}"):
        last = warehouse.catch_ups.last(folder.parent.name)
        assert last is not None
        note = {"began_at": last.began_at.isoformat(), "cursor": last.cursor}
        write_note(folder.parent / BEFORE, json.dumps(note) + "\n")
        shutil.rmtree(folder)
    for name in (POLICIES, OVERRIDES):
        remove(data / "warehouse" / name)


def unseal(data: Path) -> None:
    """Put all files back to what was written before there were seals."""
    for path in parquet_files(data / "warehouse"):
        if "sales_feed" not in path.parts:
            path.write_bytes(write_unsealed(pq.read_table(path)))
    for path in list_notes(UPath(data / "warehouse"), data):
        body = open_note(path.read_bytes())
        assert body is not None
        Path(str(path)).write_bytes(body)
    versions_file = data / "warehouse/versions.json"
    document = json.loads(versions_file.read_bytes()) | {"notes": versions.SEALED - 1}
    del document["seal"]
    versions_file.write_text(json.dumps(document), encoding="utf-8")
