"""How a table is shown in the UI: its words, its place, its columns' origin."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.column_lineage import TAKEN_FROM, lineage_of
from analytics_pipeline.contracts import Contract, table_of
from analytics_pipeline.settings import Settings
from analytics_pipeline.storage.files import is_local, local
from analytics_pipeline.storage.objects import open_root
from analytics_pipeline.stories import STORIES, Story

OWNER = "team:analytics"
CONTACTS = {"email", "phone"}
"""Columns by whose values a person can be reached."""


def present(
    spec: dg.AssetSpec, catalogue: Catalogue, settings: Settings
) -> dg.AssetSpec:
    """Return *spec* with everything about its table that does not change."""
    contracts = {contract.name: contract for contract in catalogue.all}
    contract = contracts[table_of(spec.key)]
    story = STORIES[contract.name]
    above = contracts.get(TAKEN_FROM.get(contract.name, ""))
    metadata: dict[str, Any] = {
        **spec.metadata,
        "dagster/table_name": contract.name,
        "dagster/uri": _address(contract.name, story, settings),
    }
    if above is not None:
        metadata["dagster/column_lineage"] = lineage_of(contract, above)
    return spec.replace_attributes(
        description=_describe(spec.description or "", contract, story),
        owners=[OWNER],
        tags={**spec.tags, **_tags(contract)},
        metadata=metadata,
    )


def _describe(beginning: str, contract: Contract, story: Story) -> str:
    """Return the description: what the asset's own words leave open comes after."""
    place = (
        f"`{story.file}` in the data directory."
        if story.file
        else f"the table `{contract.name}` in the store."
    )
    lines = {
        "One row": f"{story.row}.",
        "For": story.use,
        "File": place,
        "When it is red": story.when_red,
    }
    told = "\n".join(f"- **{name}:** {text}" for name, text in lines.items())
    return f"{beginning}\n\n{told}"


def _tags(contract: Contract) -> Mapping[str, str]:
    """Say of a table whether it holds contacts: such a file is for its owner only."""
    columns = set(contract.model.to_schema().columns)
    return {"personal_data": "yes"} if columns & CONTACTS else {}


def _address(name: str, story: Story, settings: Settings) -> str:
    """Return the address of the table, or of the file that people open."""
    if story.file:
        return (settings.data_dir.absolute() / story.file).as_uri()
    folder = open_root(settings.warehouse_url) / name
    return local(folder).absolute().as_uri() if is_local(folder) else str(folder)
