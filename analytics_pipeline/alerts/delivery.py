"""Send what began to fail and what is resolved, on every channel."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import dagster as dg

from analytics_pipeline.alerts.channels import Channel, open_channels
from analytics_pipeline.alerts.lookout import open_book, sender_of, take_in_the_clock
from analytics_pipeline.alerts.texts import Message, write_messages
from analytics_pipeline.domain.incidents import (
    Incident,
    Incidents,
    forget_channels,
    list_news,
    mark_reported,
    mark_sending,
    observe,
)
from analytics_pipeline.model.errors import LocalFailure, PipelineError
from analytics_pipeline.orchestration.run_records import (
    list_ends,
    name_records,
    read_end,
    read_run,
)
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.state import AlertBook, AlertMemory, first_refusal

# ----------------------------------------------------------------------------------
# Send what began to fail and what is resolved, on every channel.
#
# Called by a sensor under the daemon and by each command that ran a job; whichever
# comes first sends it, and the other finds it sent.


LONGEST_WAIT = 30.0
"""Seconds to wait for another process that is sending the same alerts."""

TRIES = 3
"""How often a command tries a channel: it may be long until the next one."""


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What was delivered: how many messages were accepted, and who refused.

    ``incidents`` is what is wrong now, sent or not.
    """

    sent: int = 0
    refusing: Sequence[str] = field(default_factory=list)
    incidents: Incidents = field(default_factory=dict, compare=False)


def look_around(shop: Shop, instance: dg.DagsterInstance) -> AlertMemory:
    """Return what is wrong now, and what ended since the last look.

    Writes nothing and sends nothing.

    Raises:
        LocalFailure: the memory of the alerts is damaged.
    """
    return _look(shop, instance, open_book(shop).read() or AlertMemory())


def look_from_within(
    shop: Shop, instance: dg.DagsterInstance, run_id: str
) -> Incidents:
    """Return what is wrong now, as the run of that id sees it before it has ended.

    Where the memory of the alerts is damaged nothing is known; the end of the run,
    which has to send alerts, says so.
    """
    try:
        incidents = look_around(shop, instance).incidents
    except LocalFailure:
        return {}
    return observe(incidents, read_run(instance, run_id, incidents))


def send_alerts(
    shop: Shop, instance: dg.DagsterInstance, *, is_patient: bool
) -> DeliveryResult:
    """Send each channel what it has not had yet; remember what was accepted.

    Args:
        shop: whose tables the alerts are about.
        instance: where its runs are recorded.
        is_patient: let a channel that refused be until its pause is over, as a daemon
            does; a command has no later, and tries a few times at once.

    Raises:
        LocalFailure: the memory is damaged or cannot be written.
        WrongUse: a URL cannot be used.
        DirectoryInUse: another process keeps sending for long.
    """
    book = open_book(shop)
    channels = open_channels(shop.settings)
    with book.held(LONGEST_WAIT):
        memory = _look(shop, instance, book.read() or AlertMemory())
        memory = _drop_channels(memory, channels)
        book.write(memory)
        sender = _AlertSender(shop, book, memory, tries=1 if is_patient else TRIES)
        for channel in channels:
            refusal = memory.refusals.get(channel.id)
            if not (is_patient and refusal and refusal.next_try > shop.clock()):
                sender.notify(channel)
    refusing = [each.label for each in sender.memory.refusals.values()]
    return DeliveryResult(sender.sent, refusing, sender.memory.incidents)


class _AlertSender:
    """Sends to one channel after the other, and notes each accepted message."""

    def __init__(
        self, shop: Shop, book: AlertBook, memory: AlertMemory, tries: int
    ) -> None:
        self._shop = shop
        self._tries = tries
        self._book = book
        self.memory = memory
        self.sent = 0

    def notify(self, channel: Channel) -> None:
        """Send *channel* what it has not had yet, until it refuses."""
        news = list_news(self.memory.incidents, channel.id)
        for message in write_messages(news, sender_of(self._shop)):
            before = self.memory
            self._note(mark_sending, channel, message)
            if not channel.send(message, tries=self._tries):
                # What an earlier process may have sent stays in doubt.
                self.memory = before
                self._note_refusal(channel)
                return
            self.sent += 1
            self._note(mark_reported, channel, message)
        self._forget_refusal(channel)

    def _note(
        self,
        mark: Callable[[Incidents, str, Sequence[Incident]], Incidents],
        channel: Channel,
        message: Message,
    ) -> None:
        """Note what became of a message, before anything else is done."""
        incidents = mark(self.memory.incidents, channel.id, message.incidents)
        self._write(replace(self.memory, incidents=incidents))

    def _note_refusal(self, channel: Channel) -> None:
        now = self._shop.clock()
        known = self.memory.refusals.get(channel.id)
        refusal = known.again(now) if known else first_refusal(channel.label, now)
        refusals = {**self.memory.refusals, channel.id: refusal}
        self._write(replace(self.memory, refusals=refusals))

    def _forget_refusal(self, channel: Channel) -> None:
        """Note that a channel accepted all, or that nothing waits for it any more."""
        if channel.id in self.memory.refusals:
            others = {
                name: each
                for name, each in self.memory.refusals.items()
                if name != channel.id
            }
            self._write(replace(self.memory, refusals=others))

    def _write(self, memory: AlertMemory) -> None:
        self.memory = memory
        self._book.write(memory)


def _look(shop: Shop, instance: dg.DagsterInstance, memory: AlertMemory) -> AlertMemory:
    """Take in the runs that ended since, and what the clock says."""
    records = name_records(instance)
    known = memory.cursors if records == memory.records else {}
    ends, cursors = list_ends(instance, known, shop.settings.shop_name)
    incidents = memory.incidents
    for end in ends:
        incidents = observe(incidents, read_end(instance, end, incidents))
    incidents = take_in_the_clock(shop, incidents)
    return replace(memory, incidents=incidents, cursors=cursors, records=records)


def _drop_channels(memory: AlertMemory, channels: Sequence[Channel]) -> AlertMemory:
    """Forget the channels that are not configured any more.

    A process that has none, such as a command without the daemon's environment, knows
    nothing of others' channels.
    """
    if not channels:
        return memory
    names = {channel.id for channel in channels}
    refusals = {name: each for name, each in memory.refusals.items() if name in names}
    incidents = forget_channels(memory.incidents, names)
    return replace(memory, incidents=incidents, refusals=refusals)


def build_alert_sensor(open_shop: Callable[[], Shop]) -> dg.SensorDefinition:
    """Build the sensor that sends alerts while the daemon runs."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sends what began to fail and what is resolved, through "
        "ALERT_URLS.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        """Send what is new; a channel that refuses is tried again later."""
        shop = open_shop()
        try:
            delivery = send_alerts(shop, context.instance, is_patient=True)
        except PipelineError as error:
            return dg.SkipReason(f"{error.cause} {error.remedy}")
        except OSError as error:
            return dg.SkipReason(f"This machine failed: {error.strerror or error}.")
        refusing = (
            f"; refusing: {', '.join(delivery.refusing)}" if delivery.refusing else ""
        )
        return dg.SkipReason(f"{delivery.sent} messages sent{refusing}.")

    return alerts
