"""The Dagster UI and its daemon, on the instance that the commands write to."""

import os
import signal
import sys

from analytics_pipeline.instance import instance_home, open_instance
from analytics_pipeline.settings import Settings


def open_ui(settings: Settings, port: int) -> None:
    """Become the Dagster UI and daemon, on loopback; never returns.

    Dagster stops on SIGINT only, which a shell's background jobs ignore; it is set
    back to its default first.

    Raises:
        PipelineError: Dagster's records cannot be kept, of which it would say more.
    """
    open_instance(settings).dispose()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    environment = {
        **os.environ,
        **settings.as_environment(),
        "DAGSTER_HOME": str(instance_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "--module-name",
        "analytics_pipeline.definitions",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    os.execve(sys.executable, command, environment)
