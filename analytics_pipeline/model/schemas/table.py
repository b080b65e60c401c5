"""What every table is: exact columns, in order, of exact types."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pandera.pandas as pa
import pyarrow
from pandera.engines import pandas_engine

from analytics_pipeline.model.money import LARGEST_AMOUNT
from analytics_pipeline.model.text import LONGEST_ORDER_NUMBER

# ----------------------------------------------------------------------------------
# What every table of the pipeline is: exact columns, in order, of exact types.


_ARROW_TYPES: Mapping[str, pyarrow.DataType] = {
    "int64": pyarrow.int64(),
    "Int64": pyarrow.int64(),
    "bool": pyarrow.bool_(),
    "boolean": pyarrow.bool_(),
    # UTC without saying so: engines differ in what they do with zones.
    "datetime64[us, UTC]": pyarrow.timestamp("us"),
    "datetime64[ns]": pyarrow.timestamp("us"),
    "datetime64[us]": pyarrow.timestamp("us"),
}


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


@cache
def arrow_schema(table: type[Table]) -> pyarrow.Schema:
    """Return the column types of *table* on disk, in its column order."""
    columns = table.to_schema().columns
    return pyarrow.schema(
        [
            pyarrow.field(name, _ARROW_TYPES.get(str(column.dtype), pyarrow.string()))
            for name, column in columns.items()
        ]
    )


def columns_of(table: type[Table]) -> list[str]:
    """Return the columns of *table*, in order."""
    return list(frame_types(table))


# ----------------------------------------------------------------------------------
# The kinds of columns that tables share, so that a kind is described once.


_AMOUNTS = "amounts"


def identifier(description: str, *, unique: bool = False) -> Any:
    """Build a column that names something and is never empty."""
    return pa.Field(
        unique=unique, str_length={"min_value": 1}, description=f"id: {description}"
    )


def optional_identifier(description: str) -> Any:
    """Build a column that names something or is empty."""
    return pa.Field(nullable=True, description=f"id: {description}; may be empty")


def text(description: str) -> Any:
    """Build a text column that may be empty (missing, never a blank string)."""
    return pa.Field(nullable=True, description=f"{description}; may be empty")


def amount_or_text(description: str) -> Any:
    """Build a text column whose amounts people read as the numbers that they are."""
    return pa.Field(
        nullable=True,
        description=f"{description}; may be empty",
        metadata={_AMOUNTS: True},
    )


def holds_amounts(column: Any) -> bool:
    """Say whether a column of a schema was built by :func:`amount_or_text`."""
    return _AMOUNTS in (column.metadata or {})


def noted_order() -> Any:
    """Build the column of what a note says of a web order."""
    return pa.Field(
        nullable=True,
        str_length={"max_value": LONGEST_ORDER_NUMBER},
        description="what follows `Order ID:` at the start of the sale's note, to the "
        "end of that line: an order number, perhaps with words after it; may be empty",
    )


def gift_lines() -> Any:
    """Build the column of how many lines of a sale sell gift cards."""
    return pa.Field(ge=0, description="those of them that sell or top up a gift card")


def flag(description: str) -> Any:
    """Build a yes-or-no column."""
    return pa.Field(description=f"whether {description}")


def choice(description: str) -> Any:
    """Build a yes-or-no column that is empty where it is not known."""
    return pa.Field(
        nullable=True, description=f"whether {description}; empty if it is unknown"
    )


def cents(description: str) -> Any:
    """Build a column of money in integer cents of the shop's currency."""
    return pa.Field(
        in_range={"min_value": -LARGEST_AMOUNT, "max_value": LARGEST_AMOUNT},
        description=f"cents: {description}",
    )


def optional_number(description: str) -> Any:
    """Build a column of whole numbers that may be missing."""
    return pa.Field(
        nullable=True,
        in_range={"min_value": -LARGEST_AMOUNT, "max_value": LARGEST_AMOUNT},
        description=f"{description}; may be empty",
    )


def instant(description: str) -> Any:
    """Build a column of moments in UTC, to the microsecond."""
    return pa.Field(
        dtype_kwargs={"unit": "us", "tz": "UTC"}, description=f"UTC: {description}"
    )


def optional_instant(description: str) -> Any:
    """Build a column of moments in UTC that may be empty."""
    return pa.Field(
        nullable=True,
        dtype_kwargs={"unit": "us", "tz": "UTC"},
        description=f"UTC: {description}; may be empty",
    )


Day = pandas_engine.DateTime
"""A calendar day: midnight, without a zone."""


def day(description: str, *, title: str | None = None) -> Any:
    """Build a column of calendar days."""
    return pa.Field(
        dtype_kwargs={"unit": "us"}, title=title, description=f"date: {description}"
    )


def optional_day(description: str, *, title: str | None = None) -> Any:
    """Build a column of calendar days that may be empty."""
    return pa.Field(
        nullable=True,
        dtype_kwargs={"unit": "us"},
        title=title,
        description=f"date: {description}; may be empty",
    )


def titled(field: Any, title: str) -> Any:
    """Give *field* the header that people read."""
    field.title = title
    return field
