"""Identity: which records are the same person, and by which evidence.

The keys that records share are made in ``domain.contacts``; what people declared in
``identity_overrides.csv`` is checked in ``domain.identity_overrides``.
"""

from itertools import chain

import numpy as np
import numpy.typing as npt
import pandas as pd

from analytics_pipeline.domain.contacts import find_placeholder_emails
from analytics_pipeline.domain.identity_edges import KEY_COLUMNS, EdgeKind
from analytics_pipeline.domain.identity_evidence import tell_evidence
from analytics_pipeline.domain.identity_forest import Links, link_records
from analytics_pipeline.domain.identity_spanning import Places, begins, sort_once
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.policy import Policy
from analytics_pipeline.vocabulary import RecordKind

RECORD_COLUMNS = [
    "customer_id",
    "email",
    "created_at",
    "is_deleted",
    *chain.from_iterable(KEY_COLUMNS.values()),
]
"""What identity needs of ``Customers``."""

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
    web = _web_shoppers(ecom_orders, members)
    parts = [part[list(COLUMNS)].astype(COLUMNS) for part in (members, web)]
    return pd.concat(parts, ignore_index=True)


def find_left_out_edges(
    customers: pd.DataFrame, overrides: pd.DataFrame, policy: Policy
) -> pd.DataFrame:
    """Return the edges that a ``different`` kept from joining (rule 3.4).

    One row each: ``left_id``, ``right_id`` and ``kind`` (forced, email or phone), in
    the order in which edges are taken.
    """
    # Most shops declare nobody different; then nobody need be linked to know.
    keeps_apart = (overrides["rule"] == "different").any()
    records = _records(customers if keeps_apart else customers[:0])
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
    people = customers.loc[~customers["is_walk_in"], RECORD_COLUMNS]
    return people.sort_values("customer_id", ignore_index=True)


def _members(records: pd.DataFrame, links: Links, policy: Policy) -> pd.DataFrame:
    """Return the rows of customer records, in the order of *records*."""
    head = _heads(records, links)
    is_live = ~records["is_deleted"]
    is_placeholder = find_placeholder_emails(records["email"], policy)
    shares_email = _shared_emails(links, len(records))
    person = records["customer_id"].take(head).set_axis(records.index)
    has_person = is_live.take(head).set_axis(records.index)
    return pd.DataFrame(
        {
            "record_id": records["customer_id"],
            "record_kind": RecordKind.CUSTOMER.value,
            "person_id": person.where(has_person),
            "is_live": is_live,
            "has_placeholder_email": is_live & (is_placeholder | shares_email),
            "evidence": tell_evidence(links.joined, head, records["customer_id"]),
            "created_at": records["created_at"],
            "email_key": records["email_key"],
            "shares_email": shares_email,
        }
    )


def _heads(records: pd.DataFrame, links: Links) -> Places:
    """Return for each record the place of the one that names its person (rule 3.5)."""
    ends = links.joined[["left", "right"]].to_numpy()
    joined = sort_once(ends.ravel())
    tree = links.tree[joined]
    order = np.lexsort(
        (
            joined,
            records["created_at"].take(joined).astype("int64"),
            records["is_deleted"].take(joined),
            tree,
        )
    )
    head = np.arange(len(records))
    is_eldest = begins(tree[order])
    head[tree[order][is_eldest]] = joined[order][is_eldest]
    return head[links.tree]


def _shared_emails(links: Links, size: int) -> npt.NDArray[np.bool_]:
    """Tell which of *size* records hold an e-mail key that too many hold."""
    holders = links.holders
    sharing = holders["is_shared"] & (holders["kind"] == EdgeKind.EMAIL)
    is_shared = np.zeros(size, dtype="bool")
    is_shared[holders.loc[sharing, "record"]] = True
    return is_shared


def _web_shoppers(ecom_orders: pd.DataFrame, members: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of web-shop e-mails, sorted by id (rules 3.7 and 4.5)."""
    emails = (
        ecom_orders[["ecom_customer_id", "email_key"]]
        .replace("", pd.NA)
        .dropna()
        .sort_values(["ecom_customer_id", "email_key"])
        .drop_duplicates("ecom_customer_id")
    )
    shared = members.loc[members["shares_email"], "email_key"]
    emails = emails[~is_among(emails["email_key"], shared)]
    owners = (
        emails[["email_key"]]
        .merge(members.dropna(subset=["person_id", "email_key"]), on="email_key")
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
