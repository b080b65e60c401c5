"""Whether a server can listen on a port of this machine, asked before it is started."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from analytics_pipeline.errors import WrongUse

HOST = "127.0.0.1"
LAST = 65535
_NEXT = 20
"""So many ports after a taken one are tried to name a free one."""


def refuse_taken(port: int, command: str) -> None:
    """Make sure that *command* can listen on *port*; 0 stands for any free one.

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
