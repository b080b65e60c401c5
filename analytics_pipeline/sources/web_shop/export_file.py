"""The web shop's export as a file: rows of named cells, or what is wrong with it."""

import csv
import io
import itertools
import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from analytics_pipeline.model.errors import WrongUse

# ----------------------------------------------------------------------------------
# Files that a person places or names: read if they are files, never waited for.
#
# A pipe, a device or a socket can make its reader wait forever, or has no end; a
# program that holds the data directory meanwhile would stop every run.


LARGEST = 512 << 20
"""Bytes: more than a million lines of orders; no export of a shop is larger."""

_NAME_A_FILE = "Name the order export of the web shop, a CSV file."
_SAVE_FIRST = "Save the order export of the web shop as a file, and name that file."
_KINDS = (
    (stat.S_ISDIR, "is a folder", "Name the file itself, the order export as CSV."),
    (stat.S_ISFIFO, "is a pipe, not a file", _SAVE_FIRST),
    (stat.S_ISSOCK, "is a socket, not a file", _NAME_A_FILE),
    (stat.S_ISCHR, "is a device, not a file", _NAME_A_FILE),
    (stat.S_ISBLK, "is a device, not a file", _NAME_A_FILE),
)


def is_placed(path: Path) -> bool:
    """Say whether anything has the name *path*, a link to a missing file too."""
    return os.path.lexists(path)


def refuse_unreadable(path: Path) -> None:
    """Refuse *path* where it is no file that can be read; nothing of it is read.

    Raises:
        WrongUse: it is missing, is no ordinary file, cannot be opened or is too large.
    """
    read_placed(path, most=0)


def read_placed(path: Path, most: int | None = None) -> bytes:
    """Return the bytes of the file *path*, at most the first *most* of them.

    Raises:
        WrongUse: it is missing, is no ordinary file, cannot be read or is too large.
    """
    try:
        # A device may act on being opened, and a pipe may take the place of a file
        # between two looks: so the name is checked first, then what was opened.
        _refuse_kind(path, path.stat())
        with open(path, "rb", buffering=0, opener=_open_at_once) as stream:
            _refuse_kind(path, os.fstat(stream.fileno()))
            return _read_bounded(path, stream.fileno(), most)
    except (OSError, ValueError) as error:
        raise WrongUse(_name_failure(path, error), _NAME_A_FILE) from error


def _open_at_once(name: str, flags: int) -> int:
    """Open *name* without waiting for a writer at the other end."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))


def _refuse_kind(path: Path, found: os.stat_result) -> None:
    """Refuse what is no ordinary file, and a file that is too large.

    Raises:
        WrongUse: it is one of these.
    """
    if stat.S_ISREG(found.st_mode):
        if found.st_size > LARGEST:
            raise _too_large(path)
        return
    known = ((what, then) for is_kind, what, then in _KINDS if is_kind(found.st_mode))
    what, remedy = next(known, ("is not a file", _NAME_A_FILE))
    raise WrongUse(f"{path} {what}.", remedy)


def _read_bounded(path: Path, descriptor: int, most: int | None) -> bytes:
    """Read to the end or to *most*; a file that grows without end is refused.

    Raises:
        WrongUse: there is more than any export has.
    """
    limit = LARGEST + 1 if most is None else most
    parts: list[bytes] = []
    size = 0
    while size < limit and (part := os.read(descriptor, min(limit - size, 1 << 24))):
        parts.append(part)
        size += len(part)
    if size > LARGEST:
        raise _too_large(path)
    return b"".join(parts)


def _too_large(path: Path) -> WrongUse:
    return WrongUse(
        f"{path} is larger than {LARGEST >> 20} MB, more than an order export has.",
        _NAME_A_FILE,
    )


def _name_failure(path: Path, error: OSError | ValueError) -> str:
    """Say why *path* could not be read."""
    if isinstance(error, ValueError):
        return "The name of the file holds a character that no name may hold."
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"{path} is a link to a file that is not there."
    return f"{path} cannot be read: {error.strerror}."


# ----------------------------------------------------------------------------------
# What a file is that was given as an order export but is none.
#
# Recognised by its bytes, never by its name: a browser or a spreadsheet may call
# anything ``orders.csv``.


EXPORT_AGAIN = (
    "Export the orders again from the web shop as CSV with all columns, and do not "
    "save the file from a spreadsheet."
)
_CHOOSE = (
    "Choose the order export of the web shop, a CSV; without one: export the orders "
    "again as CSV with all columns."
)
_SIGN_IN = (
    "Sign in to the web shop, export the orders again, and see that the download is a "
    "CSV."
)
_UNPACK = "Unpack it, then import the CSV file that is in it."
_DOWNLOAD_AGAIN = (
    "It was damaged on its way or on a disk. Download the order export again from the "
    "web shop."
)
_DELETE_LINE = (
    "Export the orders again from the web shop as CSV, or delete that line with a text "
    "editor."
)


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is, as the end of a sentence, and what to do instead of using it."""

    what: str
    remedy: str


def _no_csv(what: str, remedy: str = _CHOOSE) -> FileKind:
    return FileKind(f"is {what}, not a CSV", remedy)


_PICTURE = _no_csv("a picture")
_SIGNATURES: Sequence[tuple[bytes, FileKind]] = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        _no_csv("an Excel workbook (.xls)", EXPORT_AGAIN),
    ),
    (b"%PDF", _no_csv("a PDF")),
    (b"\x1f\x8b", FileKind("is packed with gzip", _UNPACK)),
    (b"BZh", FileKind("is packed with bzip2", _UNPACK)),
    (b"\xfd7zXZ\0", FileKind("is packed with xz", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", _no_csv("a 7-Zip archive", _UNPACK)),
    (b"Rar!", _no_csv("a RAR archive", _UNPACK)),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"II*\0", _PICTURE),
    (b"SQLite format 3", _no_csv("a database")),
    (b"PAR1", _no_csv("a Parquet file")),
    (b"{\\rtf", _no_csv("a text document (.rtf)")),
)
_IN_ZIP: Sequence[tuple[bytes, FileKind]] = (
    (
        b"opendocument.spreadsheet",
        _no_csv("a LibreOffice spreadsheet (.ods)", EXPORT_AGAIN),
    ),
    (b".iwa", _no_csv("an Apple Numbers document", EXPORT_AGAIN)),
    (b"word/", _no_csv("a Word document")),
    (b"xl/", _no_csv("an Excel workbook (.xlsx)", EXPORT_AGAIN)),
    (b".csv", _no_csv("a zip archive", _UNPACK)),
)
_SOME_ZIP = _no_csv("a zip archive, most likely an Excel workbook", EXPORT_AGAIN)
_MARKS: Sequence[tuple[bytes, str]] = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
"""The byte order marks, the longer ones first."""

_LOOKED_AT = 4096
"""So many bytes from the start say how a text is encoded."""

_PAGE = re.compile(
    r"(<!--.*?-->\s*)*<(!doctype html|html|head|body|script|meta|title|div|table)\b",
    re.IGNORECASE | re.DOTALL,
)
_JSON = re.compile(r"[\[{]\s*[\[{\"\]}]")
_MAIL = re.compile(r"(From|Received|Return-Path|Delivered-To|MIME-Version): ?\S")


def name_bytes(content: bytes) -> FileKind | None:
    """Return what a file is that is no UTF-8 text, or is a damaged one."""
    if content.startswith(b"PK\x03\x04"):
        inside = (kind for mark, kind in _IN_ZIP if mark in content)
        return next(inside, _SOME_ZIP)
    signed = (kind for mark, kind in _SIGNATURES if content.startswith(mark))
    return next(signed, None) or _name_encoding(content) or _name_damage(content)


def _name_encoding(content: bytes) -> FileKind | None:
    """Name a text whose letters take two or four bytes, with a mark or without."""
    marked = (name for mark, name in _MARKS if content.startswith(mark))
    encoding = next(marked, None)
    if encoding is None and _has_letters_of_two_bytes(content[:_LOOKED_AT]):
        encoding = "UTF-16"
    if encoding is None:
        return None
    if encoding == "UTF-16":
        start = content[: 2 * _LOOKED_AT]
        order = "be" if content.startswith((b"\xfe\xff", b"\0")) else "le"
        text = start.decode(f"utf-16-{order}", "replace")
        if page := name_text(text):
            return page
    what = f"is {encoding} text, as a spreadsheet saves it, and not UTF-8"
    return FileKind(what, EXPORT_AGAIN)


def _has_letters_of_two_bytes(start: bytes) -> bool:
    """Say whether every other byte is zero, as in the Latin letters of UTF-16."""
    even, odd = start[::2], start[1::2]
    zeros = sorted((even.count(0), odd.count(0)))
    return len(odd) > 1 and zeros[1] > 0.7 * len(odd) and zeros[0] < 0.3 * len(even)


def _name_damage(content: bytes) -> FileKind | None:
    """Name what a broken download or disk leaves, and what is no text at all."""
    if content and not content.strip(b"\0"):
        return FileKind("holds nothing but zero bytes", _DOWNLOAD_AGAIN)
    if content.endswith(b"\0"):
        return FileKind("ends in zero bytes, so it is not whole", _DOWNLOAD_AGAIN)
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(content) and error.reason == "unexpected end of data":
            what = "is cut off in the middle of its last letter"
            return FileKind(what, _DOWNLOAD_AGAIN)
        if 0 in content[:_LOOKED_AT]:
            return _no_csv("a binary file")
        what = "is not UTF-8 text; a spreadsheet may have saved it in another encoding"
        return FileKind(what, EXPORT_AGAIN)
    return None


def name_first_line(text: str) -> FileKind | None:
    """Return what is wrong with a text whose first line is not the names of columns."""
    first = re.split(r"[\r\n]", text, maxsplit=1)[0].strip()
    if not text.strip():
        return FileKind("is empty", EXPORT_AGAIN)
    if not first:
        return FileKind(
            "begins with a blank line; its first line must name the columns",
            _DELETE_LINE.replace("that line", "the blank line"),
        )
    if re.fullmatch(r'"?sep=.?"?', first, re.IGNORECASE):
        return FileKind(
            f"begins with the line `{first}`, which a program wrote for Excel; its "
            "first line must name the columns",
            _DELETE_LINE,
        )
    return None


def name_text(text: str) -> FileKind | None:
    """Return what a text is whose first line names no column of an order export."""
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("<?xml", "<Workbook")):
        if "Excel.Sheet" in text or "<Workbook" in text:
            return _no_csv("an Excel workbook (.xml)", EXPORT_AGAIN)
        if "<html" not in text:
            return _no_csv("XML")
        return _no_csv("a web page", _SIGN_IN)
    if _PAGE.match(start):
        return _no_csv("a web page", _SIGN_IN)
    if _JSON.match(start):
        return _no_csv("JSON")
    if _MAIL.match(start):
        return _no_csv("a saved e-mail")
    return None


_OTHER_EXPORTS: Sequence[tuple[frozenset[str], str]] = (
    (
        frozenset({"lifetime value", "total lifetime value", "customer segment"}),
        "is a list of customers that this program wrote",
    ),
    (
        frozenset(
            {"product_sku", "product_name", "product_internal_id", "supply_price",
             "retail_price", "inventory", "handle", "stock"}
        ),
        "is an export of products, not of orders",
    ),
    (
        frozenset(
            {"customer_code", "customer_group_name", "customer_group",
             "loyalty_balance", "accepts_marketing", "total_order_count"}
        ),
        "is an export of customers, not of orders",
    ),
)  # fmt: skip


def name_table(titles: Collection[str]) -> FileKind | None:
    """Return what a CSV holds whose *titles* are none of an order export's."""
    known = {title.strip().lower() for title in titles}
    for hints, what in _OTHER_EXPORTS:
        if known & hints:
            return FileKind(what, _CHOOSE)
    return None


# ----------------------------------------------------------------------------------
# The web shop's export as a file: rows of named cells, or what is wrong with it.
#
# E-Series dialect (API 6.1): ``;``, quotes doubled, line breaks inside quoted cells.
# Only columns that are asked for by name leave this module.


_LONGEST_CELL = 2**31 - 1


class DecimalMark(StrEnum):
    """The mark before the cents of an amount."""

    POINT = "."
    COMMA = ","


class Delimiter(StrEnum):
    """The separator of two cells."""

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
        delimiter: the separator of two cells.
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
        """Recognise a file of another delimiter, before it is misread."""
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
        """Return the place of each asked column; columns may come in any order."""
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
