"""What a file is that was given as an order export but is none.

Told from its bytes, never from its name: a browser or a spreadsheet may call anything
``orders.csv``.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

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


_SIGNATURES: Sequence[tuple[bytes, FileKind]] = (
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        FileKind("is an Excel workbook (.xls), not a CSV", EXPORT_AGAIN),
    ),
    (b"%PDF", FileKind("is a PDF, not a CSV", _CHOOSE)),
    (b"\x1f\x8b", FileKind("is packed with gzip", _UNPACK)),
    (b"BZh", FileKind("is packed with bzip2", _UNPACK)),
    (b"\xfd7zXZ\0", FileKind("is packed with xz", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("is a 7-Zip archive, not a CSV", _UNPACK)),
    (b"Rar!", FileKind("is a RAR archive, not a CSV", _UNPACK)),
    (b"\x89PNG", FileKind("is a picture, not a CSV", _CHOOSE)),
    (b"\xff\xd8\xff", FileKind("is a picture, not a CSV", _CHOOSE)),
    (b"GIF8", FileKind("is a picture, not a CSV", _CHOOSE)),
    (b"II*\0", FileKind("is a picture, not a CSV", _CHOOSE)),
    (b"SQLite format 3", FileKind("is a database, not a CSV", _CHOOSE)),
    (b"PAR1", FileKind("is a Parquet file, not a CSV", _CHOOSE)),
    (b"{\\rtf", FileKind("is a text document (.rtf), not a CSV", _CHOOSE)),
)
_IN_ZIP: Sequence[tuple[bytes, FileKind]] = (
    (
        b"opendocument.spreadsheet",
        FileKind("is a LibreOffice spreadsheet (.ods), not a CSV", EXPORT_AGAIN),
    ),
    (b".iwa", FileKind("is an Apple Numbers document, not a CSV", EXPORT_AGAIN)),
    (b"word/", FileKind("is a Word document, not a CSV", _CHOOSE)),
    (b"xl/", FileKind("is an Excel workbook (.xlsx), not a CSV", EXPORT_AGAIN)),
    (b".csv", FileKind("is a zip archive, not a CSV", _UNPACK)),
)
_SOME_ZIP = FileKind(
    "is a zip archive, most likely an Excel workbook, not a CSV", EXPORT_AGAIN
)
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
            return FileKind("is a binary file, not a CSV", _CHOOSE)
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
            return FileKind("is an Excel workbook (.xml), not a CSV", EXPORT_AGAIN)
        if "<html" not in text:
            return FileKind("is XML, not a CSV", _CHOOSE)
        return FileKind("is a web page, not a CSV", _SIGN_IN)
    if _PAGE.match(start):
        return FileKind("is a web page, not a CSV", _SIGN_IN)
    if _JSON.match(start):
        return FileKind("is JSON, not a CSV", _CHOOSE)
    if _MAIL.match(start):
        return FileKind("is a saved e-mail, not a CSV", _CHOOSE)
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
    for telling, what in _OTHER_EXPORTS:
        if known & telling:
            return FileKind(what, _CHOOSE)
    return None
