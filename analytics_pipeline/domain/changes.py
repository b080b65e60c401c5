"""What changed between two published masters, person by person, and what did it.

Everything is compared as it was published with as it is published now; the pieces, one
sale or web order each, come from ``domain.contributions`` and their causes from
``domain.change_causes``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from analytics_pipeline.domain.contributions import MEASURES
from analytics_pipeline.domain.grade_changes import list_grade_changes
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.schemas.changes import CustomerChanges
from analytics_pipeline.vocabulary import ChangeCause, ChangeKind

ECOM_PREFIX = "ecom-"
_SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Master:
    """A published master: its day, figures and who belongs to whom.

    Attributes:
        as_of: its day.
        figures: ``CustomerAnalytics``, by ``customer_id``.
        homes: the person of each record that is not a person of its own; nobody
            (missing) for a deleted one.
        evidence: how each of these records joined its person.
    """

    as_of: date
    figures: pd.DataFrame
    homes: Mapping[str, str | None]
    evidence: Mapping[str, str | None]


def list_changes(
    earlier: Master, later: Master, caused: pd.DataFrame, *, same_policy: bool
) -> pd.DataFrame:
    """Return ``CustomerChanges`` from one master to the next.

    Args:
        earlier: the master published before.
        later: the one published now.
        caused: what :func:`analytics_pipeline.domain.change_causes.name_causes` says.
        same_policy: whether the shop's choices were the same.
    """
    unknown = ChangeCause.UNKNOWN if same_policy else ChangeCause.POLICY
    values = pd.concat(
        [_values(caused), _unexplained(earlier, later, caused, unknown)],
        ignore_index=True,
    )
    parts = [
        _people(earlier, later, values),
        values,
        list_grade_changes(earlier.figures, later.figures, values, unknown),
    ]
    changes = pd.concat(parts, ignore_index=True).assign(
        as_of=pd.Timestamp(later.as_of), previous_as_of=pd.Timestamp(earlier.as_of)
    )
    return _in_order(_filled(changes))


def no_changes() -> pd.DataFrame:
    """Return the table of a day that has no earlier master to compare with."""
    columns = list(CustomerChanges.to_schema().columns)
    return _filled(pd.DataFrame(columns=columns))


def _values(caused: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every sale or order that adds something else than before."""
    return pd.DataFrame(
        {
            "customer_id": caused["person_id"],
            "change": ChangeKind.VALUE.value,
            **_show_difference(caused),
            "cause": caused["cause"],
            "cause_id": caused["source_id"],
            "cause_date": caused["cause_date"],
            **{name: caused[name] for name in MEASURES},
        }
    )


def _show_difference(caused: pd.DataFrame) -> dict[str, "pd.Series[str]"]:
    """Return ``before`` and ``after`` of the first figure that is another one now.

    Of a sale that came or went that is the lifetime value, also where it is nothing; of
    an order that only has another day, its days.
    """
    shown = {
        side: caused[f"bought_on_{side}"].dt.strftime("%Y-%m-%d") for side in _SIDES
    }
    left = pd.Series(True, index=caused.index)
    stayed = caused["was_there"] & caused["is_there"]
    for change, figure in MEASURES.items():
        here = left & (~stayed | (caused[change] != 0))
        for side in _SIDES:
            told = _write_figure(caused.loc[here, f"{figure}_{side}"], figure)
            shown[side] = shown[side].mask(here, told)
        left &= ~here
    return shown


def _write_figure(values: "pd.Series[int]", figure: str) -> "pd.Series[str]":
    """Return a figure as people read it: money with two decimals, counts without."""
    write = format_cents if figure.endswith("_cents") else str
    told = [None if pd.isna(each) else write(int(each)) for each in values]
    return pd.Series(told, index=values.index, dtype="str")


def _unexplained(
    earlier: Master, later: Master, caused: pd.DataFrame, unknown: ChangeCause
) -> pd.DataFrame:
    """Return what the pieces do not explain, so that the sums are right still."""
    before, after = (
        master.figures.set_index("customer_id")[list(MEASURES.values())].rename(
            columns={figure: name for name, figure in MEASURES.items()}
        )
        for master in (earlier, later)
    )
    told = caused.groupby("person_id")[list(MEASURES)].sum()
    explained = before.add(told, fill_value=0)
    left = after.sub(explained, fill_value=0).astype("int64")
    left = left[(left != 0).any(axis="columns")]
    return (
        left.assign(
            **_show_rest(left, explained),
            change=ChangeKind.VALUE.value,
            cause=unknown.value,
        )
        .rename_axis("customer_id")
        .reset_index()
    )


def _show_rest(
    left: pd.DataFrame, explained: pd.DataFrame
) -> dict[str, "pd.Series[str]"]:
    """Return ``before`` and ``after`` of the first figure that is not explained.

    Before is what the earlier figure and the pieces come to.
    """
    then = explained.reindex(left.index).fillna(0).astype("int64")
    both = {f"{MEASURES[name]}_before": then[name] for name in MEASURES}
    both |= {f"{MEASURES[name]}_after": then[name] + left[name] for name in MEASURES}
    days = {f"bought_on_{side}": pd.Series(pd.NaT, left.index) for side in _SIDES}
    stayed = {"was_there": True, "is_there": True}
    return _show_difference(left.assign(**both, **days, **stayed))


def _people(earlier: Master, later: Master, values: pd.DataFrame) -> pd.DataFrame:
    """Return a row for every person who came, went, was merged or was split off."""
    ids = set(earlier.figures["customer_id"]), set(later.figures["customer_id"])
    first = values.drop_duplicates("customer_id").set_index("customer_id")
    came = [_arrival(each, earlier, first) for each in sorted(ids[1] - ids[0])]
    went = [_departure(each, later, first) for each in sorted(ids[0] - ids[1])]
    columns = ["customer_id", "change", "before", "after", "cause", "cause_id"]
    return pd.DataFrame([*came, *went], columns=[*columns, "person_change"])


def _arrival(person: str, earlier: Master, first: pd.DataFrame) -> tuple[object, ...]:
    """Say how a person came to be: a new record, a first order, or out of another."""
    home = earlier.homes.get(person)
    if home is not None:
        record = ChangeCause.RECORD.value
        return person, ChangeKind.SPLIT.value, home, person, record, person, 1
    cause = _cause_of(person, first)
    return (person, ChangeKind.NEW.value, None, person, *cause, 1)


def _departure(person: str, later: Master, first: pd.DataFrame) -> tuple[object, ...]:
    """Say where a person went: into another one, or away."""
    home = later.homes.get(person)
    if home is not None:
        record, edges = ChangeCause.RECORD.value, later.evidence.get(person)
        return person, ChangeKind.MERGED.value, person, home, record, edges, -1
    cause = _cause_of(person, first, gone=person in later.homes)
    return (person, ChangeKind.GONE.value, person, None, *cause, -1)


def _cause_of(
    person: str, first: pd.DataFrame, *, gone: bool = False
) -> tuple[str, str | None]:
    """Return cause and id: the record, or the first order of a web-only person."""
    if gone:
        return ChangeCause.DELETION.value, person
    if not person.startswith(ECOM_PREFIX):
        return ChangeCause.RECORD.value, person
    if person in first.index:
        return str(first.loc[person, "cause"]), str(first.loc[person, "cause_id"])
    return ChangeCause.UNKNOWN.value, None


def _filled(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the contract, zero where a row adds nothing."""
    columns = list(CustomerChanges.to_schema().columns)
    counts = ["person_change", *MEASURES]
    filled = changes.reindex(columns=columns)
    numbers = filled[counts].astype("Int64").fillna(0).astype("int64")
    days = {
        name: "datetime64[us]" for name in columns if name.endswith(("_of", "date"))
    }
    texts = [name for name in columns if name not in {*counts, *days}]
    return filled.assign(**numbers).astype({**dict.fromkeys(texts, "str"), **days})


def _in_order(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the rows person by person: who it is, what it is worth, then grades."""
    rank = changes["change"].map({kind.value: n for n, kind in enumerate(ChangeKind)})
    return (
        changes.assign(rank=rank)
        .sort_values(
            ["customer_id", "rank", "cause_date", "cause_id", "cause"],
            ignore_index=True,
        )
        .drop(columns="rank")
    )
