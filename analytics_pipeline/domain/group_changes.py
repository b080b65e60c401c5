"""Why a person is in another group than in the master before (rule 10.2).

At a quarter's turn hundreds of thousands may be, so columns are worked out whole.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from analytics_pipeline.domain.changes import GRADE_COLUMNS, fill_in, in_order
from analytics_pipeline.domain.rfm import (
    MoveCause,
    RfmEdges,
    count_groups,
    day_of_edges,
    explain_moves,
    find_last_crossings,
    grade_people,
)
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.vocabulary import ChangeCause, ChangeKind

FIGURES = ["last_order_date", "order_count", "lifetime_value_cents"]
"""What a person does, as the scores see it; the rest is the passing of days."""


@dataclass(frozen=True, slots=True)
class GradedMaster:
    """A published master, and by what its people are in groups.

    Attributes:
        as_of: its day.
        figures: ``CustomerAnalytics``.
        edges: by which it was graded when it was published; nothing if no one had an
            order.
    """

    as_of: date
    figures: pd.DataFrame
    edges: RfmEdges | None

    @property
    def people(self) -> pd.DataFrame:
        """The figures, with the name of a person that groups go by."""
        return self.figures.rename(columns={"customer_id": "person_id"})

    def count_groups(self) -> dict[str, int]:
        """Return how many people are in each group."""
        return count_groups(self.figures, self.edges)


def add_group_changes(
    changes: pd.DataFrame,
    earlier: GradedMaster,
    later: GradedMaster,
    unknown: ChangeCause,
) -> pd.DataFrame:
    """Return *changes* with a row for each person who is in another group now.

    The cause is the edges' where the person would still be in the old group by those of
    before, and the person's otherwise: the sale or order, or the days that passed, or
    the record. A person who came has no group before, one who went has none after, so
    that the rows add up to how many people each group gained.

    Args:
        changes: the other rows of ``CustomerChanges``.
        earlier: the master published before.
        later: the one published now.
        unknown: the cause of what nothing else explains.
    """
    moves = _list_moves(earlier, later)
    if moves.empty:
        return changes
    values = changes[changes["change"] == ChangeKind.VALUE]
    rows = _name_causes(moves, values, unknown.value)
    edges_of = day_of_edges(later.figures["first_order_date"], later.as_of)
    rows = _ascribe(rows, earlier, later, pd.Timestamp(edges_of))
    rows = rows.assign(
        change=ChangeKind.GROUP.value,
        as_of=pd.Timestamp(later.as_of),
        previous_as_of=pd.Timestamp(earlier.as_of),
    )
    kept = [*GRADE_COLUMNS, "as_of", "previous_as_of"]
    return in_order(pd.concat([changes, fill_in(rows[kept])], ignore_index=True))


def _list_moves(earlier: GradedMaster, later: GradedMaster) -> pd.DataFrame:
    """Return who has another group, or none, on one of two days.

    ``customer_id, before, after``, and ``moved_by``, which is missing for those who
    came or went.
    """
    sides = earlier.people, later.people
    moved = explain_moves(*sides, earlier.edges, later.edges)
    ids = [side["person_id"] for side in sides]
    went = sides[0][~is_among(ids[0], ids[1])]
    came = sides[1][~is_among(ids[1], ids[0])]
    parts = [
        pd.DataFrame(
            {
                "customer_id": moved["person_id"],
                "before": moved["group_before"],
                "after": moved["group_after"],
                "moved_by": moved["cause"],
            }
        ),
        _name_side(went, earlier.edges, "before"),
        _name_side(came, later.edges, "after"),
    ]
    columns = ["customer_id", "before", "after", "moved_by"]
    every = pd.concat(parts, ignore_index=True).reindex(columns=columns)
    return every.astype("str")


def _name_side(people: pd.DataFrame, edges: RfmEdges | None, side: str) -> pd.DataFrame:
    """Return the groups of people of one day only."""
    graded = grade_people(people, edges)
    return pd.DataFrame({"customer_id": graded["person_id"], side: graded["rfm_group"]})


def _name_causes(
    moves: pd.DataFrame, values: pd.DataFrame, unknown: str
) -> pd.DataFrame:
    """Add to each move the sale or order of that person, else the record."""
    pieces = _last_pieces(values[is_among(values["customer_id"], moves["customer_id"])])
    rows = moves.merge(pieces, on="customer_id", how="left")
    bare = rows["cause"].isna()
    is_of_record = bare & rows["moved_by"].isna()
    cause = rows["cause"].mask(bare, unknown)
    return rows.assign(
        cause=cause.mask(is_of_record, ChangeCause.RECORD.value),
        cause_id=rows["cause_id"].mask(is_of_record, rows["customer_id"]),
    )


def _last_pieces(values: pd.DataFrame) -> pd.DataFrame:
    """Return the piece of each person that may move a group: as for a segment.

    The last order that came or went; else the last sale that changed the value; else
    the last one that is another now. What only left the 90 days comes last.
    """
    of_window = values["cause"] == ChangeCause.LEFT_WINDOW
    weight = np.select(
        [
            values["order_count_change"] != 0,
            values["lifetime_value_change_cents"] != 0,
            ~of_window,
        ],
        [3, 2, 1],
        0,
    )
    by = ["customer_id", "weight", "cause_date", "cause_id"]
    last = (
        values.assign(weight=weight)
        .sort_values(by)
        .drop_duplicates("customer_id", keep="last")
    )
    return last[["customer_id", "cause", "cause_id", "cause_date"]]


def _ascribe(
    rows: pd.DataFrame,
    earlier: GradedMaster,
    later: GradedMaster,
    edges_of: pd.Timestamp,
) -> pd.DataFrame:
    """Put the edges, or the days that passed, where the person did nothing.

    The days are those that passed an edge of before, by which the person moved.
    """
    then, now = (
        master.figures.set_index("customer_id")[FIGURES].reindex(rows["customer_id"])
        for master in (earlier, later)
    )
    by_edges = (rows["moved_by"] == MoveCause.EDGES).to_numpy("bool")
    waited = rows["moved_by"].notna().to_numpy("bool") & ~by_edges
    for name in FIGURES:
        waited &= (then[name].array == now[name].array).astype("bool")
    passed = pd.Series(pd.NaT, rows.index, dtype="datetime64[us]")
    if earlier.edges is not None and waited.any():
        last = now["last_order_date"][waited]
        passed[waited] = find_last_crossings(last, later.as_of, earlier.edges).array
    date_of = rows["cause_date"].astype("datetime64[us]").mask(waited, passed)
    still = by_edges | waited
    cause = rows["cause"].mask(waited, ChangeCause.TIME.value)
    return rows.assign(
        cause=cause.mask(by_edges, ChangeCause.EDGES.value),
        cause_id=rows["cause_id"].mask(still, None),
        cause_date=date_of.mask(by_edges, edges_of),
    )
