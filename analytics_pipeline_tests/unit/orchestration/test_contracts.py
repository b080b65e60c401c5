"""The gate of a table without days: write, audit, publish."""

from dataclasses import replace
from datetime import date

import dagster as dg
import pandas as pd
import pytest

from analytics_pipeline.assets.inputs import make_candidates
from analytics_pipeline.assets.table import table
from analytics_pipeline.model.checks import (
    SCHEMA_CHECK,
    Candidate,
    CheckResult,
    Severity,
)
from analytics_pipeline.model.errors import (
    GateFailed,
    LightspeedRefused,
    LightspeedUnavailable,
    WrongUse,
)
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.model.schemas.sources import (
    Customers,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.orchestration.gate import as_dagster_failure
from analytics_pipeline.orchestration.instance import open_instance
from analytics_pipeline.orchestration.tables import check_specs, metadata_of
from analytics_pipeline.settings import load_settings
from analytics_pipeline.shop import open_shop
from analytics_pipeline.tables import (
    CUSTOMER_ANALYTICS,
    CUSTOMERS,
    TABLES,
    Check,
    Effect,
    whole,
)
from analytics_pipeline_tests.gated import (
    materialize_gated,
    with_checks,
)
from analytics_pipeline_tests.made import run_for
from analytics_pipeline_tests.tables import make_table

HOSTILE = "mallory.secret@example.com"
SPEC = with_checks(CUSTOMERS, is_plausible=Check("It is.", Effect.EITHER))
RECORD = {
    "customer_id": "id-of-a",
    "version": 1,
    "created_at": "2026-01-01",
    "email": HOSTILE,
    "name": f"Mallory <{HOSTILE}>",
    "customer_code": f"code-{HOSTILE}",
}


def customers(*changes):
    return make_table(Customers, [RECORD | change for change in changes])


GOOD, BROKEN = customers({}), customers({}, {"customer_id": "id-of-b", "version": 0})


@pytest.fixture
def shop(tmp_path):
    settings = load_settings(data_dir=tmp_path / "data", start_date=date(2026, 6, 1))
    return open_shop(settings)


@pytest.fixture
def instance(tmp_path):
    with dg.DagsterInstance.ephemeral(tempdir=str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def materialize(shop, instance):
    """Run an asset of the contract whose candidate is made by a function."""

    def run(produce, spec=SPEC, instance=instance):
        return materialize_gated(shop, spec, lambda: once(produce), instance)

    return run


def once(produce):
    yield produce()


def candidate_asset(frame, *check_results):
    return lambda: Candidate(
        frame, check_results or [CheckResult("is_plausible", True, "ok")]
    )


def failed_checks(result):
    return {each.check_name for each in result.get_asset_check_evaluations()
            if not each.passed}  # fmt: skip


def failure_of(result):
    event = next(event for event in result.all_events if event.is_step_failure)
    facts = event.step_failure_data.user_failure_data.metadata
    return {name: entry.value for name, entry in facts.items()}


def stored_on_disk(shop):
    """Everything in the folder of Dagster's instance."""
    home = shop.settings.data_dir / ".dagster"
    return b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())


def reported_to_dagster(instance, folder):
    """Every event of every run, as it would be stored, and the captured output."""
    events = [
        dg.serialize_value(entry)
        for run in instance.get_runs()
        for entry in instance.all_logs(run.run_id)
    ]
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return "".join(events).encode() + b"".join(files)


# The gate ------------------------------------------------------------------------


def test_a_sound_table_is_stored_with_its_figures(shop, materialize):
    result = materialize(candidate_asset(GOOD))

    assert result.success
    pd.testing.assert_frame_equal(shop.warehouse.read("customers", Customers), GOOD)
    facts = result.asset_materializations_for_node("customers")[0].metadata
    assert facts["dagster/row_count"].value == 1


def test_a_table_that_breaks_its_contract_is_not_stored(shop, materialize):
    result = materialize(candidate_asset(BROKEN))

    assert not result.success
    assert not shop.warehouse.exists("customers")


def test_the_last_good_table_stays_byte_for_byte(shop, materialize):
    assert materialize(candidate_asset(GOOD)).success
    path = shop.warehouse.path("customers")
    before = path.read_bytes()

    assert not materialize(candidate_asset(BROKEN)).success

    assert path.read_bytes() == before


def test_the_failed_check_is_recorded_with_counts_rule_and_keys(materialize, instance):
    result = materialize(candidate_asset(BROKEN))

    assert failed_checks(result) == {SCHEMA_CHECK}
    record = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(dg.AssetKey("customers"), SCHEMA_CHECK)]
    )
    (latest,) = record.values()
    evaluation = latest.event.dagster_event.asset_check_evaluation_data
    assert (evaluation.passed, evaluation.severity) == (
        False,
        dg.AssetCheckSeverity.ERROR,
    )
    values = {name: entry.value for name, entry in evaluation.metadata.items()}
    assert (values["rows"], values["faults"], values["keys"]) == (2, 1, "id-of-b")
    assert "version" in values["rules"]


def test_the_failure_says_that_what_is_published_stays(materialize):
    reported = failure_of(materialize(candidate_asset(BROKEN)))

    assert reported["exit_code"] == 1
    assert "customers failed its gate (matches_schema)" in reported["cause"]
    assert "stays published" in reported["remedy"]


def test_what_is_built_on_it_is_refused_until_it_passes_again(shop, materialize):
    assert materialize(candidate_asset(GOOD)).success
    materialize(candidate_asset(BROKEN))
    with pytest.raises(GateFailed, match=r"customers failed its gate"):
        shop.load("customers", Customers)

    assert materialize(candidate_asset(GOOD)).success

    assert len(shop.load("customers", Customers)) == 1


def test_a_failed_result_blocks_like_the_schema(shop, materialize):
    result = materialize(
        candidate_asset(GOOD, CheckResult("is_plausible", False, "It is not."))
    )

    assert failed_checks(result) == {"is_plausible"}
    assert not shop.warehouse.exists("customers")
    assert shop.warehouse.failures("customers")[""][0].check == "is_plausible"


def test_a_warning_is_reported_and_the_table_stored(shop, materialize):
    warning = CheckResult("is_plausible", False, "It is odd.", Severity.WARN)

    result = materialize(candidate_asset(GOOD, warning))

    assert result.success
    assert failed_checks(result) == {"is_plausible"}
    assert shop.warehouse.exists("customers")
    assert shop.warehouse.failures("customers") == {}


def test_a_result_without_a_frame_stores_nothing(shop, materialize):
    assert not materialize(
        candidate_asset(None, CheckResult("is_plausible", False, "No."))
    ).success
    assert not shop.warehouse.exists("customers")


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (WrongUse("The cause.", "The remedy."), 2),
        (LightspeedRefused("The cause.", "The remedy."), 3),
        (OSError(28, "No space left on device", "a file"), 5),
    ],
)
def test_a_table_that_cannot_be_made_leaves_the_stored_one(
    shop, materialize, error, exit_code
):
    assert materialize(candidate_asset(GOOD)).success

    def fail():
        raise error

    result = materialize(fail)

    assert failure_of(result)["exit_code"] == exit_code
    assert len(shop.load("customers", Customers)) == 1


@pytest.mark.parametrize(
    "error",
    [
        LightspeedUnavailable("It did not answer.", "Wait."),
        LightspeedRefused("It refused.", "Ask."),
        GateFailed("It failed.", "Fix it."),
    ],
)
def test_a_failure_is_reported_with_its_remedy_and_not_tried_again(error):
    with pytest.raises(dg.Failure) as failure, as_dagster_failure():
        raise error

    assert failure.value.allow_retries is False
    assert failure.value.description == f"{error.cause} {error.remedy}"


def test_a_program_fault_shows_its_kind_but_not_its_text():
    words = "@".join(["ada", "example.com"])
    with pytest.raises(dg.Failure) as failure, as_dagster_failure():
        raise ZeroDivisionError(words)

    text = f"{failure.value.description} {failure.value.metadata}"
    assert failure.value.metadata["exit_code"].value == 5
    assert "ZeroDivisionError" in text
    assert words not in text
    assert failure.value.__cause__ is None


def test_the_function_of_a_table_can_load_no_other(shop):
    shop.warehouse.write("outlets", Outlets, make_table(Outlets, []))

    def test_contracts(run):
        run.shop.load("outlets", Outlets)

    test_contracts.__module__ = __name__
    spec = replace(SPEC, name="test_contracts", inputs=(), source=None)
    make = table(spec)(test_contracts)

    with pytest.raises(ValueError, match="outlets is loaded but not declared"):
        list(make_candidates(spec, make, run_for(shop)))
    assert shop.readable is None


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda run, orders: (run, orders), id="another input"),
        pytest.param(lambda run: run, id="an input is missing"),
    ],
)
def test_a_function_must_take_the_inputs_of_its_table(function):
    spec = replace(SPEC, name="test_contracts", inputs=(whole("outlets"),), source=None)
    function.__name__ = "test_contracts"

    with pytest.raises(ValueError, match="must take: run, outlets"):
        table(spec)(function)


def test_a_function_must_have_the_name_of_its_table():
    with pytest.raises(ValueError, match="must be made by"):
        table(SPEC)(lambda run: run)


# Personal data -------------------------------------------------------------------


def broken_analytics():
    rows = [{"customer_id": "ecom-0123456789abcdef", "tier": HOSTILE}]
    return make_table(CustomerAnalytics, rows, as_of="2026-06-20", order_count=-1)


@pytest.mark.parametrize(
    ("spec", "frame", "trace"),
    [
        pytest.param(SPEC, BROKEN, b"id-of-b", id="beside the fault"),
        pytest.param(
            SPEC,
            customers({"customer_id": HOSTILE}, {"customer_id": HOSTILE}),
            b"customer_id",
            id="in a key that is there twice",
        ),
        pytest.param(
            SPEC,
            customers({}).assign(version=[HOSTILE]),
            b"version",
            id="in a number",
        ),
        pytest.param(
            SPEC,
            customers({}).assign(surprise=[HOSTILE]),
            b"column_in_schema",
            id="in a column too many",
        ),
        pytest.param(
            replace(SPEC, name="customer_analytics", form=CUSTOMER_ANALYTICS.form),
            broken_analytics(),
            b"tier",
            id="as the value at fault",
        ),
    ],
)
def test_no_event_of_a_failed_gate_holds_a_personal_value(
    materialize, instance, tmp_path, spec, frame, trace
):
    assert not materialize(lambda: Candidate(frame), spec).success

    stored = reported_to_dagster(instance, tmp_path)
    assert trace in stored, "the search would find what is there"
    assert HOSTILE.encode() not in stored
    assert b"mallory" not in stored.lower()
    assert b"ecom-0123456789abcdef" not in stored


def test_nothing_that_dagster_keeps_on_disk_holds_a_personal_value(shop, materialize):
    with open_instance(shop.settings) as instance:
        assert materialize(candidate_asset(GOOD), instance=instance).success
        assert not materialize(candidate_asset(BROKEN), instance=instance).success

    stored = stored_on_disk(shop)
    assert b"id-of-b" in stored, "the search would find what is there"
    assert b"mallory" not in stored.lower()


def test_the_note_of_a_failed_attempt_holds_no_personal_value(shop, materialize):
    materialize(candidate_asset(BROKEN))

    note = shop.settings.data_dir / "warehouse" / "customers" / "failed_gates.json"
    assert HOSTILE not in note.read_text(encoding="utf-8")


def test_rows_that_break_the_contract_while_they_are_made_are_not_shown_either(
    materialize, instance, tmp_path
):
    """As when a page of the feed is checked before it is appended to the log."""

    row = {
        "sale_id": "s",
        "source_id": HOSTILE,
        "sale_date": "2026-06-20",
        "version": 0,
    }

    def produce():
        SalesFeed.validate(make_table(SalesFeed, [row, row]), lazy=True)

    assert not materialize(produce).success

    assert HOSTILE.encode() not in reported_to_dagster(instance, tmp_path)


# What a contract says ------------------------------------------------------------

ANY_TABLE = pytest.mark.parametrize("spec", TABLES.values(), ids=lambda spec: spec.name)


@ANY_TABLE
def test_every_table_has_its_key_column_and_describes_every_column(spec, tmp_path):
    columns = spec.schema.to_schema().columns
    metadata = metadata_of(spec, load_settings(data_dir=tmp_path))
    described = metadata["dagster/column_schema"].columns

    assert spec.key in columns
    assert [column.name for column in described] == list(columns)
    assert all(column.description for column in described)


@ANY_TABLE
def test_the_schema_comes_first_and_every_check_has_a_sentence(spec):
    specs = check_specs(spec, dg.DailyPartitionsDefinition("2026-01-01"))

    assert specs[0].name == SCHEMA_CHECK
    assert specs[0].blocking
    assert all(spec.description for spec in specs)


def test_an_audit_returns_the_rows_that_break_the_contract():
    result, rows = SPEC.audit(BROKEN)

    assert result.blocks
    assert rows.tolist() == [1]
    assert SPEC.audit(GOOD)[1].empty


def test_no_more_than_ten_keys_are_named():
    frame = customers(*({"customer_id": f"{n:03}", "version": 0} for n in range(20)))

    keys = str(SPEC.audit(frame)[0].evidence["keys"])

    assert keys.split(", ") == [*(f"{n:03}" for n in range(10)), "…"]
