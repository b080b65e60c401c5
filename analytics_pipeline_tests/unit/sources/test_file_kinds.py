"""Tests for sources.web_shop.export_file: a refused file is named."""

import bz2
import gzip
import io
import json
import lzma
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.sources.web_shop.export import read_ecom_export
from analytics_pipeline.sources.web_shop.export_file import (
    Delimiter,
    ExportFile,
    name_bytes,
)
from analytics_pipeline_tests.unit.sources.test_ecom_export import ORDER, order, text_of

KEYS = ContactKeys(b"a secret of the tests", "US", Policy())
GOOD = text_of([ORDER, order(order_number="7")])
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def zip_of(**files: str) -> bytes:
    """A zip archive of files, whose names are written with ``__`` for a slash."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return packed.getvalue()


def refusal(tmp_path, content: bytes) -> WrongUse:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(WrongUse) as refused:
        read_ecom_export(path, KEYS, "America/New_York")
    return refused.value


@pytest.mark.parametrize(
    ("content", "words", "remedy"),
    [
        pytest.param(
            zip_of(xl__workbook_dot_xml="<x/>"), "Excel workbook (.xlsx)",
            "do not save the file from a spreadsheet", id="xlsx",
        ),
        pytest.param(
            OLE + b"\0" * 512, "Excel workbook (.xls)",
            "do not save the file from a spreadsheet", id="xls",
        ),
        pytest.param(
            zip_of(mimetype="application/vnd.oasis.opendocument.spreadsheet"),
            "LibreOffice spreadsheet", "from a spreadsheet", id="ods",
        ),
        pytest.param(
            zip_of(Index__Document_dot_iwa="x"), "Apple Numbers",
            "from a spreadsheet", id="numbers",
        ),
        pytest.param(
            b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'
            b"<Workbook/>", "Excel workbook (.xml)", "from a spreadsheet", id="xml",
        ),
        pytest.param(
            zip_of(orders_dot_csv=GOOD), "zip archive", "Unpack it", id="zip",
        ),
        pytest.param(gzip.compress(GOOD.encode()), "gzip", "Unpack it", id="gzip"),
        pytest.param(bz2.compress(GOOD.encode()), "bzip2", "Unpack it", id="bzip2"),
        pytest.param(lzma.compress(GOOD.encode()), "xz", "Unpack it", id="xz"),
        pytest.param(
            b"%PDF-1.7\n%\xe2\xe3\n", "a PDF", "Choose the order export", id="pdf"
        ),
        pytest.param(
            b"\x89PNG\r\n\x1a\n\0\0", "a picture", "Choose the order export", id="png"
        ),
        pytest.param(
            b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture", "Choose the order", id="jpeg"
        ),
        pytest.param(
            b"SQLite format 3\0", "a database", "Choose the order export", id="sqlite"
        ),
        pytest.param(
            json.dumps([{"order_number": "1042"}]).encode(), "JSON",
            "Choose the order export", id="json",
        ),
        pytest.param(
            b"\n\n{\n  \"items\": []\n}".lstrip(), "JSON", "Choose the order export",
            id="json over several lines",
        ),
        pytest.param(
            b"MIME-Version: 1.0\nFrom: shop\n\nYour export", "a saved e-mail",
            "Choose the order export", id="e-mail",
        ),
        pytest.param(
            b"{\\rtf1\\ansi order_number;email}", "text document (.rtf)",
            "Choose the order export", id="rtf",
        ),
        pytest.param(
            b"\xef\xbb\xbf<html lang=en><title>Sign in</title>", "a web page",
            "Sign in", id="page with a mark",
        ),
        pytest.param(
            b"<!-- saved from url -->\r\n<HTML><BODY>Expired", "a web page",
            "Sign in", id="page after a comment",
        ),
        pytest.param(
            b"<table><tr><td>order_number</td></tr></table>", "a web page",
            "Sign in", id="a table of a page, called a workbook by some",
        ),
        pytest.param(
            ("\ufeff" + GOOD).encode("utf-16-le"), "UTF-16", "from a spreadsheet",
            id="utf-16 with a mark, little end first",
        ),
        pytest.param(
            ("\ufeff" + GOOD).encode("utf-16-be"), "UTF-16", "from a spreadsheet",
            id="utf-16 with a mark, big end first",
        ),
        pytest.param(
            GOOD.encode("utf-16-be"), "UTF-16", "from a spreadsheet",
            id="utf-16 without a mark, big end first",
        ),
        pytest.param(
            GOOD.encode("utf-32"), "UTF-32", "from a spreadsheet", id="utf-32"
        ),
        pytest.param(
            "<html><body>Bitte anmelden</body></html>".encode("utf-16"), "a web page",
            "Sign in", id="page in utf-16",
        ),
        pytest.param(
            GOOD.replace("Ada", "Adèle").encode("cp1252"), "not UTF-8 text",
            "from a spreadsheet", id="windows-1252",
        ),
        pytest.param(
            GOOD.encode() + b"\0" * 64, "ends in zero bytes", "Download", id="half"
        ),
        pytest.param(
            GOOD.encode() + "é".encode()[:1], "cut off in the middle of its last",
            "Download", id="cut off in a letter",
        ),
        pytest.param(
            b"\x7fELF\x02\x01\0\0\xfe\xff\xff", "a binary file", "Choose the order",
            id="a program",
        ),
        pytest.param(
            b"  \r\n" + GOOD.encode(), "begins with a blank line",
            "delete the blank line", id="blanks, then a line end of Windows",
        ),
        pytest.param(
            b"\xef\xbb\xbf\n" + GOOD.encode(), "begins with a blank line",
            "delete the blank line", id="blank after a mark",
        ),
        pytest.param(
            b"sep=,\r\n" + GOOD.encode(), "begins with the line `sep=,`",
            "delete that line", id="sep= of another delimiter",
        ),
        pytest.param(
            b'"sep=;"\n' + GOOD.encode(), "begins with the line", "delete that line",
            id="sep= in quotes",
        ),
        pytest.param(
            b"SEP=\t\n" + GOOD.encode(), "begins with the line", "delete that line",
            id="sep= of a tab",
        ),
        pytest.param(
            b"type;product_sku;product_name\n", "an export of products",
            "Choose the order export", id="products of the web shop",
        ),
        pytest.param(
            b"id,handle,sku,name,supply_price,retail_price\n", "an export of products",
            "Choose the order export", id="products of Lightspeed, with commas",
        ),
        pytest.param(
            b"customer_code,first_name,customer_group\n", "an export of customers",
            "Choose the order export", id="customers of Lightspeed",
        ),
        pytest.param(
            b"Customer ID,Customer Code,Lifetime Value\n", "that this program wrote",
            "Choose the order export", id="the master itself",
        ),
    ],
)  # fmt: skip
def test_a_refused_file_is_named_with_its_remedy(tmp_path, content, words, remedy):
    reported = refusal(tmp_path, content)

    assert reported.cause.startswith("orders.csv ")
    assert words in reported.cause
    assert remedy in reported.remedy


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_row_of_empty_cells_is_reported_with_its_line_wherever_it_is(tmp_path, place):
    lines = text_of([ORDER | {"order_comments": ""}] * 2).splitlines()
    lines.insert(place, ";" * (len(ORDER) - 1))

    text = refusal(tmp_path, "\n".join(lines).encode())

    assert f"line {place + 1}: all {len(ORDER)} cells are empty" in text.cause


def test_cell_contents_are_never_shown(tmp_path):
    for content in (b"ann@example.com;12.50\n", b"ann@example.com\n;\n"):
        reported = refusal(tmp_path, content)

        assert "ann" not in str(reported)
        assert "lacks the column `order_number`" in reported.cause


@pytest.mark.parametrize(
    "title", ["<html>", "{json}", "[1]", "From: whom", "sep", "a sep=; b", "PK", "%PD"]
)
def test_a_title_that_looks_like_something_else_hinders_no_export(tmp_path, title):
    path = tmp_path / "orders.csv"
    path.write_text(text_of([{title: "x"} | ORDER]), encoding="utf-8")

    assert len(read_ecom_export(path, KEYS, "America/New_York").orders) == 1


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_utf_8_text_is_never_called_something_else_for_its_letters(text):
    titles = ";".join(ORDER)

    assert name_bytes(f"{titles}\n{text}".encode()) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_are_refused_with_the_name_of_the_file(content):
    file = ExportFile(
        "orders.csv", content, Delimiter.SEMICOLON, [("order_number",)], []
    )

    try:
        list(file.rows())
        reported = None
    except WrongUse as refused:
        reported = refused
    assert reported is None or (
        reported.cause.startswith("orders.csv") and reported.remedy
    )
