"""Tests for analytics_pipeline.storage.footer: it says what Arrow reads there."""

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics_pipeline.storage.footer import notes_in, rows_in
from analytics_pipeline.storage.parquet import encode, join, write_rows
from analytics_pipeline.tables import TABLES, TableSpec
from analytics_pipeline_tests.tables import make_table

COLUMNS = st.dictionaries(
    st.text(max_size=40),
    st.sampled_from(
        [
            *(pa.int8(), pa.int64(), pa.float64(), pa.bool_(), pa.string()),
            *(pa.timestamp("us", "UTC"), pa.date32(), pa.decimal128(19, 2)),
            *(pa.list_(pa.int64()), pa.struct([("a", pa.list_(pa.string()))])),
        ]
    ),
    max_size=30,
)
NOTES = st.dictionaries(st.text(min_size=1), st.text(max_size=300), max_size=20)


def read_by_arrow(content: bytes) -> tuple[int, dict[bytes, bytes]]:
    footer = pq.read_metadata(io.BytesIO(content))
    return footer.num_rows, footer.metadata or {}


def read(content: bytes) -> tuple[int | None, dict[bytes, bytes] | None]:
    return rows_in(io.BytesIO(content)), notes_in(io.BytesIO(content))


@given(columns=COLUMNS, rows=st.integers(0, 300), notes=NOTES)
def test_rows_and_notes_of_any_table_are_those_that_arrow_reads(
    columns: dict[str, pa.DataType], rows: int, notes: dict[str, str]
) -> None:
    schema = pa.schema([pa.field(name, kind) for name, kind in columns.items()])
    nulls = [pa.nulls(rows if columns else 0, kind) for kind in columns.values()]
    table = pa.Table.from_arrays(nulls, schema=schema)
    content = write_rows(table.replace_schema_metadata(notes))

    assert read(content) == read_by_arrow(content)


@pytest.mark.parametrize("rows", [0, 1, 63, 64, 8_191, 8_192, 3_000_000])
def test_any_number_of_rows_is_read(rows: int) -> None:
    content = write_rows(pa.table({"number": pa.nulls(rows, pa.int8())}))

    assert rows_in(io.BytesIO(content)) == rows


def test_a_file_of_several_groups_of_rows_is_read() -> None:
    sink = io.BytesIO()
    table = pa.table({"number": range(1_000)})
    pq.write_table(table, sink, row_group_size=7)

    assert read(sink.getvalue()) == read_by_arrow(sink.getvalue())


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda spec: spec.name)
def test_each_table_is_read(spec: TableSpec) -> None:
    frame = make_table(spec.schema, [])
    parts = [encode(frame, spec.schema), encode(frame, spec.schema, {"a": "b"})]
    for content in (*parts, join(parts, ["one", "two"])):
        assert read(content) == read_by_arrow(content)


def test_two_schemas_with_the_same_beginning_are_distinguished() -> None:
    names = [["a"], ["a", "b"], ["a", "b", "c"]]
    for n, columns in enumerate(names, start=1):
        frame = pd.DataFrame({name: [*range(n)] for name in columns})
        content = write_rows(pa.Table.from_pandas(frame, preserve_index=False))
        assert read(content) == read_by_arrow(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PAR1",
        b"PAR1\x00\x00\x00\x00PAR1",
        b"PAR1\xff\xff\xff\xffPAR1",
        b"PAR1\x00\x01\x00\x00\x00PAR1",
        b"PAR1\x19\xfc\xff\xff\xff\xff\x0f\x07\x00\x00\x00PAR1",
        b"no Parquet at all",
    ],
)
def test_of_another_file_nothing_is_said(content: bytes) -> None:
    assert read(content) == (None, None)


@given(place=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_changed_footer_says_something_or_nothing(place: int, byte: int) -> None:
    content = bytearray(write_rows(pa.table({"a": [1], "b": ["x"]})))
    content[-9 - place % (len(content) - 12)] = byte

    rows, notes = read(bytes(content))

    assert rows is None or isinstance(rows, int)
    assert notes is None or isinstance(notes, dict)
