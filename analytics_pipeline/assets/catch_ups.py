"""Keep what a walk of a feed was made under: it cannot be made up later (rule 15)."""

import json
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from pydantic import TypeAdapter

from analytics_pipeline.assets.customer_identities import read_overrides
from analytics_pipeline.domain.identity import plain_overrides
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.shop import Shop
from analytics_pipeline.storage.catch_ups import OVERRIDES, POLICIES, CatchUp
from analytics_pipeline.storage.feed_log import FeedLog

PROGRAM = "analytics-pipeline"

_POLICY = TypeAdapter(Policy)


def record_catch_up(
    shop: Shop, table: str, began_at: datetime, cursor: int, log: FeedLog | None = None
) -> None:
    """Keep that a walk of the feed behind *table* is stored to its end.

    Args:
        shop: whose.
        table: what the feed is read into.
        began_at: from when on the walk can have missed something.
        cursor: where the next one reads on.
        log: what it was appended to, if the table is a log; all of it is checked.
    """
    shop.warehouse.catch_ups.record(
        table,
        CatchUp(
            began_at,
            cursor,
            ended_at=shop.clock(),
            generation=log.generation if log else None,
            segments=log.checked_segments() if log else None,
            program=_program_version(),
            policy=_keep_policy(shop),
            overrides=_keep_overrides(shop),
        ),
    )


def _program_version() -> str | None:
    try:
        return version(PROGRAM)
    except PackageNotFoundError:  # run from a source tree
        return None


def _keep_policy(shop: Shop) -> str:
    """Keep every choice that figures depend on, defaults too: those may change."""
    choices = {
        "policy": _POLICY.dump_python(shop.policy, mode="json"),
        "start_date": shop.settings.start_date.isoformat(),
        "time_zone": shop.settings.time_zone,
    }
    text = json.dumps(choices, indent=1, sort_keys=True) + "\n"
    return shop.warehouse.catch_ups.keep(POLICIES, text)


def _keep_overrides(shop: Shop) -> str | None:
    """Keep who is declared the same or different; the reasons, free text, are not.

    A file that cannot be used makes no master, and is reported by the identities.
    """
    try:
        declared = plain_overrides(read_overrides(shop))
    except WrongUse:
        return None
    text = json.dumps(declared, indent=1) + "\n"
    return shop.warehouse.catch_ups.keep(OVERRIDES, text)
