"""The process that ``analytics-pipeline ui`` becomes: Dagster's services.

``dagster dev`` ends with 0 whether it was interrupted or its web server has died; here
the exit code says which.
"""

from analytics_pipeline.commands.interruption import INTERRUPTED  # isort: split

import runpy
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import dagster as dg
from filelock import FileLock, Timeout

from analytics_pipeline.commands.ui import refuse_taken
from analytics_pipeline.model.errors import LocalFailure, PipelineError, WrongUse

LOCK = "ui.lock"
"""The file next to Dagster's records that a running UI holds."""


def run(home: Path, words: list[str]) -> int:
    """Run ``dagster dev`` with *words*, on the instance in *home*.

    Return the exit code of the command.

    It stops its web server and its daemon before it returns, however it ends.  Of one
    instance a single one may run: two daemons would launch each run twice.
    """
    try:
        with FileLock(home / LOCK, timeout=0, mode=0o600):
            return _run_alone(words)
    except Timeout:
        return _report(
            WrongUse(
                "The Dagster UI of this data directory runs already.",
                "Look at it in the browser, or end it before you start another.",
            )
        )


def _run_alone(words: list[str]) -> int:
    interruptions: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        interruptions.append(number)
        raise KeyboardInterrupt

    # A shell's background jobs ignore SIGINT, the only signal that Dagster stops on;
    # Dagster lets SIGTERM do the same.
    signal.signal(signal.SIGINT, interrupt)
    sys.argv = ["dagster", "dev", *words]
    with suppress(SystemExit, KeyboardInterrupt), warnings.catch_warnings():
        # That `dg dev` replaces `dagster dev` helps no one who typed neither.
        warnings.simplefilter("ignore", dg.SupersessionWarning)
        _guard_webserver()
        runpy.run_module("dagster", run_name="__main__", alter_sys=True)
    if interruptions:
        return INTERRUPTED
    return _report(_explain_end(words))


def _report(error: PipelineError) -> int:
    """Print why the services do not run; return the exit code of the command."""
    print(f"error: {error.cause}\n  {error.remedy}", file=sys.stderr)  # noqa: T201
    return error.exit_code


def _guard_webserver() -> None:
    """Let ``dagster dev`` start its webserver behind the guard, whatever keeps records.

    The storage of ours brings the guard itself; another one that a ``DAGSTER_HOME``
    names does not, and ``dagster dev`` has no option for the program that it starts.
    """
    dev: Any = import_module("dagster._cli.dev")
    start = dev.open_ipc_subprocess

    def start_guarded(words: Sequence[str], **options: Any) -> Any:
        own = {"dagster_webserver": "analytics_pipeline.webserver"}
        return start([own.get(word, word) for word in words], **options)

    dev.open_ipc_subprocess = start_guarded


def _explain_end(words: list[str]) -> PipelineError:
    """Say why the services may have ended without being asked to."""
    port = int(words[words.index("--port") + 1])
    try:
        refuse_taken(port, "ui")
    except WrongUse as taken:
        return taken
    return LocalFailure(
        "The Dagster UI ended unexpectedly.", "The lines above say why; start it again."
    )


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1]), sys.argv[2:]))
