"""One request's time in all, from the connection to the last byte of the reply.

The limits of httpx are for each read, so a reply of one byte every ten seconds would
never reach them.  Here a timer ends the connections of a client whose request takes
too long, which wakes whatever waits for them.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import Any

WHOLE_REQUEST = 300.0
"""Seconds that one request may take in all.  A page of a thousand sales is some 4 MB,
or a tenth of that compressed, so a line of 14 kB/s is fast enough for it; after a
request that took too long, the next page is asked for half as large."""

LARGEST_REPLY = 64 << 20
"""Bytes of one reply, some ten times those of the largest page that is asked for."""


class TimeLimit:
    """What one request has of its time, and whether it was used up."""

    def __init__(self, seconds: float) -> None:
        """Allow the request so many *seconds*."""
        self.seconds = seconds
        self.is_over = False


class Sockets:
    """The open connections of one client, which asks one thing at a time."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = Lock()
        self._open: list[socket.socket] = []

    def note(self, _event: str, info: Mapping[str, Any]) -> None:
        """Take what httpcore tells of its work (the ``trace`` of a request)."""
        self.add(info.get("return_value"))

    def add(self, stream: object) -> None:
        """Remember the socket of a network stream of httpcore; ignore all else."""
        extra = getattr(stream, "get_extra_info", None)
        found = extra("socket") if extra else None
        if not isinstance(found, socket.socket):
            return
        with self._lock:
            self._open = [each for each in self._open if each.fileno() >= 0]
            if all(each is not found for each in self._open):
                self._open.append(found)

    @contextmanager
    def limited(self, seconds: float) -> Iterator[TimeLimit]:
        """End all connections if the block takes longer than so many *seconds*."""
        limit = TimeLimit(seconds)
        timer = Timer(seconds, self._end, [limit])
        timer.daemon = True
        timer.start()
        try:
            yield limit
        finally:
            timer.cancel()

    def _end(self, limit: TimeLimit) -> None:
        limit.is_over = True
        with self._lock:
            for each in self._open:
                # That of TLS would also forget its state, under the reader's feet.
                with suppress(OSError):
                    socket.socket.shutdown(each, socket.SHUT_RDWR)
