"""Channels that do not come to an end with a message: each is given up in time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from analytics_pipeline.alerts import channels
from analytics_pipeline.alerts.channels import Channel, open_channels
from analytics_pipeline.alerts.texts import Kind, Message
from analytics_pipeline.settings import load_settings

LONG = 20.0
MESSAGE = Message("A title", "A body", Kind.INFO)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "LONGEST_SEND", 0.3)


@contextmanager
def dripping(before: bytes, part: bytes) -> Iterator[int]:
    """Listen, and answer anyone who connects with *part* again and again."""

    def serve(wire: socket.socket) -> None:
        with suppress(OSError), wire:
            wire.sendall(before)
            while True:
                wire.sendall(part)
                time.sleep(0.02)

    def accept() -> None:
        with suppress(OSError):
            while True:
                wire, _ = server.accept()
                threading.Thread(target=serve, args=(wire,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("url", "before", "part"),
    [
        ("json://127.0.0.1:{}/x", b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
        (
            "json://127.0.0.1:{}/x",
            b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
            b" ",
        ),
        (
            "xml://127.0.0.1:{}/x",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"1\r\n \r\n",
        ),
        (
            "mailto://127.0.0.1:{}?from=a@example.com&to=b@example.com",
            b"",
            b"220-Wait\r\n",
        ),
        ("ntfy://127.0.0.1:{}/topic", b"HTTP/1.1 200", b" "),
    ],
    ids=["headers", "body", "chunks", "greeting", "status line"],
)
def test_an_answer_without_an_end_counts_as_a_refusal(
    url: str, before: bytes, part: bytes
) -> None:
    with dripping(before, part) as port:
        (channel,) = open_channels(load_settings(alert_urls=url.format(port)))
        began = time.monotonic()

        assert not channel.send(MESSAGE)
    assert 0.3 <= time.monotonic() - began < LONG


@pytest.mark.parametrize(
    ("notify", "is_accepted"),
    [
        (lambda **_message: True, True),
        (lambda **_message: False, False),
        (lambda **_message: None, False),
        (lambda **_message: 1 / 0, False),
        (lambda **_message: time.sleep(0.8) or True, False),
    ],
    ids=["accepts", "refuses", "says nothing", "fails", "is late"],
)
def test_a_channel_has_accepted_only_if_it_says_so_in_time(
    notify: Callable[..., object], is_accepted: bool
) -> None:
    channel = Channel("id", "label", SimpleNamespace(notify=notify))

    assert channel.send(MESSAGE) is is_accepted
