"""PostgreSQL down, refusing, or gone in the middle: the messages."""

import sys
from datetime import timedelta

import pytest
from click.testing import Result
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.storage.tables import Warehouse
from analytics_pipeline_tests.light_run import TABLES, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.shared_deployment.server import Server
from analytics_pipeline_tests.system.test_alerts_of_a_shop import pointed_at

DAY = FIRST_DAY + timedelta(days=1)
UPDATE = ("update", "--as-of", DAY.isoformat())
COMMANDS = pytest.mark.parametrize(
    "words", [UPDATE, ("status",), ("ui",), ("rebuild",)], ids=lambda words: words[0]
)


@pytest.fixture
def shop(
    database: str, small_shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> SimulatedShop:
    """A shop recorded in PostgreSQL, where Dagster does not wait between two tries."""
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_given: 0)
    small_shop.live_until(DAY)
    return pointed_at(small_shop, monkeypatch)


def type_in(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def assert_explained(result: Result, code: int, cause: str, remedy: str) -> None:
    """One line of cause, one of remedy, and nothing of a trace or a secret."""
    values = [line for line in result.stderr.splitlines() if not line.endswith(" …")]
    assert result.exit_code == code, result.output
    assert len(values) == 2, result.stderr
    assert values[0].startswith("error: ")
    assert cause in values[0]
    assert remedy in values[1]


@COMMANDS
def test_a_database_that_is_down_is_named(
    shop: SimulatedShop, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG_PORT", "9")

    assert_explained(
        type_in(*words), 5, "port 9 failed: Connection refused", "DAGSTER_PG_"
    )


@pytest.mark.nightly
def test_a_password_that_is_refused_is_named_and_not_shown(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "S3cret/@:%word")

    result = type_in("status")
    debugged = type_in("status", "--debug")

    assert_explained(
        result, 5, 'authentication failed for user "dagster"', "DAGSTER_PG_"
    )
    assert "S3cret" not in result.output + debugged.output


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("DAGSTER_PG_HOST", None, "DAGSTER_PG_HOST is not set"),
        ("DAGSTER_PG_PASSWORD", None, "DAGSTER_PG_PASSWORD is not set"),
        ("DAGSTER_PG_PORT", "S3cret", "DAGSTER_PG_PORT is no number"),
    ],
)
def test_a_variable_that_is_missing_or_wrong_is_named(
    shop: SimulatedShop,
    name: str,
    value: str | None,
    cause: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)

    result = type_in("status")

    assert_explained(result, 2, cause, "Correct it, or set the variables")
    assert "S3cret" not in result.output


def test_settings_that_cannot_be_read_are_named(shop: SimulatedShop) -> None:
    home = shop.data.parent / "home"
    whole = (home / "dagster.yaml").read_text(encoding="utf-8")

    (home / "dagster.yaml").write_text(f"{whole}nonsense: 1\n", encoding="utf-8")
    assert_explained(
        type_in("status"), 2, 'unexpected config entry "nonsense"', "Correct"
    )
    (home / "dagster.yaml").write_text("storage: [", encoding="utf-8")
    assert_explained(type_in("status"), 2, "it is no YAML", "Correct it")


def test_an_extra_that_is_not_installed_is_named(
    shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("dagster_postgres")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "dagster_postgres", None)

    assert_explained(type_in("status"), 2, "dagster_postgres", "pip install")


@pytest.mark.nightly
@pytest.mark.parametrize("table", ["outlets", "raw_sales", "customer_changes"])
def test_a_database_gone_in_the_middle_of_a_run_harms_no_file(
    shop: SimulatedShop, server: Server, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes when *table* is about to be stored; the last one is after publishing."""
    before = shop.local.publication.published()
    gone: list[str] = []
    method = "write_days" if table == "raw_sales" else "write"
    write = getattr(Warehouse, method)

    def write_without(self: Warehouse, name: str, *more: object) -> None:
        if name == table and not gone:
            server.stop()
            gone.append(name)
        write(self, name, *more)

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, method, write_without)
        try:
            result = type_in(*UPDATE)
        finally:
            if gone:
                server.start()

    assert gone
    assert result.exit_code == 5
    assert "The database of Dagster's records failed: connection" in result.stderr
    assert "Traceback" not in result.output
    assert server.password not in result.output
    published = shop.local.publication.published()
    assert published is not None
    assert published.as_of == DAY.isoformat() or published == before
    again = type_in(*UPDATE)
    assert again.exit_code == 0, again.output
    other = shop.with_data(shop.data.parent / "other")
    run_light(other.settings, DAY, tables=TABLES, full_resync=True)
    assert shop.reproducible(DAY) == other.reproducible(DAY)
