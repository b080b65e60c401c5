"""What every table of the pipeline is: exact columns, in order, of exact types."""

from collections.abc import Mapping
from functools import cache

import pandera.pandas as pa


class Table(pa.DataFrameModel):
    """A table whose columns are exactly the declared ones, in the declared order."""

    class Config:
        """An unexpected column is an event, not a surprise later on."""

        strict = True
        ordered = True


@cache
def frame_types(table: type[Table]) -> Mapping[str, str]:
    """Return the pandas type of every column of *table*, in order."""
    types = {}
    for name, column in table.to_schema().columns.items():
        kind = str(column.dtype)
        naive = kind.startswith("datetime64") and "UTC" not in kind
        types[name] = "str" if "string" in kind else "datetime64[us]" if naive else kind
    return types
