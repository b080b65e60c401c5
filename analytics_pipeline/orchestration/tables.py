"""How Dagster knows a table: its key, checks, columns, lineage and description."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from analytics_pipeline.model.policy import Policy
from analytics_pipeline.settings import Settings
from analytics_pipeline.storage.feed_log import fingerprint
from analytics_pipeline.storage.files import is_local, local, read_if_there
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.tables import TABLES, Reads, TableSpec

OWNER = "team:analytics"
CONTACTS = {"email", "phone"}
"""Columns by whose values a person can be reached."""


def asset_key(table: str, shop: str | None) -> dg.AssetKey:
    """Return how Dagster's records name *table*, of *shop* in a chain."""
    return dg.AssetKey([shop, table] if shop else [table])


def table_of(key: dg.AssetKey) -> str:
    """Return the table of a key, whichever shop's it is."""
    return key.path[-1]


def dependencies(spec: TableSpec) -> list[dg.AssetDep]:
    """Return the tables that *spec* reads of this run.

    A daily table maps each day to the same day of a daily input, even where it reads
    every day before it: so a range of days stays one run.
    """
    outside = [] if spec.source is None else [dg.AssetDep(spec.source.value)]
    return outside + [
        dg.AssetDep(
            each.name,
            partition_mapping=dg.IdentityPartitionMapping()
            if spec.is_daily and TABLES[each.name].is_daily
            else None,
        )
        for each in spec.tables_read
        if each.reads is not Reads.EARLIER
    ]


def check_specs(
    spec: TableSpec, days: dg.PartitionsDefinition[str]
) -> list[dg.AssetCheckSpec]:
    """Return the checks that the gate reports, for the asset's decorator."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=spec.name,
            blocking=check.blocks,
            description=check.description,
            partitions_def=days if spec.is_daily else None,
        )
        for name, check in spec.all_checks.items()
    ]


def metadata_of(spec: TableSpec, settings: Settings) -> dict[str, Any]:
    """Return what the UI shows of a table whatever it holds."""
    metadata: dict[str, Any] = {
        "dagster/column_schema": _column_schema(spec),
        "dagster/table_name": spec.name,
        "dagster/uri": _address(spec, settings),
    }
    if spec.taken_from is not None:
        metadata["dagster/column_lineage"] = lineage_of(spec, settings.shop_name)
    return metadata


def _column_schema(spec: TableSpec) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                _in_words(name, str(column.dtype)),
                _with_header(column.title, column.description),
                dg.TableColumnConstraints(
                    nullable=column.nullable, unique=column.unique
                ),
            )
            for name, column in spec.schema.to_schema().columns.items()
        ]
    )


def _in_words(name: str, dtype: str) -> str:
    """Return a column's type as a person would call it."""
    if name.endswith("_cents"):
        return "money (cents)"
    if name.endswith("_tenths"):
        return "number (tenths)"
    if dtype.startswith("datetime64"):
        return "timestamp (UTC)" if "UTC" in dtype else "date"
    return {"bool": "yes or no"}.get(dtype, "text" if "string" in dtype else "integer")


def _with_header(header: str | None, description: str) -> str:
    """Name the header that a column has in the file, where people know it by that."""
    return f"*{header}* in the file – {description}" if header else description


def lineage_of(spec: TableSpec, shop: str | None) -> dg.TableColumnLineage:
    """Return which columns *spec* takes over unchanged, as Dagster keeps it."""
    key = asset_key(str(spec.taken_from), shop)
    return dg.TableColumnLineage(
        {
            ours: [dg.TableColumnDep(asset_key=key, column_name=theirs)]
            for ours, theirs in sorted(spec.taken_columns.items())
        }
    )


def code_version(spec: TableSpec, settings: Settings) -> str:
    """Return what a table's form and rules are: a hash of its schema and the policy.

    The shop's file of policies goes in as it is, because one with a mistake must not
    keep the definitions from being loaded; the run then names the mistake.
    """
    columns = spec.schema.to_schema().columns.values()
    parts = [
        *(f"{it.name} {it.dtype} {it.nullable} {it.unique}" for it in columns),
        repr(Policy()),
    ]
    policies = read_if_there(settings.policy_file) or b""
    return fingerprint("\n".join(parts).encode() + policies)[:16]


def describe(spec: TableSpec) -> str:
    """Return the description of a table: what it is, and what to do when it fails."""
    place = (
        f"`{spec.file}` in the data directory."
        if spec.file
        else f"the table `{spec.name}` in the store."
    )
    lines = {
        "One row": f"{spec.row}.",
        "For": spec.use,
        "File": place,
        "When it is red": spec.when_red,
    }
    listed = "\n".join(f"- **{name}:** {text}" for name, text in lines.items())
    return f"{spec.summary}\n\n{listed}"


def tags_of(spec: TableSpec) -> Mapping[str, str]:
    """Say of a table whether it holds contacts: such a file is for its owner only."""
    return {"personal_data": "yes"} if spec.columns & CONTACTS else {}


def _address(spec: TableSpec, settings: Settings) -> str:
    """Return the address of the table, or of the file that people open."""
    if spec.file:
        return (settings.data_dir.absolute() / spec.file).as_uri()
    folder = open_root(settings.warehouse_url) / spec.name
    return local(folder).absolute().as_uri() if is_local(folder) else str(folder)
