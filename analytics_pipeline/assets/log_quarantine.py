"""What is in quarantine of a log that is read walk by walk.

That are the rejected records of which no good version has come since. Each is known by
its id; one without an id that can be read has no name of its own, so it is known by its
place, and only until the next segment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pandas as pd

from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.storage.feed_log import FeedLog

Spell = Callable[[str], str]
"""Writes an id as ids are compared."""


def find_standing(
    log: FeedLog, last: int, good: Mapping[str, int], spell: Spell = str
) -> dict[str, Rejection]:
    """Return the rejected records of *log* that no good version replaced, by name.

    Args:
        log: with every segment that was read.
        last: the number of the last one.
        good: the segment of the latest good version of each record, by name.
        spell: writes an id as ids are compared.
    """
    standing: dict[str, Rejection] = {}
    columns = ["record_id", "rule", "position", "segment"]
    for record_id, rule, position, segment in log.rejections()[columns].itertuples(
        index=False, name=None
    ):
        named = None if pd.isna(record_id) else str(record_id)
        each = Rejection(log.table.name, rule, named, None, position)
        if segment == last or (named and good.get(spell(named), -1) <= segment):
            standing[name_of(each, spell)] = each
    return standing


def name_of(rejection: Rejection, spell: Spell = str) -> str:
    """Return what a rejected record is known by: its id, else where it was."""
    return spell(rejection.record_id or f"at {rejection.position}")


def stand_now(
    before: Mapping[str, Rejection],
    rejections: Iterable[Rejection],
    good: Iterable[str],
    spell: Spell = str,
) -> list[Rejection]:
    """Return what is in quarantine after a walk.

    Args:
        before: what was in quarantine before it, by name.
        rejections: what the walk rejected.
        good: the ids of the records that it read.
        spell: writes an id as ids are compared.
    """
    made_good = set(map(spell, good))
    old = {name: each for name, each in before.items() if name not in made_good}
    new = {name_of(each, spell): each for each in rejections}
    every = {**old, **new}
    return [every[name] for name in sorted(every)]


def not_yet_known(
    before: Mapping[str, Rejection],
    rejections: Iterable[Rejection],
    spell: Spell = str,
) -> Sequence[Rejection]:
    """Return the *rejections* that were not in quarantine *before*, by the same rule.

    One without an id is among them again: it is forgotten with the next segment.
    """
    return [
        each
        for each in rejections
        if not each.record_id
        or (known := before.get(name_of(each, spell))) is None
        or known.rule != each.rule
    ]
