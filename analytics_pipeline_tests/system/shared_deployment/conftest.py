"""A shop whose Dagster keeps its records in PostgreSQL, as a shared deployment does."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_pipeline_tests.system.shared_deployment.server import (
    Server,
    find_programs,
    open_server,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """One server for all tests of a process; each has a database of its own."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs (initdb, pg_ctl) are not installed.")
    if importlib.util.find_spec("dagster_postgres") is None:
        pytest.skip("dagster-postgres is not installed: pip install '.[postgres]'")
    with open_server(programs) as opened:
        yield opened


@pytest.fixture
def database(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, which DAGSTER_HOME and the environment name."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "deploy/postgres/dagster.yaml", home)
    name = server.make_database()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    for variable, value in server.environment(name).items():
        monkeypatch.setenv(variable, value)
    return name
