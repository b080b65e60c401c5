"""What Dagster's records say: whether they open, and when its daemon was last seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from analytics_pipeline.instance import find_home, open_home, records_kept
from analytics_pipeline.probes.switches import list_switched_off
from analytics_pipeline.settings import Settings

SCHEDULER = "SCHEDULER"
"""The part of Dagster's daemon that starts the nightly run."""


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records are, when the daemon was seen, and what is switched off."""

    home: Path
    daemon_seen_at: datetime | None
    switched_off: Sequence[str] = ()


def read_records(settings: Settings) -> Records | None:
    """Open the records, if there are any yet.

    Raises:
        LocalFailure: they cannot be read.
        WrongUse: their settings cannot be used.
    """
    home = find_home(settings)
    if home is None:
        return None
    with records_kept(partial(Path, home)), open_home(home) as instance:
        seen = instance.get_daemon_heartbeats().get(SCHEDULER)
        switched_off = list_switched_off(settings, instance)
    seen_at = datetime.fromtimestamp(seen.timestamp, UTC) if seen else None
    return Records(home, seen_at, switched_off)
