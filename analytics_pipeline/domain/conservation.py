"""What must always hold between tables (rule 7), with both sides of each check."""

from collections.abc import Mapping, Sequence

import pandas as pd

from analytics_pipeline.domain.changes import ECOM_PREFIX
from analytics_pipeline.model.checks import FOLLOWS, CheckResult, name_some
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import RecordKind


def conserve_money(sides: Mapping[str, int]) -> CheckResult:
    """Compare people plus unattributed with sales plus added orders (rule 7.1).

    Args:
        sides: ``people``, ``unattributed``, ``gift_cards``, ``sales``, ``web_orders``,
            each with ``_cents`` and ``_orders``; the gift cards are what does not count
            of the sales' totals (rule 2.6). And, on neither side,
            ``quarantined_sales``, of which ``quarantined_unknown`` were never read
            and the others came to ``quarantined_last_good_cents``.
    """
    differences = {
        unit: sides[f"people_{unit}"]
        + sides[f"unattributed_{unit}"]
        + sides[f"gift_cards_{unit}"]
        - sides[f"sales_{unit}"]
        - sides[f"web_orders_{unit}"]
        for unit in ("cents", "orders")
    }
    passed = not any(differences.values())
    verb = "add up" if passed else "do not add up"
    return CheckResult(
        "conserves_money",
        passed,
        f"People, unattributed and gift cards {verb} to sales and added web orders."
        + _describe_quarantine(sides),
        evidence={
            **sides,
            "difference_cents": differences["cents"],
            "difference_orders": differences["orders"],
        },
    )


def _describe_quarantine(sides: Mapping[str, int]) -> str:
    """Say what is in quarantine, and so in neither sum."""
    count, unknown = sides["quarantined_sales"], sides["quarantined_unknown"]
    if not count:
        return ""
    worth = format_cents(sides["quarantined_last_good_cents"])
    return (
        f" {say(count, 'sale in quarantine is', 'sales in quarantine are')} in "
        f"neither: their last good value is {worth}, that of {unknown} is unknown."
    )


def cover_records(
    customers: pd.DataFrame, customer_identities: pd.DataFrame
) -> CheckResult:
    """Check that each live record belongs to exactly one person (rule 7.2)."""
    live = customers[~customers["is_deleted"] & ~customers["is_walk_in"]]
    placed = customer_identities[
        (customer_identities["record_kind"] == RecordKind.CUSTOMER)
        & customer_identities["is_live"]
    ]
    once = placed["record_id"].duplicated(keep=False)
    lost = set(live["customer_id"]) ^ set(placed.loc[~once, "record_id"])
    homeless = set(placed.loc[placed["person_id"].isna(), "record_id"])
    wrong = sorted(lost | homeless)
    records = say(len(wrong), "live customer record does", "live customer records do")
    return CheckResult(
        "every_record_has_one_person",
        not wrong,
        "Each live customer record belongs to exactly one person."
        if not wrong
        else f"{records} not belong to exactly one person.",
        evidence={
            "live_records": len(live),
            "wrong": len(wrong),
            "records": name_some(wrong),
        },
    )


def keep_people(
    before: set[str], now: set[str], customer_identities: pd.DataFrame
) -> CheckResult:
    """Compare the people with those last published: none may vanish unexplained.

    A person is explained if its id is now a member of another person or a deleted
    record.  More than the larger of 10 and 2 % unexplained is an error.
    """
    gone = list_vanished(before, now, customer_identities)
    explained = len(before - now) - len(gone)
    limit = max(10, len(before) * 2 // 100)
    verb = "is" if len(gone) == 1 else "are"
    export = _blame_export(gone, customer_identities, limit)
    blame, follows = export or ("", {})
    return CheckResult(
        "no_person_vanished",
        len(gone) <= limit,
        f"{say(len(gone), 'person', 'people')} of the last published master {verb} "
        f"gone without a merge or a deletion; up to {limit} are tolerated.{blame}",
        evidence={
            "before": len(before),
            "now": len(now),
            "explained": explained,
            "unexplained": len(gone),
            "limit": limit,
            **follows,
        },
        subject="\n".join(gone),
    )


def list_vanished(
    before: set[str], now: set[str], customer_identities: pd.DataFrame
) -> list[str]:
    """Return who of *before* is gone and neither merged nor deleted, sorted."""
    people = customer_identities.set_index("record_id")["person_id"]
    return sorted(
        person
        for person in before - now
        if person not in people.index or people[person] == person
    )


def _blame_export(
    gone: Sequence[str], customer_identities: pd.DataFrame, limit: int
) -> tuple[str, dict[str, int | str]] | None:
    """Say that the web shop's export is the cause, if it is.

    People known from the web shop alone are there for as long as the export has an
    order of theirs.  It is the cause if without them few enough are gone.
    """
    known = set(customer_identities["record_id"])
    web = [each for each in gone if each.startswith(ECOM_PREFIX) and each not in known]
    if len(gone) <= limit or len(gone) - len(web) > limit:
        return None
    text = (
        f" {len(web)} of them were known from the web shop only, and its export has no "
        "order of theirs any more (see ecom_orders: export_is_complete). Import an "
        "export that has every order."
    )
    evidence: dict[str, int | str] = {
        "by_export": len(web),
        FOLLOWS: "ecom_orders.export_is_complete",
    }
    return text, evidence
