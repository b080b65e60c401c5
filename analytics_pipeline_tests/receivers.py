"""Real receivers of alerts on loopback: a webhook and a mail server."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

SECRET = "s3cr3t-of-the-url"


@dataclass
class Inbox:
    """What was received, as (title, body), and the URL that leads here.

    While ``refusing`` holds numbers, each next message is answered with one of them.
    ``kinds`` are the types of the messages, where the receiver gets them.
    """

    url: str = ""
    messages: list[tuple[str, str]] = field(default_factory=list)
    refusing: list[int] = field(default_factory=list)
    refused: int = 0
    kinds: list[str] = field(default_factory=list)

    @property
    def titles(self) -> list[str]:
        return [title for title, _body in self.messages]

    @property
    def text(self) -> str:
        return "\n".join(f"{title}\n{body}" for title, body in self.messages)


@contextmanager
def open_webhook() -> Iterator[Inbox]:
    """Serve a webhook that takes what Apprise posts as JSON."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = inbox.refusing.pop(0) if inbox.refusing else 200
            if status == 200:
                inbox.messages.append((content["title"], content["message"]))
                inbox.kinds.append(content["type"])
            else:
                inbox.refused += 1
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    inbox.url = f"json://127.0.0.1:{server.server_port}/{SECRET}"
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def open_mail_server() -> Iterator[Inbox]:
    """Serve SMTP; what is delivered is an e-mail's subject and its plain text."""
    inbox = Inbox()

    class Handler:
        async def handle_DATA(  # noqa: N802 (aiosmtpd calls it so)
            self, _server: Any, _session: Any, envelope: Any
        ) -> str:
            mail = message_from_bytes(envelope.content, policy=policy.default)
            body = mail.get_body(("plain", "html"))
            assert body is not None
            inbox.messages.append((str(mail["Subject"]), str(body.get_content())))
            return "250 OK"

    with socket.socket() as free:  # aiosmtpd has to be reported a port
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    inbox.url = (
        f"mailto://127.0.0.1:{port}?from=shop@example.com&to=owner@example.com"
        "&mode=insecure"
    )
    try:
        yield inbox
    finally:
        controller.stop()
