"""What of the schedule and the sensors somebody has switched off in Dagster's UI."""

from collections.abc import Iterator
from functools import partial

import dagster as dg

from analytics_pipeline.instance import instance_home, records_kept
from analytics_pipeline.settings import Settings

WITHOUT = {
    "daily_update_schedule": "no update starts by itself at night",
    "alerts": "a failure is told only when a command ends",
    "ecom_export_changed": "a new export waits for the next update",
    "dead_runs": "a run whose process died is not noticed",
}
"""What does not happen while a schedule or a sensor of that name is switched off."""

_SWITCHED_OFF = "STOPPED"


def list_switched_off(settings: Settings, instance: dg.DagsterInstance) -> list[str]:
    """Return which of the shop's schedule and sensors are switched off, by name.

    Dagster notes nothing of one that nobody has touched and no daemon has run, so a
    shop that a timer updates has none.

    Raises:
        LocalFailure: Dagster's records could not be read.
    """
    with records_kept(partial(instance_home, settings)):
        noted = list(_list_noted(settings.shop_name, instance))
    # One that was noted under an earlier name of the code location is out of use.
    in_use = {name for name, state in noted if state != _SWITCHED_OFF}
    off = {name for name, state in noted if state == _SWITCHED_OFF}
    return [name for name in WITHOUT if name in off - in_use]


def _list_noted(
    shop: str | None, instance: dg.DagsterInstance
) -> Iterator[tuple[str, str]]:
    """Yield the name and the state of each schedule and sensor of *shop*."""
    for noted in instance.all_instigator_state():
        location = noted.origin.repository_origin.code_location_origin.location_name
        if shop is None or location == shop:
            yield noted.instigator_name, noted.status.value


def tell_switched_off(names: list[str]) -> str:
    """Say what is switched off in Dagster, and what that means."""
    told = "; ".join(f"{name} ({WITHOUT[name]})" for name in names)
    return f"Switched off in Dagster: {told}."


SWITCH_ON = (
    "If that is not wanted, switch it on under Automation in: analytics-pipeline ui"
)
