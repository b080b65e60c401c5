"""The Dagster UI and its daemon, on the instance that the commands write to."""

import errno
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.orchestration.code_location import (
    STANDARD_LIBRARY,
    write_workspace,
)
from analytics_pipeline.orchestration.home import (
    home_of_chain,
    instance_home,
    refuse_pattern,
)
from analytics_pipeline.orchestration.instance import open_home
from analytics_pipeline.settings import VARIABLES, Chain, Settings, find_chain, ui_hosts

# ----------------------------------------------------------------------------------
# Whether a server can listen on a port of this machine, asked before it is started.


HOST = "127.0.0.1"
LAST = 65535
_NEXT = 20
"""So many ports after a taken one are tried to name a free one."""


def refuse_taken(port: int, command: str) -> None:
    """Make sure that *command* can listen on *port*; 0 means any free one.

    Raises:
        WrongUse: another program listens there, or this user may not.
    """
    with named_if_taken(port, command):
        _try(port)


@contextmanager
def named_if_taken(port: int, command: str) -> Iterator[None]:
    """Do what opens *port* for *command*; say so plainly where it cannot be opened.

    Raises:
        WrongUse: another program listens there, or this user may not.
    """
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise WrongUse(
                f"Port {port} is in use by another program.",
                "End that program, or choose another port: "
                f"analytics-pipeline {command} --port {_free_port_after(port)}",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise WrongUse(
                f"Port {port} may only be opened by an administrator.",
                f"Choose a port from 1024 on: analytics-pipeline {command} --port "
                f"{_free_port_after(3000)}",
            ) from error
        raise


def _try(port: int) -> None:
    """Listen on *port* for a moment, as the server will.

    Raises:
        OSError: it cannot be opened.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wire.bind((HOST, port))
        wire.listen(1)


def _free_port_after(port: int) -> int:
    """Return a free port, if possible one of the next; 0, which means any, if not."""
    for candidate in range(port + 1, min(port + _NEXT, LAST) + 1):
        try:
            _try(candidate)
        except OSError:
            continue
        return candidate
    return 0


# ----------------------------------------------------------------------------------
# The Dagster UI and its daemon, on the instance that the commands write to.


_NOWHERE = str(Path(STANDARD_LIBRARY, "no_modules"))
"""A place of the path that may be taken away, because nothing is there."""


def open_ui(settings: Settings, terminal: Terminal, port: int) -> None:
    """Become the Dagster UI and daemon, on loopback; never returns.

    Of a chain all shops are shown, each as a code location of its own; one that cannot
    be used is shown with the reason.

    Raises:
        WrongUse: the port is in use, the folder of the chain is missing or holds no
            shop, or ``ANALYTICS_UI_HOSTS`` cannot be used.
        PipelineError: Dagster's records cannot be kept, of which it would say more.
    """
    refuse_taken(port, "ui")
    ui_hosts()
    chain = find_chain()
    if chain is None:
        home = instance_home(settings)
        environment = {**os.environ, **settings.as_environment()}
        environment["DAGSTER_HOME"] = str(home)
    else:
        for fault in chain.faults.values():
            terminal.warn(f"{fault.cause} {fault.remedy}")
        home, environment = home_of_chain(chain), environment_of(chain)
    data_dir = chain.data_dir if chain else settings.data_dir
    target = ["--workspace", str(write_workspace(data_dir, chain))]
    _become(target, port, environment, home)


def environment_of(chain: Chain) -> dict[str, str]:
    """Return the environment of Dagster's processes, without any shop's variable."""
    others = {name: text for name, text in os.environ.items() if name not in VARIABLES}
    return {
        **others,
        "ANALYTICS_SHOPS": str(chain.folder),
        "ANALYTICS_DATA_DIR": str(chain.data_dir),
        "DAGSTER_HOME": str(home_of_chain(chain)),
    }


def _become(
    target: list[str], port: int, environment: Mapping[str, str], home: Path
) -> None:
    """Become Dagster's services of *target*, once the records in *home* can be opened.

    :mod:`ui_services` is that process.

    Raises:
        WrongUse: they would take the name of *home* as a pattern.
    """
    refuse_pattern(home)
    open_home(home).dispose()
    command = [sys.executable, "-P", "-m", "analytics_pipeline.commands.ui_services"]
    command += [str(home), *target, "--host", HOST, "--port", str(port)]
    settled = {**environment, **without_this_folder(environment)}
    os.execve(sys.executable, command, {**settled, "DAGSTER_DISABLE_TELEMETRY": "1"})


def without_this_folder(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which no process takes modules from where it is started.

    Python puts the current folder first for ``-m``, by which Dagster starts all its
    processes, and reads an empty part of ``PYTHONPATH`` as the current folder.  Dagster
    takes the first place of the path away while it loads the code: of a ``PYTHONPATH``,
    that would be a folder which is needed, so one that is not comes before it.
    """
    safe = {"PYTHONSAFEPATH": "1"}
    places = environment.get("PYTHONPATH", "").split(os.pathsep)
    if named := [place for place in places if place]:
        safe["PYTHONPATH"] = os.pathsep.join([_NOWHERE, *named])
    elif "PYTHONPATH" in environment:
        safe["PYTHONPATH"] = ""
    return safe
