"""What must always hold between tables (rule 7), each as a finding with both sides."""

from collections.abc import Mapping

import pandas as pd

from analytics_pipeline.domain.findings import Finding, name_some
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.wording import say
from analytics_pipeline.vocabulary import RecordKind


def conserve_money(sides: Mapping[str, int]) -> Finding:
    """Compare people plus unattributed with sales plus added orders (rule 7.1).

    Args:
        sides: ``people``, ``unattributed``, ``sales``, ``web_orders``, each with
            ``_cents`` and ``_orders``; beside them, out of both sides,
            ``quarantined_sales``, of which ``quarantined_unknown`` were never read
            and the others came to ``quarantined_last_good_cents``.
    """
    differences = {
        unit: sides[f"people_{unit}"]
        + sides[f"unattributed_{unit}"]
        - sides[f"sales_{unit}"]
        - sides[f"web_orders_{unit}"]
        for unit in ("cents", "orders")
    }
    passed = not any(differences.values())
    verb = "add up" if passed else "do not add up"
    return Finding(
        "conserves_money",
        passed,
        f"People and unattributed {verb} to sales and added web orders."
        + _tell_quarantine(sides),
        evidence={
            **sides,
            "difference_cents": differences["cents"],
            "difference_orders": differences["orders"],
        },
    )


def _tell_quarantine(sides: Mapping[str, int]) -> str:
    """Say what stands in quarantine, and so in neither sum."""
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
) -> Finding:
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
    return Finding(
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
) -> Finding:
    """Compare the people with those last published: none may vanish unexplained.

    A person is explained if its id is now a member of another person or a deleted
    record.  More than the larger of 10 and 2 % unexplained is an error.
    """
    people = customer_identities.set_index("record_id")["person_id"]
    gone = before - now
    explained = {
        person for person in gone if person in people.index and people[person] != person
    }
    unexplained = len(gone - explained)
    limit = max(10, len(before) * 2 // 100)
    return Finding(
        "no_person_vanished",
        unexplained <= limit,
        f"{say(unexplained, 'person', 'people')} of the last published master "
        f"{'is' if unexplained == 1 else 'are'} gone without a merge or a deletion; "
        f"up to {limit} are tolerated.",
        evidence={
            "before": len(before),
            "now": len(now),
            "explained": len(explained),
            "unexplained": unexplained,
            "limit": limit,
        },
        subject="\n".join(sorted(gone - explained)),
    )
