"""The files that people open: texts that break tables, and Excel's byte-order mark."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analytics_pipeline.model import text as texts
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.model.text import is_blank, without_controls
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.people import Contact
from analytics_pipeline.sources import values as payload_values
from analytics_pipeline.sources.values import text
from analytics_pipeline.storage.files_for_people import QuarantineLists
from analytics_pipeline.storage.parquet import decode
from analytics_pipeline_tests.light_run import SOURCES
from analytics_pipeline_tests.system.histories.in_process import (
    Pipeline,
    differing,
    open_pipeline,
)
from analytics_pipeline_tests.system.histories.store_by_hand import Basket, StoreByHand

NOON = datetime(2026, 5, 4, 16, tzinfo=UTC)
YESTERDAY = (-1, "12:00")
ANN = 1
MARK = b"\xef\xbb\xbf"
FOR_PEOPLE = (
    "customer_analytics_master.csv",
    "first_time_buyers.csv",
    "reports/customer_changes.csv",
    "reports/ecom_reconciliation.csv",
)


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A shop with one sale, of Ann, whose yesterday is not yet published."""
    store = StoreByHand(NOON)
    store.sell(Basket(), buyer=ANN, dated=YESTERDAY)
    opened = open_pipeline(store, tmp_path / "data", api_version="2026-07")
    opened.export()
    return opened


def update(pipeline: Pipeline) -> None:
    pipeline.run(pipeline.yesterday)


def choose(pipeline: Pipeline, csv_bom: str) -> None:
    (pipeline.data / "analytics.toml").write_text(f"csv_bom = {csv_bom}\n")


def contents(pipeline: Pipeline) -> dict[str, bytes]:
    return {name: (pipeline.data / name).read_bytes() for name in FOR_PEOPLE}


@pytest.mark.nightly
def test_a_changed_csv_bom_rewrites_every_file_and_no_figure_rules_7_4_and_8_5(
    pipeline: Pipeline,
) -> None:
    update(pipeline)
    plain = contents(pipeline)
    choose(pipeline, "true")

    update(pipeline)

    assert contents(pipeline) == {name: MARK + each for name, each in plain.items()}
    archived = pipeline.data / f"archive/customer_analytics_{pipeline.yesterday}.csv"
    assert archived.read_bytes() == contents(pipeline)[FOR_PEOPLE[0]]
    before = pipeline.everything()
    update(pipeline)
    assert differing(before, pipeline.everything()) == []

    choose(pipeline, "false")
    update(pipeline)
    assert contents(pipeline) == plain


@pytest.mark.nightly
def test_a_byte_order_mark_is_no_change_of_anyone_rule_8_5(pipeline: Pipeline) -> None:
    update(pipeline)
    choose(pipeline, "true")
    pipeline.store.step_clock(24)

    update(pipeline)

    text = (pipeline.data / FOR_PEOPLE[2]).read_text(encoding="utf-8-sig")
    assert text.startswith("As Of,")
    assert text.count("\n") == 1, "nothing but the title line: no cause named policy"


def test_a_list_of_quarantine_is_a_file_for_people_too_rule_8_5(tmp_path: Path) -> None:
    rejected = [
        Rejection("customers", "id_is_given", None, None, "page 1, record 2"),
        Rejection("customers", "name_is_text", "=1+1", 7, "page 1, record 3"),
        Rejection("customers", "name_is_text", "a;@b", 8, "page 1, record 4"),
    ]
    for mark in (False, True):
        lists = QuarantineLists(tmp_path / str(mark), mark)
        lists.write("customers", rejected)

        written = lists.path("customers").read_text(encoding="utf-8")
        assert written == "\ufeff" * mark + (
            "rule,record_id,version,position\n"
            'id_is_given,,,"page 1, record 2"\n'
            'name_is_text,\'=1+1,7,"page 1, record 3"\n'
            'name_is_text,a;\'@b,8,"page 1, record 4"\n'
        )
        assert lists.count("customers") == 3


HAZARDS = [
    pytest.param("An\0n", "Ann", id="NUL"),
    pytest.param("Ann\x07", "Ann", id="bell"),
    pytest.param("Ann\x85", "Ann", id="next line"),
    pytest.param("Ann\rLee", "Ann\nLee", id="carriage return"),
    pytest.param("Lee;=1+1", "Lee;'=1+1", id="semicolon"),
    pytest.param("＝1+1", "'＝1+1", id="full-width"),
    pytest.param("\x01=1+1", "'=1+1", id="hidden formula"),
    pytest.param("nan", "nan", id="nan"),
    pytest.param("NULL", "NULL", id="NULL"),
    pytest.param("None", "None", id="None"),
    pytest.param("#N/A", "#N/A", id="not available"),
    pytest.param("-inf", "'-inf", id="infinite"),
    pytest.param("\x07", "", id="only a control character"),
    pytest.param("\u200b \ufeff", "", id="nothing to see"),
    pytest.param("x" * 40_000, "x" * 40_000, id="more than Excel shows"),
]


@pytest.mark.nightly
def test_names_that_break_tables_come_through_a_whole_run_rules_3_5_and_8_5(
    pipeline: Pipeline,
) -> None:
    store, expected = pipeline.store, {}
    for hazard in HAZARDS:
        typed, shown = hazard.values
        place = len(store.state.customers)
        store.enrol(Contact(typed))  # type: ignore[arg-type]
        store.sell(Basket(), buyer=place, dated=YESTERDAY)
        expected[list(store.state.customers)[place]] = shown

    update(pipeline)

    for name in FOR_PEOPLE[:2]:
        content = (pipeline.data / name).read_bytes()
        assert not {each for each in content if each < 32 or each == 127} - {*b"\n\t"}
        with (pipeline.data / name).open(newline="", encoding="utf-8") as stream:
            rows = {row["Customer ID"]: row["Name"] for row in csv.DictReader(stream)}
        assert {id_: rows[id_] for id_ in expected} == expected
    customers = open_shop(pipeline.settings).warehouse.root / "customers"
    stored = (customers / "customers.parquet").read_bytes()
    pipeline.fresh_copy(pipeline.data.parent / "rebuilt").run(
        pipeline.yesterday, rebuild=True
    )
    rebuilt = pipeline.data.parent / "rebuilt/warehouse/customers/customers.parquet"
    assert rebuilt.read_bytes() == stored


def test_records_that_an_earlier_program_read_are_read_again_rules_7_3_and_8_5(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.store.enrol(Contact("Bell\x07"))
    with monkeypatch.context() as earlier:
        earlier.setattr(texts, "VERSION", 1)
        earlier.setattr(payload_values, "without_controls", lambda typed: typed)
        pipeline.run(pipeline.yesterday, tables=SOURCES)
    kept = pipeline.data / "warehouse/customers/customers.parquet"
    assert b"Bell\x07" in decode(kept.read_bytes(), Customers).to_csv().encode()

    pipeline.run(pipeline.yesterday, tables=SOURCES)

    names = decode(kept.read_bytes(), Customers)["name"].dropna()
    assert "Bell" in set(names)
    assert not names.str.contains("\x07").any()


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("\x07", None),
        (" \x00\x9f ", None),
        ("\u200b\u00a0\u2060", None),
        ("\u202e", None),
        ("a\x00", "a"),
        ("\x1fa\x1f", "a"),
        ("a\r\n\rb", "a\n\nb"),
        ("a\u200bb", "a\u200bb"),
        ("Ann \ud83d", "Ann ?"),
        (7, "7"),
        ("", None),
    ],
)
def test_a_text_is_read_without_control_characters_rule_8_5(
    typed: object, kept: str | None
) -> None:
    assert text(typed, "name_is_text") == kept


def test_all_control_characters_but_line_breaks_and_tabs_are_taken_out_rule_8_5() -> (
    None
):
    every = "".join(map(chr, [*range(32), *range(127, 160)]))

    assert without_controls(every.replace("\r", "")) == "\t\n"
    assert is_blank(without_controls(every))
