"""Evidence: by which edge each record joined its person (rule 3.6)."""

from collections import defaultdict, deque

import numpy as np
import pandas as pd

from analytics_pipeline.domain.identity_edges import EDGE_COLUMNS, EdgeKind
from analytics_pipeline.domain.identity_spanning import Places

WORDS = np.array([f"{kind.word}:" for kind in EdgeKind], dtype="object")


def tell_evidence(joined: pd.DataFrame, head: Places, ids: pd.Series) -> pd.Series:
    """Tell for each record but the person's own how it joined: ``kind:other id``.

    The edges of a person make a tree.  Walked from the person's own record, each
    other one is reached by one edge, so that every edge is told once.

    Args:
        joined: the edges: ``kind``, ``left`` and ``right``.
        head: for each record, the one that names its person.
        ids: the ids of the records.
    """
    steps = _walk(joined, head)
    names = ids.to_numpy("object")
    told = np.full(len(ids), None, dtype="object")
    told[steps["right"]] = WORDS[steps["kind"]] + names[steps["left"]]
    return pd.Series(told, index=ids.index, dtype="str")


def _walk(joined: pd.DataFrame, head: Places) -> pd.DataFrame:
    """Turn every edge so that it leads from ``left``, reached before, to ``right``."""
    turned = joined.rename(columns={"left": "right", "right": "left"})
    both = pd.concat([joined, turned[EDGE_COLUMNS]], ignore_index=True)
    starts_at_head = both["left"].to_numpy() == head[both["left"].to_numpy()]
    first_steps: pd.DataFrame = both[starts_at_head]
    # Most records stand next to the person's own; only the others need a real walk.
    is_far = ~starts_at_head[: len(joined)] & ~starts_at_head[len(joined) :]
    later = _walk_on(joined[is_far], first_steps["right"].tolist())
    return pd.concat([first_steps, later])


def _walk_on(edges: pd.DataFrame, reached: list[int]) -> pd.DataFrame:
    """Walk *edges* from the records *reached*, each to one that was not."""
    onward: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for kind, left, right in edges[EDGE_COLUMNS].itertuples(index=False, name=None):
        onward[left].append((kind, right))
        onward[right].append((kind, left))
    steps: list[tuple[int, int, int]] = []
    waiting = deque((record, record) for record in reached if record in onward)
    while waiting:
        record, came_from = waiting.popleft()
        for kind, other in onward[record]:
            if other != came_from:
                steps.append((kind, record, other))
                waiting.append((other, record))
    return pd.DataFrame(steps, columns=EDGE_COLUMNS, dtype="int64")
