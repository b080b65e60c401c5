"""The web shop's export as a file: rows of named cells, or what is wrong with it.

E-Series dialect (API 6.1): ``;``, quotes doubled, line breaks inside quoted cells.
Only columns that are asked for by name leave this module.
"""

import csv
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from analytics_pipeline.errors import WrongUse
from analytics_pipeline.sources.file_kinds import (
    EXPORT_AGAIN,
    FileKind,
    name_bytes,
    name_first_line,
    name_table,
    name_text,
)

_LONGEST_CELL = 2**31 - 1


class DecimalMark(StrEnum):
    """What stands before the cents of an amount."""

    POINT = "."
    COMMA = ","


class Delimiter(StrEnum):
    """What stands between two cells."""

    SEMICOLON = ";"
    COMMA = ","
    TAB = "\t"

    @property
    def plural(self) -> str:
        """What people call it, many of it."""
        return {";": "semicolons", ",": "commas", "\t": "tabs"}[self]

    @property
    def shown(self) -> str:
        """How a sentence shows it."""
        return "a tab" if self is Delimiter.TAB else f"`{self}`"


@dataclass(frozen=True, slots=True)
class ExportDialect:
    """How the shop declares its export to be written; by default E-Series.

    It says how the file is read, never what an amount means.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    decimal: DecimalMark = DecimalMark.POINT
    delimiter: Delimiter = Delimiter.SEMICOLON


E_SERIES = ExportDialect()
"""The dialect of API 6.1."""


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One row: where it begins in the file, and the asked cells by name, trimmed."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """The text of an export, how it is written, and which columns are asked of it.

    Attributes:
        name: what it is called in messages.
        content: its bytes.
        delimiter: what stands between two cells.
        needed: columns that it must have; of each group, at least one.
        optional: columns that it may have.
    """

    name: str
    content: bytes
    delimiter: Delimiter
    needed: Sequence[Sequence[str]]
    optional: Sequence[str]

    def rows(self) -> Iterator[ExportRow]:
        """Yield the rows with the cells of the asked columns that the file has.

        Raises:
            WrongUse: the file is no such export.
        """
        csv.field_size_limit(_LONGEST_CELL)
        text = self._text()
        self._check_delimiter(text)
        reader = csv.reader(text, delimiter=self.delimiter, strict=True)
        try:
            header = next(reader, [])
            places = self._places(header)
            begins = reader.line_num + 1
            for cells in reader:
                if cells:
                    self._check_emptiness(cells, begins)
                    self._check_width(cells, header, begins)
                    named = {key: _cell(cells[place]) for key, place in places.items()}
                    yield ExportRow(begins, named)
                begins = reader.line_num + 1
        except csv.Error as error:
            cause = f"{self.name}, line {reader.line_num}: the quotes of a cell do "
            raise WrongUse(f"{cause}not match.", EXPORT_AGAIN) from error

    def optional_columns(self) -> list[str]:
        """Return which of the columns that it may have are there."""
        titles = self._titles(self._text(), self.delimiter)
        return sorted(set(self.optional) & set(titles))

    def _text(self) -> io.StringIO:
        """Return the text as it is, its line ends too."""
        self._refuse(name_bytes(self.content))
        text = self.content.decode("utf-8-sig")
        self._refuse(name_first_line(text))
        return io.StringIO(text, newline="")

    def _refuse(self, kind: FileKind | None) -> None:
        """Say what the file is, if it is known to be something else than an export."""
        if kind is not None:
            raise WrongUse(f"{self.name} {kind.what}.", kind.remedy)

    def _check_delimiter(self, text: io.StringIO) -> None:
        """Tell a file of another delimiter, before it is misread."""
        fitting = [each for each in Delimiter if self._knows_a_title(text, each)]
        if fitting and self.delimiter not in fitting:
            raise WrongUse(
                f"{self.name} is divided by {fitting[0].plural}; "
                f"{self.delimiter.shown} was expected.",
                f"Export it again with {self.delimiter.shown} as delimiter, or set "
                "ecom_export.delimiter in analytics.toml.",
            )
        text.seek(0)

    def _knows_a_title(self, text: io.StringIO, delimiter: Delimiter) -> bool:
        """Say whether a needed column has its title when cells end at *delimiter*."""
        text.seek(0)
        titles = set(self._titles(text, delimiter))
        return not titles.isdisjoint(itertools.chain.from_iterable(self.needed))

    @staticmethod
    def _titles(text: io.StringIO, delimiter: Delimiter) -> list[str]:
        """Return the titles of the columns; none where the quotes do not match."""
        try:
            header = next(csv.reader(text, delimiter=delimiter, strict=True), [])
        except csv.Error:
            return []
        return [title.strip() for title in header]

    def _places(self, header: list[str]) -> dict[str, int]:
        """Return where each asked column stands; its place is the store's affair."""
        titles = [title.strip() for title in header]
        missing = [group[0] for group in self.needed if not set(group) & set(titles)]
        if len(missing) == len(self.needed):
            self._refuse_other_kinds()
        if missing:
            columns = ", ".join(f"`{column}`" for column in missing)
            raise WrongUse(f"{self.name} lacks the column {columns}.", EXPORT_AGAIN)
        every = (*itertools.chain.from_iterable(self.needed), *self.optional)
        asked = [column for column in every if column in titles]
        for column in asked:
            if titles.count(column) > 1:
                cause = f"{self.name} has the column `{column}` twice."
                remedy = "Rename the custom field of that name and export."
                raise WrongUse(cause, remedy)
        return {column: titles.index(column) for column in asked}

    def _refuse_other_kinds(self) -> None:
        """Name a text without a single column of an order export, if it is known."""
        text = self._text()
        self._refuse(name_text(text.getvalue()))
        titles: set[str] = set()
        for delimiter in Delimiter:
            text.seek(0)
            titles.update(self._titles(text, delimiter))
        self._refuse(name_table(titles))

    def _check_emptiness(self, cells: list[str], line: int) -> None:
        if not any(map(_cell, cells)):
            raise WrongUse(
                f"{self.name}, line {line}: all {len(cells)} cells are empty, as in a "
                "row that a spreadsheet added.",
                EXPORT_AGAIN,
            )

    def _check_width(self, cells: list[str], header: list[str], line: int) -> None:
        if len(cells) != len(header):
            cause = f"{self.name}, line {line}: {len(cells)} cells, not {len(header)}."
            raise WrongUse(cause, EXPORT_AGAIN)


def _cell(text: str) -> str:
    """Return a cell trimmed; a NUL is what a damaged disk leaves, never text."""
    return text.replace("\0", "").strip()
