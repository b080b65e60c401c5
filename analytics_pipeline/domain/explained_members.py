"""The records of one person, each with why it is one with the others (rule 3.6)."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analytics_pipeline.domain.explanation import Member
from analytics_pipeline.domain.sale_reasons import said


def explain_members(
    person_id: str, customer_identities: pd.DataFrame, customers: pd.DataFrame
) -> list[Member]:
    """Return the records of *person_id*: its own, then each behind the one it joined.

    Args:
        person_id: the person.
        customer_identities: the rows of this person.
        customers: gives the codes that staff see.
    """
    codes = dict(zip(customers["customer_id"], customers["customer_code"], strict=True))
    members = {
        row["record_id"]: _explain(row, person_id, said(codes.get(row["record_id"])))
        for row in customer_identities.to_dict("records")
    }
    return [members[record] for record in _outwards(person_id, members)]


def _outwards(person_id: str, members: Mapping[str, Member]) -> list[str]:
    """Order records as the tree of edges is walked from the person's own one."""
    behind: dict[str, list[str]] = defaultdict(list)
    for record, member in members.items():
        if record != person_id:
            behind[member.joined_to].append(record)
    order = [person_id]
    for record in order:
        order += sorted(behind[record])
    return order


def _explain(row: Mapping[Any, Any], person_id: str, code: str) -> Member:
    is_own = row["record_id"] == person_id
    live = "live" if row["is_live"] else "deleted"
    # The edges make a tree, so one of them joins each record but the own one.
    kind, _, other = ("", "", "") if is_own else said(row["evidence"]).partition(":")
    return Member(
        record_id=row["record_id"],
        kind=row["record_kind"],
        standing="own" if is_own else live,
        customer_code=code,
        has_placeholder_email=row["has_placeholder_email"],
        joined_by=kind,
        joined_to=other,
    )
