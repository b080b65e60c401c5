"""Send a test message to every channel, and say which one accepted it."""

from collections.abc import Callable

from analytics_pipeline.alerts.channels import open_channels
from analytics_pipeline.alerts.lookout import sender_of
from analytics_pipeline.alerts.texts import write_test
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.model.errors import ChannelRefused, WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop


def alert_test(open_settings: Callable[[], Settings], terminal: Terminal) -> None:
    """Try every channel of ``ALERT_URLS``.

    Raises:
        WrongUse: there is none, or a URL cannot be used.
        ChannelRefused: one did not accept the message.
    """
    settings = open_settings()
    channels = open_channels(settings)
    if not channels:
        raise WrongUse(
            "ALERT_URLS is not set, so no alerts are sent.",
            f"Set it in {settings.written_in}; see: analytics-pipeline alert-test "
            "--help",
        )
    shop = open_shop(settings)
    message = write_test(sender_of(shop), shop.clock())
    refused = []
    parts = terminal.facts["channels"] = []
    for channel in channels:
        with terminal.working(f"sending to {channel.label}"):
            is_accepted = channel.send(message)
        parts.append({"channel": channel.label, "accepted": is_accepted})
        word = "accepted" if is_accepted else "refused"
        of = f"{settings.shop_name}: " if settings.shop_name else ""
        terminal.out.print(f"{of}{channel.label}: {word}", markup=False)
        refused += [] if is_accepted else [channel.label]
    if refused:
        raise ChannelRefused(
            f"{', '.join(refused)} could not be reached or refused the message.",
            "See whether host, user and password in ALERT_URLS are right, then run it "
            "again.",
        )
