"""Identity: which records are the same person, and by which evidence.

The keys that records share are made in ``domain.contacts``; what people declared in
``identity_overrides.csv`` is checked in ``domain.identity_overrides``.
"""

from collections import defaultdict, deque

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics_pipeline.domain.contacts import is_placeholder_email
from analytics_pipeline.domain.identity_edges import EdgeKind
from analytics_pipeline.domain.identity_forest import Links, link_records
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.vocabulary import RecordKind

Places = npt.NDArray[np.int64]
"""Positions in the table of records."""

COLUMNS = {
    "record_id": "str",
    "record_kind": "str",
    "person_id": "str",
    "is_live": "bool",
    "has_placeholder_email": "bool",
    "evidence": "str",
}


def resolve_identities(
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
    overrides: pd.DataFrame,
    policy: Policy,
) -> pd.DataFrame:
    """Return ``CustomerIdentities``: every record and web-shop e-mail, its person.

    Rules 3.1 to 3.7.  The walk-in has no row; a person of deleted records only has
    no id; an eCom e-mail whose key is a placeholder has no row.

    Args:
        customers: ``Customers``, deleted ones included.
        ecom_orders: ``EcomOrders``.
        overrides: as ``check_overrides`` returns them.
        policy: the shop's thresholds and placeholder patterns.
    """
    records = _records(customers)
    links = link_records(records, overrides, policy)
    members = _members(records, links, policy)
    web = _web_shoppers(ecom_orders, members, links)
    return (
        pd.concat([members[list(COLUMNS)], web[list(COLUMNS)]])
        .astype(COLUMNS)
        .sort_values(["record_kind", "record_id"], ignore_index=True)
    )


def find_left_out_edges(
    customers: pd.DataFrame, overrides: pd.DataFrame, policy: Policy
) -> pd.DataFrame:
    """Return the edges that a ``different`` kept from joining (rule 3.4).

    One row each: ``left_id``, ``right_id`` and ``kind`` (forced, email or phone), in
    the order in which edges are taken.
    """
    records = _records(customers)
    edges = link_records(records, overrides, policy).left_out
    ids = records["customer_id"]
    return pd.DataFrame(
        {
            "left_id": ids.take(edges["left"].to_numpy()).to_numpy(),
            "right_id": ids.take(edges["right"].to_numpy()).to_numpy(),
            "kind": [EdgeKind(kind).word for kind in edges["kind"]],
        }
    ).astype("str")


def _records(customers: pd.DataFrame) -> pd.DataFrame:
    """Leave out the walk-in, who is nobody (rule 3.1); sort the others by id."""
    people = customers[~customers["is_walk_in"]]
    return people.sort_values("customer_id", ignore_index=True)


def _members(records: pd.DataFrame, links: Links, policy: Policy) -> pd.DataFrame:
    """Return the rows of customer records, in the order of *records*."""
    head = _heads(records, links)
    is_live = ~records["is_deleted"]
    person = records["customer_id"].take(head).set_axis(records.index)
    has_person = is_live.take(head).set_axis(records.index)
    return pd.DataFrame(
        {
            "record_id": records["customer_id"],
            "record_kind": RecordKind.CUSTOMER.value,
            "person_id": person.where(has_person),
            "is_live": is_live,
            "has_placeholder_email": is_live & _placeholders(records, links, policy),
            "evidence": _evidence(links, head, records["customer_id"].tolist()),
            "created_at": records["created_at"],
        }
    )


def _heads(records: pd.DataFrame, links: Links) -> Places:
    """Return for each record the place of the one that names its person (rule 3.5)."""
    eldest_first = (
        records.assign(tree=links.tree)
        .sort_values(["is_deleted", "created_at", "customer_id"])
        .drop_duplicates("tree")
    )
    head = np.zeros(len(records), dtype="int64")
    head[eldest_first["tree"].to_numpy()] = eldest_first.index.to_numpy()
    return head[links.tree]


def _placeholders(records: pd.DataFrame, links: Links, policy: Policy) -> pd.Series:
    """Tell which e-mails stand for "none", by pattern or by many holders."""
    holders = links.holders
    sharing = holders["is_shared"] & (holders["kind"] == EdgeKind.EMAIL)
    by_pattern = [
        is_placeholder_email(text, policy)
        for text in records["email"].astype("object").fillna("")
    ]
    shared = np.isin(records.index, holders.loc[sharing, "record"])
    return pd.Series(by_pattern, index=records.index, dtype="bool") | shared


def _evidence(links: Links, head: Places, ids: list[str]) -> pd.Series:
    """Tell for each record but the person's own how it joined (rule 3.6).

    The edges of a person make a tree.  Walked from the person's own record, each
    other one is reached by one edge, so that every edge is told once.
    """
    neighbours: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for kind, left, right in links.joined.itertuples(index=False, name=None):
        neighbours[left].append((kind, right))
        neighbours[right].append((kind, left))
    told: list[str | None] = [None] * len(ids)
    reached = deque(sorted({int(head[record]) for record in neighbours}))
    while reached:
        record = reached.popleft()
        for kind, other in neighbours[record]:
            if told[other] is None and other != head[other]:
                told[other] = f"{EdgeKind(kind).word}:{ids[record]}"
                reached.append(other)
    return pd.Series(told, dtype="str")


def _web_shoppers(
    ecom_orders: pd.DataFrame, members: pd.DataFrame, links: Links
) -> pd.DataFrame:
    """Return the rows of web-shop e-mails (rules 3.7 and 4.5)."""
    by_email = links.holders[links.holders["kind"] == EdgeKind.EMAIL]
    emails = (
        ecom_orders[["ecom_customer_id", "email_key"]]
        .replace("", pd.NA)
        .dropna()
        .sort_values(["ecom_customer_id", "email_key"])
        .drop_duplicates("ecom_customer_id")
    )
    emails = emails[
        ~emails["email_key"].isin(by_email.loc[by_email["is_shared"], "key"])
    ]
    owners = (
        members.take(by_email["record"].to_numpy())
        .assign(email_key=by_email["key"].to_numpy())
        .dropna(subset=["person_id"])
        # Several people hold one key only if they were declared different.
        .sort_values(["created_at", "record_id"])
        .drop_duplicates("email_key")[["email_key", "record_id", "person_id"]]
    )
    found = emails.merge(owners, on="email_key", how="left", validate="m:1")
    return pd.DataFrame(
        {
            "record_id": found["ecom_customer_id"],
            "record_kind": RecordKind.ECOM.value,
            "person_id": found["person_id"].fillna(found["ecom_customer_id"]),
            "is_live": True,
            "has_placeholder_email": False,
            "evidence": f"{EdgeKind.EMAIL.word}:" + found["record_id"],
        }
    )
