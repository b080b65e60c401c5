"""Whether the master that people may expect by now is published."""

from collections.abc import Iterator

from analytics_pipeline.domain.incidents import (
    Incidents,
    Observation,
    longest_failing,
)
from analytics_pipeline.shop import Shop

STALENESS = ("customer_analytics_master", "is_published", "")
"""The check of the clock: yesterday's master should be out by now."""


def look_at_the_clock(shop: Shop, incidents: Incidents) -> Iterator[Observation]:
    """Say whether the master that people may expect is there; a new shop has none.

    Where something else has failed, that is why it is late.
    """
    published, due = shop.publication.published(), shop.due_day.isoformat()
    if published is None:
        return
    is_late = published.as_of < due
    sentence = (
        f"The master of {due} is not published: what people read is as of "
        f"{published.as_of}."
        if is_late
        else f"The master as of {published.as_of} is published."
    )
    remedy = "See why, then run: analytics-pipeline update"
    others = {name: each for name, each in incidents.items() if name != STALENESS}
    yield Observation(
        STALENESS,
        shop.clock(),
        is_late,
        sentence=sentence,
        remedy=remedy,
        follows=longest_failing(others),
    )
