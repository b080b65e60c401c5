"""Where alerts go: e-mail, chat or webhook, each by an Apprise URL.

Such a URL holds passwords and tokens, some in its path, so nothing of it is ever shown
but its kind and host.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from threading import Thread
from typing import Any

from tenacity import (
    Retrying,
    retry_if_result,
    stop_after_attempt,
    wait_exponential,
)

from analytics_pipeline.alerts.texts import Message
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.settings import Settings

KINDS_WITHOUT_SECRET_HOST = frozenset({"json", "jsons", "mailto", "mailtos"})
"""For other kinds the host part may hold a token, so only the kind is shown."""

LONGEST_SEND = 120.0
"""Seconds after which a channel is taken to have refused."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One place to which messages go.

    Attributes:
        id: the same for the same URL; does not reveal it.
        label: kind and host, for people.
    """

    id: str
    label: str
    service: Any

    def send(self, message: Message, *, tries: int = 1) -> bool:
        """Send a message, with retries; return whether the channel accepted it.

        A channel that can show the kind of a message, such as by a colour, gets it.

        Apprise gives up on a silent server after seconds, by its own limits, and on
        one whose answer does not end this does, after :data:`LONGEST_SEND`.
        """
        return Retrying(
            stop=stop_after_attempt(tries),
            wait=wait_exponential(multiplier=0.5),
            retry=retry_if_result(lambda is_accepted: not is_accepted),
            retry_error_callback=lambda _state: False,
        )(self._send_once, message)

    def _send_once(self, message: Message) -> bool:
        """Send in a thread, which is left alone if it takes too long."""
        accepted: list[bool] = []
        sending = Thread(target=lambda: accepted.append(self._notify(message)))
        sending.daemon = True
        sending.start()
        sending.join(LONGEST_SEND)
        return any(accepted)

    def _notify(self, message: Message) -> bool:
        try:
            return bool(
                self.service.notify(
                    title=message.title,
                    body=message.body,
                    notify_type=message.kind.value,
                    body_format="text",
                )
            )
        except Exception:
            # Plugins of many authors: whatever one raises, it did not accept.
            return False


def open_channels(settings: Settings) -> Sequence[Channel]:
    """Return the channels of ``ALERT_URLS``; none where it is not set.

    Raises:
        WrongUse: a URL is not a valid Apprise URL.
    """
    if settings.alert_urls is None:
        return []
    import apprise  # half a second, for which only alerts need to wait
    from apprise.utils.parse import parse_urls

    # They log URLs, and what servers answer.
    logging.getLogger("apprise").disabled = True
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    asset = apprise.AppriseAsset(
        app_id="analytics-pipeline", secure_logging=True, async_mode=False
    )
    urls = parse_urls(settings.alert_urls.get_secret_value())
    return [_open(apprise, url, asset, n) for n, url in enumerate(urls, start=1)]


def _open(apprise: Any, url: str, asset: Any, number: int) -> Channel:
    """Open one channel.

    Raises:
        WrongUse: Apprise does not know such a URL.
    """
    service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        raise WrongUse(
            f"ALERT_URLS: the {_ordinal(number)} URL is not a valid Apprise URL.",
            "Write it as Apprise documents it, such as mailtos://user:password@host"
            "?to=you@example.com, and try: analytics-pipeline alert-test",
        )
    kind = url.split("://", 1)[0].strip().lower()
    host = getattr(service, "host", None)
    shows_host = kind in KINDS_WITHOUT_SECRET_HOST and host
    # Apprise's own id is the same for two recipients at one server.
    channel_id = sha256(url.encode()).hexdigest()[:16]
    return Channel(channel_id, f"{kind}://{host}" if shows_host else kind, service)


def _ordinal(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")
