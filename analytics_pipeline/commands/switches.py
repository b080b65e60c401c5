"""What of the schedule and the sensors somebody has switched off in Dagster's UI."""

from collections.abc import Iterable

WITHOUT = {
    "daily_update_schedule": "no update starts at night",
    "alerts": "a failure is reported only when a command ends",
    "ecom_export_changed": "a new export waits for the next update",
    "dead_runs": "a run whose process died is not noticed",
}
"""What does not happen while a schedule or a sensor of that name is switched off."""

_SWITCHED_OFF = "STOPPED"


def find_switched_off(noted: Iterable[tuple[str, str]]) -> list[str]:
    """Return what is switched off of *noted* schedules and sensors with their states.

    Dagster notes nothing of one that was never touched and no daemon has run, so a
    shop that a timer updates has none.
    """
    noted = list(noted)
    # One that was noted under an earlier name of the code location is out of use.
    in_use = {name for name, state in noted if state != _SWITCHED_OFF}
    off = {name for name, state in noted if state == _SWITCHED_OFF}
    return [name for name in WITHOUT if name in off - in_use]


def describe_switched_off(names: list[str]) -> str:
    """Say what is switched off in Dagster, and what that means."""
    text = "; ".join(f"{name} ({WITHOUT[name]})" for name in names)
    return f"Switched off in Dagster: {text}."


SWITCH_ON = (
    "If that is not wanted, switch it on under Automation in: analytics-pipeline ui"
)
