"""The web shop's export as a file: rows of named cells, or what is wrong with it.

E-Series dialect (API 6.1): ``;``, quotes doubled, line breaks inside quoted cells.
Only columns that are asked for by name leave this module.
"""

import csv
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from analytics_pipeline.errors import WrongUse

DELIMITER = ";"
_LONGEST_CELL = 2**31 - 1

EXPORT_AGAIN = (
    "Export the orders again from the web shop as CSV with `;` as delimiter and all "
    "columns, and do not save the file from a spreadsheet."
)


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row: where it begins in the file, and the asked cells by name, trimmed."""

    line: int
    cells: dict[str, str]


def read_rows(
    path: Path, needed: Sequence[Sequence[str]], optional: Sequence[str]
) -> Iterator[ExportRow]:
    """Yield the rows of *path* with the cells of the asked columns that it has.

    Args:
        path: the export.
        needed: columns that it must have; of each group, at least one.
        optional: columns that it may have.

    Raises:
        WrongUse: the file cannot be read, or is no such export.
    """
    csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _parsed(file, path.name, needed, optional)
    except IsADirectoryError as error:
        raise WrongUse(f"{path.name} is a folder.", "Name the file itself.") from error
    except OSError as error:
        cause = f"{path.name} cannot be read: {error.strerror}."
        raise WrongUse(cause, "Check that the file is there and readable.") from error
    except UnicodeDecodeError as error:
        cause = f"{path.name} is not UTF-8 text."
        raise WrongUse(cause, EXPORT_AGAIN) from error


def _parsed(
    file: TextIO, name: str, needed: Sequence[Sequence[str]], optional: Sequence[str]
) -> Iterator[ExportRow]:
    _check_delimiter(file.readline(), name)
    file.seek(0)
    reader = csv.reader(file, delimiter=DELIMITER, strict=True)
    try:
        header = next(reader, [])
        places = _places(header, name, needed, optional)
        begins = reader.line_num + 1
        for cells in reader:
            if cells:
                _check_width(cells, header, name, begins)
                named = {key: _cell(cells[place]) for key, place in places.items()}
                yield ExportRow(begins, named)
            begins = reader.line_num + 1
    except csv.Error as error:
        cause = f"{name}, line {reader.line_num}: the quotes of a cell do not match."
        raise WrongUse(cause, EXPORT_AGAIN) from error


def _check_delimiter(head: str, name: str) -> None:
    """Tell an empty file, or one of another dialect, before it is misread."""
    if not head.strip():
        raise WrongUse(f"{name} is empty.", EXPORT_AGAIN)
    if DELIMITER not in head and "," in head:
        cause = f"{name} is divided by commas; `{DELIMITER}` was expected."
        raise WrongUse(cause, EXPORT_AGAIN)


def _cell(text: str) -> str:
    """Return a cell trimmed; a NUL is what a damaged disk leaves, never text."""
    return text.replace("\0", "").strip()


def _places(
    header: list[str],
    name: str,
    needed: Sequence[Sequence[str]],
    optional: Sequence[str],
) -> dict[str, int]:
    """Return where each asked column stands; its place is the store's own affair."""
    titles = [title.strip() for title in header]
    missing = [group[0] for group in needed if not set(group) & set(titles)]
    if missing:
        columns = ", ".join(f"`{column}`" for column in missing)
        cause = f"{name} lacks the column {columns}."
        raise WrongUse(cause, EXPORT_AGAIN)
    every = (*itertools.chain.from_iterable(needed), *optional)
    asked = [column for column in every if column in titles]
    for column in asked:
        if titles.count(column) > 1:
            cause = f"{name} has the column `{column}` twice."
            raise WrongUse(cause, "Rename the custom field of that name and export.")
    return {column: titles.index(column) for column in asked}


def _check_width(cells: list[str], header: list[str], name: str, line: int) -> None:
    if len(cells) != len(header):
        cause = f"{name}, line {line}: {len(cells)} cells, not {len(header)}."
        raise WrongUse(cause, EXPORT_AGAIN)
