"""Web orders against sales: the category of each, and why it counts or not."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import pandas as pd

from analytics_pipeline.domain.sales import said
from analytics_pipeline.domain.web_orders import (
    PAID_CODES,
    UNDONE,
    UNDONE_CODES,
    UNPAID,
    counts_unsynced,
    doubt_fulfilment,
    show_word,
)
from analytics_pipeline.model.checks import CheckResult, Severity, name_some
from analytics_pipeline.model.ids import is_among
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.schemas.table import columns_of
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import OrderEvidence, ReconciliationCategory

# ----------------------------------------------------------------------------------
# Orders that the web shop gave back while their sale still counts (rule 4.4).
#
# The sale stays the money truth; which of the two is right only the shop can say.


REFUNDS_CHECK = "refunds_reach_the_tills"

GIVEN_BACK_CODES = ("REFUNDED", "CANCELLED")
"""Payment codes of an order whose money the web shop gave back or never took.

``PARTIALLY_REFUNDED`` is not among them: such an order is paid (rule 4.4), and the
export does not say which part came back."""

SETTLED_WITHIN = 1
"""Cents that may be left of a sale whose returns took everything back: rounding."""


def given_back(ecom_orders: pd.DataFrame) -> "pd.Series[bool]":
    """Say which orders the web shop refunded, cancelled or marked returned."""
    return is_among(ecom_orders["payment_status"], GIVEN_BACK_CODES) | is_among(
        ecom_orders["fulfillment_status"], UNDONE_CODES
    )


def find_unsettled(orders_of_sales: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """Return the orders whose sales still count, and what is left of these.

    An order is settled once the shop decided at the till as well: none of its sales
    counts, or what was returned on them took all of it back.

    Args:
        orders_of_sales: ``order_number, sale_id`` of orders that were given back; the
            returns of their sales are among the sales.
        sales: of these sales ``sale_id, return_for, is_completed, total_incl_cents``.

    Returns:
        ``order_number`` and ``left_cents``, which is 0 for a free order.
    """
    pairs = orders_of_sales.drop_duplicates(["order_number", "sale_id"])
    counted = pairs.merge(sales[sales["is_completed"]], on="sale_id")
    summed = (
        counted.assign(is_return=counted["return_for"].fillna("") != "")
        .groupby("order_number", as_index=False)
        .agg(left_cents=("total_incl_cents", "sum"), has_return=("is_return", "any"))
    )
    is_settled = summed["has_return"] & (summed["left_cents"] <= SETTLED_WITHIN)
    unsettled = summed.loc[~is_settled.astype("bool"), ["order_number", "left_cents"]]
    return unsettled.reset_index(drop=True)


def check_refunds(unsettled: pd.DataFrame) -> CheckResult:
    """Report the orders that :func:`find_unsettled` found, with count and sum."""
    orders = unsettled["order_number"].tolist()
    cents = int(unsettled["left_cents"].sum())
    many = say(len(orders), "web order that was", "web orders that were")
    return CheckResult(
        REFUNDS_CHECK,
        not orders,
        f"{many} refunded, cancelled or marked returned in the web shop still "
        f"{'counts as a sale' if len(orders) == 1 else 'count as sales'}, "
        f"{format_cents(cents)} in all: return or void the sale at the till, or "
        "correct the order in the web shop."
        if orders
        else "No order that the web shop refunded, cancelled or marked returned still "
        "counts as a sale.",
        Severity.WARN,
        {"refunded": len(orders), "left_cents": cents, "orders": name_some(orders)},
    )


def describe_refund(order: Mapping[Any, Any], left_cents: int) -> str:
    """Say what the web shop did, and what still counts."""
    words = [
        word
        for word, codes in (
            (said(order["payment_status"]), GIVEN_BACK_CODES),
            (said(order["fulfillment_status"]), UNDONE_CODES),
        )
        if word in codes
    ]
    return (
        f"the web shop says {' and '.join(words)}, yet {format_cents(left_cents)} "
        "still counts: the shop has to say which is right"
    )


# ----------------------------------------------------------------------------------
# Web orders that are added although the tills seem to have them (rule 4.3).
#
# Whatever changed the number of an order on its way, the order then has no sale and
# its sale no order, and both count.


COUNTED_ONCE_CHECK = "orders_are_counted_once"

FEW_TWICE = 3
"""So many orders may look as if they counted twice without stopping the table."""


def find_counted_twice(added_orders: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """Return the added orders that a sale like them may also represent.

    One row an order and sale: ``order_number``, ``total_cents``, ``sale_id``, sorted.
    A sale is like an order if it has its total, is of its day or the next, and is of
    the same person, as far as both say whose they are: many sales from the web shop
    have no customer until they are tied to their order (rule 4.5).

    Args:
        added_orders: ``order_number, person_id, order_date, total_cents`` of the orders
            that are added.
        sales: ``sale_id, person_id, business_date, total_incl_cents`` of the sales from
            the web shop that are no order's, whatever their state.
    """
    named = sales.rename(
        columns={
            "business_date": "day",
            "total_incl_cents": "total_cents",
            "person_id": "sale_person",
        }
    )
    days = (added_orders["order_date"] + timedelta(days=later) for later in (0, 1))
    dated = pd.concat([added_orders.assign(day=day) for day in days])
    pairs = dated.merge(named, on=["day", "total_cents"])
    is_same = pairs["person_id"] == pairs["sale_person"]
    is_unsaid = pairs["person_id"].isna() | pairs["sale_person"].isna()
    columns = ["order_number", "total_cents", "sale_id"]
    alike = pairs.loc[is_same | is_unsaid, columns]
    return alike.sort_values(columns, ignore_index=True)


def check_counted_once(
    counted_twice: pd.DataFrame, added: int, accepted: Collection[str]
) -> CheckResult:
    """Warn of orders that may count twice; of many, stop the table.

    Args:
        counted_twice: as :func:`find_counted_twice` returns them.
        added: how many web orders are added.
        accepted: the orders of which a person has accepted that they are added: they
            stop nothing any more.
    """
    orders = counted_twice.drop_duplicates("order_number")
    numbers = orders["order_number"].tolist()
    fresh = orders.loc[~is_among(orders["order_number"], accepted), "order_number"]
    are_many = len(fresh) > FEW_TWICE and len(fresh) * 10 > added
    return CheckResult(
        COUNTED_ONCE_CHECK,
        not numbers,
        f"{say(len(numbers), 'web order is', 'web orders are')} added although the "
        "tills have a sale from the web shop that is no other order's, of the same "
        "total and, as far as is known, of the same person, on that day or the next: "
        "they may count twice. See whether their numbers in the export are those of "
        f"the web shop: {name_some(numbers)}."
        if numbers
        else "No web order is added that may be a sale already.",
        Severity.ERROR if are_many else Severity.WARN,
        {
            "orders": len(numbers),
            "orders_cents": int(orders["total_cents"].sum()),
            "accepted": len(numbers) - len(fresh),
            "added": added,
            "allowed": max(FEW_TWICE, added // 10),
            "order_numbers": name_some(numbers),
            "sales": name_some(sorted(set(counted_twice["sale_id"]))),
        },
        subject="\n".join(numbers),
    )


# ----------------------------------------------------------------------------------
# The web shop's orders against the sales: their category, and why they count or not.
#
# Each order is in one category, so the categories add up to the export.


_Order: TypeAlias = Mapping[Any, Any]

_WORDED = [
    "contradiction",
    "difference_cents",
    "evidence",
    "fulfillment_status",
    "gift_card_cents",
    "is_attributed",
    "is_counted",
    "is_counting",
    "left_cents",
    "loyalty_cents",
    "payment_status",
    "refunded_cents",
    "sale_states",
    "store_credit_cents",
]
"""What decides the category and the reason of an order."""

SAME_AMOUNT = 1
"""By how many cents a sale may differ from its order: that is rounding."""

_BY_EVIDENCE: Mapping[str, ReconciliationCategory] = {
    OrderEvidence.SOURCE_ID: ReconciliationCategory.MATCHED_BY_SOURCE_ID,
    OrderEvidence.NOTE: ReconciliationCategory.MATCHED_BY_NOTE,
    OrderEvidence.EXPORT_ID: ReconciliationCategory.MATCHED_BY_EXPORT_ID,
}

# What lowers an order's total and not its sale's (API 6.2); an export says none of it.
_PAID_OTHERWISE: Mapping[str, str] = {
    "loyalty_cents": "points",
    "gift_card_cents": "gift card",
    "store_credit_cents": "store credit",
}
_HIGHER = "; the sale is higher: loyalty points or a gift card may have paid the rest"
_LOWER = "; the sale is lower: look at what was changed at the till"


def reconcile_orders(
    ecom_orders: pd.DataFrame,
    matches: pd.DataFrame,
    sales: pd.DataFrame,
    added_orders: pd.DataFrame,
    customer_identities: pd.DataFrame,
    unsettled: pd.DataFrame,
) -> pd.DataFrame:
    """Return ``EcomReconciliation``: each order of *matches*, as *ecom_orders* go.

    Args:
        ecom_orders: ``EcomOrders``.
        matches: each order up to the day and its sales, as
            :func:`analytics_pipeline.domain.web_orders.match_orders` has them.
        sales: the matched sales: ``sale_id, state, is_deleted, is_completed,
            total_incl_cents, person_id``.
        added_orders: the unsynced orders that count: ``order_number, value_cents``,
            and ``refunded_cents`` of each, which its value is without.
        customer_identities: the person of each record and web-shop e-mail.
        unsettled: the orders that the web shop gave back while their sale counts:
            ``order_number, left_cents``.
    """
    people = customer_identities.set_index("record_id")["person_id"]
    net = added_orders["value_cents"] - added_orders["refunded_cents"]
    added_orders = added_orders.assign(value_cents=net)
    evidence = matches.drop_duplicates("order_number")
    table = (
        ecom_orders.drop(columns="sale_id")
        .assign(order_person=ecom_orders["ecom_customer_id"].map(people))
        .merge(
            evidence[["order_number", "evidence", "contradiction"]],
            on="order_number",
            validate="1:1",
        )
        .merge(_sales_of_orders(matches, sales), on="order_number", how="left")
        .merge(_whole(added_orders, "value_cents"), on="order_number", how="left")
        .merge(_whole(unsettled, "left_cents"), on="order_number", how="left")
    )
    return _categorise(table)[columns_of(EcomReconciliation)].reset_index(drop=True)


def summarise_reconciliation(reconciliation: pd.DataFrame) -> pd.DataFrame:
    """Return what each category comes to: every one, in the order of the vocabulary.

    Index: the category.  Columns: ``orders`` (how many), and the sums
    ``order_total_cents``, ``sale_total_cents``, ``difference_cents`` and
    ``counted_value_cents``.
    """
    grouped = reconciliation.groupby("category")
    sums = [
        "order_total_cents",
        "sale_total_cents",
        "difference_cents",
        "counted_value_cents",
    ]
    summary = grouped[sums].sum().assign(orders=grouped.size())
    every = [category.value for category in ReconciliationCategory]
    return summary.reindex(every).fillna(0).astype("int64")[["orders", *sums]]


def _sales_of_orders(matches: pd.DataFrame, sales: pd.DataFrame) -> pd.DataFrame:
    """Return for each order with a sale what its sales say together."""
    tied = matches.dropna(subset=["sale_id"]).merge(sales, on="sale_id")
    state = tied["state"].fillna("unknown").mask(tied["is_deleted"], "deleted")
    grouped = tied.assign(state=state).groupby("order_number")
    together = grouped.agg(
        sale_ids=("sale_id", ";".join),
        sale_states=("state", ";".join),
        sale_total_cents=("total_incl_cents", "sum"),
        is_counting=("is_completed", "any"),
        sale_person=("person_id", "first"),
    ).reset_index()
    others = ["sale_ids", "sale_states", "is_counting", "sale_person"]
    return _whole(together, "sale_total_cents", *others)


def _whole(table: pd.DataFrame, amount: str, *others: str) -> pd.DataFrame:
    """Return the columns with *amount* as integers even where one will be missing."""
    columns = ["order_number", amount, *others]
    return table[columns].astype({amount: "Int64"})


def _categorise(table: pd.DataFrame) -> pd.DataFrame:
    """Add to each order its category, its reason, and what it adds for whom."""
    is_synced = table["sale_ids"].notna()
    total = table["total_cents"]
    person = table["order_person"].mask(is_synced, table["sale_person"])
    checked = table.assign(
        order_total_cents=total,
        difference_cents=table["sale_total_cents"] - total,
        counted_value_cents=table["value_cents"].fillna(0).astype("int64"),
        is_counted=~is_synced & counts_unsynced(table),
        is_attributed=person.notna(),
        person=person.astype("str"),
    )
    # Only what the words need: a record of every column would cost more than they do.
    rows = checked[_WORDED].to_dict("records")
    return checked.assign(
        category=pd.Series(
            [_category(row) for row in rows], checked.index, dtype="str"
        ),
        reason=pd.Series([_reason(row) for row in rows], checked.index, dtype="str"),
    )


def _category(order: _Order) -> str:
    """Return the one category of an order.

    Money that the web shop gave back and that still counts goes first, because every
    such order is in that category (rule 4.4) and in no other a person would look for
    it; evidence that contradicts itself is still shown in its column and by its check.
    """
    if pd.notna(order["left_cents"]):
        return ReconciliationCategory.REFUNDED_IN_WEB_SHOP.value
    if pd.notna(order["contradiction"]):
        return ReconciliationCategory.CONTRADICTING.value
    if order["evidence"] != OrderEvidence.NONE:
        if abs(order["difference_cents"] - _paid_otherwise(order)) > SAME_AMOUNT:
            return ReconciliationCategory.AMOUNT_DIFFERS.value
        return _BY_EVIDENCE[order["evidence"]].value
    if not order["is_counted"]:
        return ReconciliationCategory.UNSYNCED_NOT_COUNTED.value
    if not order["is_attributed"]:
        return ReconciliationCategory.UNATTRIBUTED.value
    return ReconciliationCategory.UNSYNCED_COUNTED.value


def _reason(order: _Order) -> str:
    """Say in words why an order counts or not."""
    if order["evidence"] != OrderEvidence.NONE:
        return _reason_of_sales(order)
    payment = order["payment_status"]
    if pd.isna(payment):
        return "no payment status"
    if payment not in PAID_CODES:
        unknown = f"payment status not known ({show_word(payment)})"
        return UNPAID.get(payment, unknown)
    if not order["is_counted"]:
        return UNDONE[order["fulfillment_status"]]
    whose = "" if order["is_attributed"] else "; its e-mail belongs to nobody"
    back = _describe_part_back(order)
    return f"paid, no sale has it{back}{whose}{doubt_fulfilment(order)}"


def _describe_part_back(order: _Order) -> str:
    """Say what of an order without a sale the web shop gave back, if anything."""
    if cents := order["refunded_cents"]:
        return f"; the web shop gave {format_cents(cents)} back"
    if order["payment_status"] == "PARTIALLY_REFUNDED":
        return "; the web shop gave a part back and does not say how much"
    return ""


def _paid_otherwise(order: _Order) -> int:
    """Return the cents by which a sale is higher, as the web shop itself says.

    Nothing where they do not explain the difference: some shops deduct them on both
    sides.
    """
    cents = sum(order[column] for column in _PAID_OTHERWISE)
    is_explained = abs(order["difference_cents"] - cents) <= SAME_AMOUNT
    return int(cents) if is_explained else 0


def _reason_of_sales(order: _Order) -> str:
    """Say whether its sales count in its place, and what may explain a difference."""
    states = order["sale_states"].split(";")
    difference = order["difference_cents"]
    apart = _HIGHER if difference > SAME_AMOUNT else ""
    if cents := _paid_otherwise(order):
        means = [way for column, way in _PAID_OTHERWISE.items() if order[column]]
        apart = f"; {' and '.join(means)} paid the other {format_cents(cents)}"
    apart = _LOWER if difference < -SAME_AMOUNT else apart
    if order["is_counting"]:
        several = len(states) > 1
        counting = "the sales count" if several else "the sale counts"
        return f"{counting} instead{apart}{_what_came_back(order)}"
    if len(states) > 1:
        return f"none of its sales counts ({', '.join(states)}){apart}"
    return f"its sale does not count ({states[0]}), so the order does not{apart}"


def _what_came_back(order: _Order) -> str:
    """Say what the web shop gave back of an order whose sale counts, if anything."""
    if pd.notna(order["left_cents"]):
        return f"; {describe_refund(order, int(order['left_cents']))}"
    if order["payment_status"] == "PARTIALLY_REFUNDED":
        return "; the web shop gave a part back, see whether the till did"
    return ""


# ----------------------------------------------------------------------------------
# What the reconciliation of the web shop shows: a sum, doubts, and a broken sync.


SYNC_TAKES = timedelta(days=7)
"""After so long an order should be a sale; by the vendor's word it takes minutes."""

LOOKS_BACK = timedelta(days=90)
"""How old an order may be and still show that the sync works: older ones, such as those
from before the shop had it, will never be sales."""

FEWEST_UNSYNCED = 3
"""How many old orders without a sale mean a broken sync, not a stray order."""


def reconcile_sums(
    reconciliation: pd.DataFrame, ecom_orders: pd.DataFrame, as_of: pd.Timestamp
) -> CheckResult:
    """Compare the sum over the categories with the export's orders up to *as_of*."""
    categories = summarise_reconciliation(reconciliation)
    exported = ecom_orders[ecom_orders["order_date"] <= as_of]
    sides = {
        "categories_orders": int(categories["orders"].sum()),
        "export_orders": len(exported),
        "categories_cents": int(categories["order_total_cents"].sum()),
        "export_cents": int(exported["total_cents"].sum()),
    }
    differences = {
        f"difference_{unit}": sides[f"categories_{unit}"] - sides[f"export_{unit}"]
        for unit in ("orders", "cents")
    }
    passed = not any(differences.values())
    return CheckResult(
        "categories_add_up",
        passed,
        f"The categories {'add' if passed else 'do not add'} up to the "
        f"{len(exported):,} orders of the export.",
        evidence={**sides, **differences},
    )


def check_evidence(reconciliation: pd.DataFrame) -> CheckResult:
    """Report the orders that different evidence ties to different sales."""
    is_doubtful = reconciliation["contradiction"].notna()  # whatever the category
    orders = reconciliation.loc[is_doubtful, "order_number"].tolist()
    return CheckResult(
        "evidence_agrees",
        not orders,
        f"The evidence about {say(len(orders), 'web order', 'web orders')} contradicts "
        "itself; the stronger one was taken."
        if orders
        else "All evidence about web orders agrees.",
        Severity.WARN,
        {"contradicting": len(orders), "orders": name_some(orders)},
    )


def check_sync(reconciliation: pd.DataFrame, as_of: pd.Timestamp) -> CheckResult:
    """Report orders that count, and should have been sales long ago."""
    waiting = reconciliation[
        (reconciliation["evidence"] == OrderEvidence.NONE)
        & counts_unsynced(reconciliation)
        & (reconciliation["order_date"] < as_of - SYNC_TAKES)
    ]
    recent = waiting[waiting["order_date"] >= as_of - LOOKS_BACK]
    passed = len(recent) < FEWEST_UNSYNCED
    return CheckResult(
        "orders_have_sales",
        passed,
        "The web shop's paid orders reach the tills."
        if passed
        else f"{len(recent):,} paid web orders of the last {LOOKS_BACK.days} days have "
        f"been without a sale for more than {SYNC_TAKES.days} days: see whether the "
        "web shop still reaches the tills.",
        Severity.WARN,
        {
            "unsynced": len(recent),
            "unsynced_cents": int(recent["order_total_cents"].sum()),
            "orders": name_some(recent["order_number"].tolist()),
            "older_unsynced": len(waiting) - len(recent),
        },
    )
