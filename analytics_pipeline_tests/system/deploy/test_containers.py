"""The services of the compose file, started from an image that was built here.

No engine is needed: the build stage is run as it is, each command and health check
is the one of the file, and nothing but the volumes can be written.
"""

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from analytics_pipeline_tests.light_run import TABLES, run_light
from analytics_pipeline_tests.simulated_shop import FIRST_DAY, SimulatedShop
from analytics_pipeline_tests.system.deploy.image import Image, read_compose
from analytics_pipeline_tests.system.shared_deployment.processes import (
    Started,
    wait_until,
)
from analytics_pipeline_tests.system.shared_deployment.server import Server, free_port

DAY = FIRST_DAY + timedelta(days=1)
SERVICES: dict[str, Any] = read_compose()["services"]
PATIENCE = {"DAGSTER_DAEMON_HEARTBEAT_TOLERANCE": "1"}
"""Half a minute instead of ten, for a daemon that is dead."""

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    built = Image(tmp_path_factory.mktemp("image") / "root")
    built.build()
    return built


def test_the_installed_package_works_anywhere(image: Image, tmp_path: Path) -> None:
    ours = {"ANALYTICS_DATA_DIR": str(tmp_path / "data"), "DAGSTER_HOME": ""}

    result = subprocess.run(
        ["analytics-pipeline", "status"],
        cwd=tmp_path,
        env={**image.environment, **ours},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1, result.stderr  # nothing is published yet
    assert (tmp_path / "data/.dagster/dagster.yaml").exists()
    packages = image.root / "opt/analytics/lib"
    assert list(packages.glob("*/site-packages/analytics_pipeline/__pycache__/cli.*"))


@contextmanager
def service(
    image: Image, name: str, environment: Mapping[str, str], *more: str
) -> Iterator[Started]:
    """Start a service by its command."""
    words = [*SERVICES[name]["command"], *more]
    log = image.root.parent / f"{name}.log"
    with image.running(words, environment, log) as started:
        yield started


def is_healthy(
    image: Image, name: str, environment: Mapping[str, str], *more: str
) -> bool:
    """Ask by the health check of a service."""
    _cmd, *words = SERVICES[name]["healthcheck"]["test"]
    return image.run([*words, *more], environment).returncode == 0


def test_the_services_come_up_work_and_go(
    image: Image, server: Server, small_shop: SimulatedShop
) -> None:
    environment = {
        **{
            name: str(value)
            for name, value in SERVICES["daemon"]["environment"].items()
        },
        **small_shop.settings.as_environment(),
        **server.environment(server.make_database()),
        "ANALYTICS_DATA_DIR": image.environment["ANALYTICS_DATA_DIR"],
        "DAGSTER_HOME": image.environment["DAGSTER_HOME"],
        "NO_PROXY": "127.0.0.1",
    }
    data = Path(environment["ANALYTICS_DATA_DIR"])
    export = small_shop.data / "ecom_orders_export.csv"
    small_shop.live_until(DAY)
    port = str(free_port())
    words = ["analytics-pipeline", "update", "--as-of", DAY.isoformat()]

    with service(image, "daemon", environment) as daemon:
        assert not is_healthy(image, "daemon", environment)
        wait_until(lambda: is_healthy(image, "daemon", environment))
        with service(image, "webserver", environment, port) as webserver:
            assert not is_healthy(image, "webserver", environment, port)
            wait_until(lambda: is_healthy(image, "webserver", environment, port))

            taken_in = image.run(
                ["analytics-pipeline", "import-ecom", str(export)], environment
            )
            assert taken_in.returncode == 0, taken_in.stderr
            updated = image.run(words, environment)
            assert updated.returncode == 0, updated.stderr

            stop(webserver)
            assert not is_healthy(image, "webserver", environment, port)
        assert is_healthy(image, "daemon", environment)
        stop(daemon)
    wait_until(
        lambda: not is_healthy(image, "daemon", environment | PATIENCE), seconds=90
    )

    (runs,) = server.ask("SELECT count(*) FROM runs", environment["DAGSTER_PG_DB"])
    assert runs[0] >= 1
    shop = moved(small_shop, data)
    other = shop.with_data(image.root.parent / "other")
    run_light(other.settings, DAY, tables=TABLES, full_resync=True)
    assert shop.reproducible(DAY) == other.reproducible(DAY)
    assert server.password not in webserver.words + daemon.words


def stop(started: Started) -> None:
    """Stop as an engine does, within the time that it gives."""
    started.process.send_signal(signal.SIGTERM)
    started.process.wait(timeout=60)


def moved(shop: SimulatedShop, data: Path) -> SimulatedShop:
    settings = shop.settings.model_copy(update={"data_dir": data})
    return SimulatedShop(shop.store, shop.simulator, settings)


def test_the_database_says_how_it_is(server: Server) -> None:
    _cmd, program, *words = SERVICES["postgres"]["healthcheck"]["test"]
    asked = [server.programs / program, *words, f"--port={server.port}"]

    def answer() -> int:
        return subprocess.run(asked, capture_output=True, check=False).returncode

    assert answer() == 0
    with server.stopped():
        assert answer() != 0
