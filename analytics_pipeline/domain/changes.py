"""What changed between two published masters, person by person, and why."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from analytics_pipeline.domain.analytics import ROLLING_DAYS, SEGMENT_DAYS
from analytics_pipeline.domain.purchases import FIGURES, MEASURES, REFUND
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import ChangeCause, ChangeKind, SaleState, Tier

# ----------------------------------------------------------------------------------
# Why a sale or web order came to count for a person, or no longer does.
#
# Two answers for each, taken from its state now: what it is if it came, and what
# happened to it if it went. ``domain.changes`` asks for the one that it needs.


CAUSE_COLUMNS = ["key", "coming", "going"]


def explain_sales(sales: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Return for each sale, as it is now, why it may have come or gone.

    Args:
        sales: ``RawSales`` rows of the sales asked about, on whatever day they are.
        as_of: the day of the later master.

    Returns:
        ``key, coming, going``: two ``ChangeCause`` for each.
    """
    is_later = sales["business_date"] > pd.Timestamp(as_of)
    rows = sales.assign(is_later=is_later)
    return _table("sale " + sales["sale_id"], rows, _coming, _going)


def _coming(sale: Any) -> ChangeCause:
    if pd.notna(sale.return_for):
        sells = sale.sold_line_count > 0
        return ChangeCause.EXCHANGE if sells else ChangeCause.RETURN
    takes_back = not sale.is_order and sale.refunded_incl_cents > 0
    return ChangeCause.RETURN if takes_back else ChangeCause.SALE


def _going(sale: Any) -> ChangeCause:
    if sale.is_deleted:
        return ChangeCause.DELETION
    if sale.state == SaleState.VOIDED:
        return ChangeCause.VOID
    if not sale.is_completed:
        return ChangeCause.REOPENING
    return ChangeCause.EDIT if sale.is_later else ChangeCause.REASSIGNMENT


def explain_orders(
    keys: "pd.Series[str]",
    numbers: "pd.Series[str]",
    synced: Collection[str],
    counting: Collection[str],
) -> pd.DataFrame:
    """Return for each web order why it may have begun or ceased to count alone.

    Args:
        keys: the orders asked about, and refunds of them.
        numbers: the order number of each.
        synced: the numbers of the orders that a sale has.
        counting: the numbers of those that count without a sale, anyone's.
    """
    orders = pd.DataFrame(
        {
            "is_synced": is_among(numbers, synced),
            "is_counting": is_among(numbers, counting),
            "is_refund": keys.str.startswith(REFUND),
        }
    )
    return _table(keys, orders, _order_coming, _order_going)


def _order_coming(order: Any) -> ChangeCause:
    return ChangeCause.RETURN if order.is_refund else ChangeCause.WEB_ORDER


def _order_going(order: Any) -> ChangeCause:
    if order.is_counting:
        return ChangeCause.REASSIGNMENT
    return ChangeCause.SYNC if order.is_synced else ChangeCause.ORDER_UNDONE


def _table(
    keys: "pd.Series[str]",
    rows: pd.DataFrame,
    coming: Callable[[Any], ChangeCause],
    going: Callable[[Any], ChangeCause],
) -> pd.DataFrame:
    each = list(rows.itertuples(index=False))
    return pd.DataFrame(
        {
            "key": keys.to_numpy(),
            "coming": [coming(row).value for row in each],
            "going": [going(row).value for row in each],
        },
        columns=CAUSE_COLUMNS,
    ).astype("str")


def name_causes(
    compared: pd.DataFrame, explained: pd.DataFrame, held_before: Collection[str]
) -> pd.DataFrame:
    """Add to each contribution that changed its ``cause`` and ``cause_date``.

    Args:
        compared: what
            :func:`analytics_pipeline.domain.purchases.compare_contributions`
            returns.
        explained: the rows of :func:`explain_sales` and :func:`explain_orders`.
        held_before: the keys that counted before, for anyone.
    """
    why = explained.set_index("key")
    # As text, because from a table without rows pandas maps to numbers.
    coming, going = (
        compared["key"].map(why[way]).astype("str") for way in CAUSE_COLUMNS[1:]
    )
    # A sale that is nowhere any more was rejected.
    going = going.fillna(ChangeCause.QUARANTINE.value)
    came = ~compared["was_there"]
    went = ~compared["is_there"]
    was_elsewhere = is_among(compared["key"], held_before)
    cause = pd.Series(ChangeCause.EDIT.value, index=compared.index)
    cause = cause.mask(compared["only_window"], ChangeCause.LEFT_WINDOW.value)
    cause = cause.mask(_became_web(compared), ChangeCause.SYNC.value)
    cause = cause.mask(came, coming)
    cause = cause.mask(came & was_elsewhere, ChangeCause.REASSIGNMENT.value)
    cause = cause.mask(went, going).astype("str")
    left = cause == ChangeCause.LEFT_WINDOW
    left_on = compared["bought_on"] + pd.Timedelta(days=ROLLING_DAYS)
    return compared.assign(
        cause=cause, cause_date=compared["bought_on"].mask(left, left_on)
    )


def _became_web(compared: pd.DataFrame) -> "pd.Series[bool]":
    """Say where only the tie to a web order is new, or gone."""
    stays = compared["was_there"] & compared["is_there"]
    before, after = (compared[f"lifetime_value_cents_{s}"] for s in ("before", "after"))
    same_value = before == after
    return (
        stays & same_value.fillna(False) & (compared["ecom_order_count_change"] != 0)
    ).astype("bool")


# ----------------------------------------------------------------------------------
# Why a person's tier or segment is another one than in the master before.


GRADE_COLUMNS = [
    "customer_id", "change", "before", "after", "cause", "cause_id", "cause_date",
]  # fmt: skip

Grade = tuple[object, ...]


def list_grade_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    values: pd.DataFrame,
    unknown: ChangeCause,
) -> pd.DataFrame:
    """Return a row for every tier and every segment that is another one now.

    A person who came has none before, one who went has none after, so that the rows
    add up to how many people each tier and segment gained.

    Args:
        before: ``CustomerAnalytics`` of the earlier master.
        after: of the later one.
        values: the rows of kind ``value``: what may have moved a person.
        unknown: the cause of what nothing else explains.
    """
    columns = ["customer_id", "tier", "inactive_segment", "last_order_date"]
    both = before[columns].merge(
        after[columns], on="customer_id", how="outer", suffixes=("_before", "_after")
    )
    moved = both[_differ(both, "tier") | _differ(both, "inactive_segment")].sort_values(
        "customer_id"
    )
    # Plain lists, because a table for each of many people takes a millisecond each.
    pieces: dict[str, list[Any]] = {}
    of_moved = values[is_among(values["customer_id"], moved["customer_id"])]
    for piece in of_moved.itertuples(index=False):
        pieces.setdefault(str(piece.customer_id), []).append(piece)
    rows: list[Grade] = []
    for person in moved.itertuples(index=False):
        rows += _grades(person, pieces.get(str(person.customer_id), []), unknown)
    return pd.DataFrame(rows, columns=GRADE_COLUMNS)


def _differ(both: pd.DataFrame, grade: str) -> "pd.Series[bool]":
    before, after = (both[f"{grade}_{side}"].fillna("") for side in ("before", "after"))
    return before != after


def _grades(person: Any, mine: list[Any], unknown: ChangeCause) -> list[Grade]:
    """Return the one or two grades of a person that moved."""
    found: list[Grade] = []
    before, after = _text(person.tier_before), _text(person.tier_after)
    if before != after:
        cause = _tier_cause(mine, before, after) or _otherwise(person, unknown)
        found.append((person.customer_id, ChangeKind.TIER.value, before, after, *cause))
    before = _text(person.inactive_segment_before)
    after = _text(person.inactive_segment_after)
    if before != after:
        cause = _segment_cause(person, mine, after) or _otherwise(person, unknown)
        found.append(
            (person.customer_id, ChangeKind.SEGMENT.value, before, after, *cause)
        )
    return found


def _otherwise(person: Any, unknown: ChangeCause) -> Grade:
    """Return the cause where no sale did it: the record, if it came or went."""
    if pd.isna(person.tier_before) or pd.isna(person.tier_after):
        return ChangeCause.RECORD.value, person.customer_id, pd.NaT
    return unknown.value, None, pd.NaT


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


_RANKS: Mapping[str | None, int] = {None: -1} | {
    tier.value: rank for rank, tier in enumerate(Tier)
}


def _tier_cause(mine: list[Any], before: str | None, after: str | None) -> Any:
    """Return the piece that moved the value most in the tier's direction.

    The rolling value decides by default; where it did not move, the lifetime value
    or the number of orders did.
    """
    up = 1 if _RANKS[after] > _RANKS[before] else -1
    for measure in (
        "rolling_90_day_value_change_cents",
        "lifetime_value_change_cents",
        "order_count_change",
    ):
        sizes = [(getattr(piece, measure) * up, piece) for piece in mine]
        moving = [(size, piece) for size, piece in sizes if size > 0]
        if moving:
            _, most = max(moving, key=lambda pair: (pair[0], _rank(pair[1].cause_id)))
            return _piece(most)
    return _piece(mine[0]) if mine else None


def _rank(value: Any) -> tuple[bool, Any]:
    """Return what sorts *value* as pandas does: a missing one is the last."""
    return (True, "") if pd.isna(value) else (False, value)


def _piece(row: Any) -> Grade:
    return row.cause, row.cause_id, row.cause_date


def _segment_cause(person: Any, mine: list[Any], after: str | None) -> Any:
    """Return the order that came or went, or the days that passed since the last."""
    days = {word.value: bound for bound, word in SEGMENT_DAYS}
    same = person.last_order_date_before == person.last_order_date_after
    if same and after in days:
        reached = person.last_order_date_after + timedelta(days=days[after])
        return ChangeCause.TIME.value, None, reached
    moving = [piece for piece in mine if piece.order_count_change != 0] or mine
    if not moving:
        return None
    return _piece(
        max(moving, key=lambda piece: (_rank(piece.cause_date), _rank(piece.cause_id)))
    )


# ----------------------------------------------------------------------------------
# What changed between two published masters, person by person, and what did it.
#
# Everything is compared as it was published with as it is published now; the pieces,
# one sale or web order each, come from ``domain.contributions`` and their causes from
# ``domain.change_causes``.


ECOM_PREFIX = "ecom-"
_SIDES = ("before", "after")


@dataclass(frozen=True, slots=True)
class Master:
    """A published master: its day, figures and who belongs to whom.

    Attributes:
        as_of: its day.
        figures: ``CustomerAnalytics``, by ``customer_id``.
        homes: the person of each record that is not a person of its own;
            missing for a deleted one.
        evidence: how each of these records joined its person.
    """

    as_of: date
    figures: pd.DataFrame
    homes: Mapping[str, str | None]
    evidence: Mapping[str, str | None]


def list_changes(
    earlier: Master, later: Master, caused: pd.DataFrame, *, unknown: ChangeCause
) -> pd.DataFrame:
    """Return ``CustomerChanges`` from one master to the next.

    Args:
        earlier: the master published before.
        later: the one published now.
        caused: what :func:`analytics_pipeline.domain.changes.name_causes` says.
        unknown: the cause of what nothing else explains.
    """
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
    return in_order(fill_in(changes))


def no_changes() -> pd.DataFrame:
    """Return the table of a day that has no earlier master to compare with."""
    columns = list(CustomerChanges.to_schema().columns)
    return fill_in(pd.DataFrame(columns=columns))


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
            rows = _write_figure(caused.loc[here, f"{figure}_{side}"], figure)
            shown[side] = shown[side].mask(here, rows)
        left &= ~here
    return shown


def _write_figure(values: "pd.Series[int]", figure: str) -> "pd.Series[str]":
    """Return a figure as people read it: money with two decimals, counts without."""
    write = format_cents if figure.endswith("_cents") else str
    written = [None if pd.isna(each) else write(int(each)) for each in values]
    return pd.Series(written, index=values.index, dtype="str")


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
    rows = caused.groupby("person_id")[list(MEASURES)].sum()
    explained = before.add(rows, fill_value=0)
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


def fill_in(changes: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of ``CustomerChanges``, zero where a row adds nothing."""
    columns = list(CustomerChanges.to_schema().columns)
    counts = ["person_change", *MEASURES]
    filled = changes.reindex(columns=columns)
    numbers = filled[counts].astype("Int64").fillna(0).astype("int64")
    days = {
        name: "datetime64[us]" for name in columns if name.endswith(("_of", "date"))
    }
    texts = [name for name in columns if name not in {*counts, *days}]
    return filled.assign(**numbers).astype({**dict.fromkeys(texts, "str"), **days})


def in_order(changes: pd.DataFrame) -> pd.DataFrame:
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


# ----------------------------------------------------------------------------------
# The changes between two masters held against the masters themselves.


GRADES = {ChangeKind.TIER: "tier", ChangeKind.SEGMENT: "inactive_segment"}


def list_moved_people(before: pd.DataFrame, after: pd.DataFrame) -> "pd.Index[str]":
    """Return the people of whom anything but the passing of days is another now.

    Args:
        before: ``CustomerAnalytics`` of the earlier master.
        after: of the later one.
    """
    aside = ["as_of", "days_since_last_order"]
    sides = [
        figures.drop(columns=aside).set_index("customer_id")
        for figures in (before, after)
    ]
    every = sides[0].index.union(sides[1].index)
    moved = np.zeros(len(every), dtype="bool")
    # A column at a time: all at once would take gigabytes for a million.
    for name in sides[0].columns:
        one, two = (side[name].reindex(every) for side in sides)
        differs = (one != two).fillna(True).astype("bool")
        moved |= (differs & ~(one.isna() & two.isna())).to_numpy()
    return every[moved]


def check_figures(
    figures: pd.DataFrame,
    contributions: pd.DataFrame,
    people: "pd.Index[str]",
    totals: Mapping[str, int],
) -> CheckResult:
    """Check that the published figures are what sales and web orders come to now.

    Args:
        figures: ``CustomerAnalytics`` of the day.
        contributions: every purchase of *people* as of the day.
        people: of whom each figure is compared.
        totals: ``value_cents`` and ``orders`` of everybody's purchases.
    """
    sums = contributions.groupby("person_id")[FIGURES].sum()
    held = figures.set_index("customer_id")[FIGURES]
    held = held[held.index.isin(people)]
    differ = held.sub(sums, fill_value=0).ne(0).any(axis="columns")
    sides = {
        "figures_value_cents": int(figures["lifetime_value_cents"].sum()),
        "sales_value_cents": totals["value_cents"],
        "figures_orders": int(figures["order_count"].sum()),
        "sales_orders": totals["orders"],
    }
    passed = not differ.any() and (
        sides["figures_value_cents"] == sides["sales_value_cents"]
        and sides["figures_orders"] == sides["sales_orders"]
    )
    return CheckResult(
        "figures_are_current",
        passed,
        "The figures are what sales and web orders come to."
        if passed
        else "The figures are not what sales and web orders come to now. Materialize "
        "customer_analytics and what is below it first.",
        evidence={**sides, "people_that_differ": int(differ.sum())},
    )


def add_up_changes(
    before: pd.DataFrame,
    after: pd.DataFrame,
    changes: pd.DataFrame,
    groups: tuple[Mapping[str, int], Mapping[str, int]] = ({}, {}),
) -> CheckResult:
    """Compare the sums of *changes* with the differences of the two masters.

    All numbers, the number of people, and how many people each tier, segment and group
    has.

    Args:
        before: ``CustomerAnalytics`` of the earlier master.
        after: of the later one.
        changes: ``CustomerChanges``.
        groups: how many people each group had and has; without the groups of both
            masters there are no changes of them.
    """
    masters = {
        name: int(after[figure].sum()) - int(before[figure].sum())
        for name, figure in MEASURES.items()
    } | {"person_change": len(after) - len(before)}
    values = {name: int(changes[name].sum()) for name in masters}
    wrong_grades = sum(
        _grades_apart(
            before[figure].value_counts(), after[figure].value_counts(), changes, kind
        )
        for kind, figure in GRADES.items()
    )
    had, have = (pd.Series(each, dtype="int64") for each in groups)
    wrong_groups = _grades_apart(had, have, changes, ChangeKind.GROUP)
    wrong = sorted(name for name in masters if masters[name] != values[name])
    wrong += ["tiers and segments"] * bool(wrong_grades)
    wrong += ["groups"] * bool(wrong_groups)
    return CheckResult(
        "changes_add_up",
        not wrong,
        "The changes do not add up to the difference of the two masters: "
        f"{', '.join(wrong)}."
        if wrong
        else "The changes add up to the difference of the two masters.",
        evidence={
            **{f"masters_{name}": masters[name] for name in masters},
            **{f"changes_{name}": values[name] for name in masters},
            "wrong_tiers_and_segments": wrong_grades,
            "wrong_groups": wrong_groups,
        },
    )


def _grades_apart(
    before: "pd.Series[int]",
    after: "pd.Series[int]",
    changes: pd.DataFrame,
    kind: ChangeKind,
) -> int:
    """Count the grades whose gain in people is not what the changes say.

    Args:
        before: how many people had each grade.
        after: how many have it now.
        changes: ``CustomerChanges``.
        kind: of these grades.
    """
    rows = changes[changes["change"] == kind]
    gained = after.sub(before, fill_value=0)
    table = (
        rows["after"].value_counts().sub(rows["before"].value_counts(), fill_value=0)
    )
    return int((gained.sub(table, fill_value=0) != 0).sum())


def check_causes(changes: pd.DataFrame) -> CheckResult:
    """Warn of changes whose cause is not known any more."""
    unknown = changes[changes["cause"] == ChangeCause.UNKNOWN]
    return CheckResult(
        "causes_are_known",
        unknown.empty,
        "Every change has its cause."
        if unknown.empty
        else f"{say(len(unknown), 'change has', 'changes have')} no known cause: the "
        "log of sales was damaged, or read again more than once, since the earlier "
        "master.",
        Severity.WARN,
        {"changes": len(changes), "unknown": len(unknown)},
    )
