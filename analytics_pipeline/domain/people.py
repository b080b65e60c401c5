"""How a person is shown: code, name and contact (rules 3.5, 8.1)."""

import pandas as pd

from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.order_matching import rank_order
from analytics_pipeline.vocabulary import RecordKind

COLUMNS = [
    "customer_id",
    "customer_code",
    "name",
    "email",
    "phone",
    "duplicate_ids",
    "note",
]


def describe_people(
    customer_identities: pd.DataFrame,
    customers: pd.DataFrame,
    ecom_orders: pd.DataFrame,
) -> pd.DataFrame:
    """Return one row a person: who it is, how to reach it, what was merged into it.

    Columns: ``customer_id, customer_code, name, email, phone, duplicate_ids, note``;
    a person's own record speaks first, then the live ones by latest update.
    """
    live = customer_identities[customer_identities["is_live"]]
    shown = (
        _describe_customers(live, customers),
        _describe_web_people(live, ecom_orders),
    )
    people = [frame.reindex(columns=COLUMNS).astype("str") for frame in shown]
    return pd.concat(people, ignore_index=True)


def _describe_customers(live: pd.DataFrame, customers: pd.DataFrame) -> pd.DataFrame:
    """Return the people who have a customer record (rule 3.5)."""
    members = live[live["record_kind"] == RecordKind.CUSTOMER].merge(
        customers, left_on="record_id", right_on="customer_id", validate="1:1"
    )
    members = members.assign(
        email=members["email"].mask(members["has_placeholder_email"]),
        is_own=members["record_id"] == members["person_id"],
    ).sort_values(
        ["person_id", "is_own", "updated_at", "record_id"],
        ascending=[True, False, False, True],
        na_position="last",
    )
    filled = members.groupby("person_id", sort=True)[["name", "email", "phone"]].first()
    own = members[members["is_own"]].set_index("person_id")["customer_code"]
    people = filled.assign(customer_code=own).join(_list_duplicates(members))
    return people.reset_index(names="customer_id")


def _list_duplicates(members: pd.DataFrame) -> pd.DataFrame:
    """Return the other live records of each person that has any (rule 8.1)."""
    others = members[~members["is_own"]].sort_values("record_id")
    grouped = others.groupby("person_id")["record_id"]
    counts = grouped.size()
    note = "Merged " + counts.astype("str") + " duplicate records"
    return pd.DataFrame({"duplicate_ids": grouped.agg(";".join), "note": note})


def _describe_web_people(live: pd.DataFrame, ecom_orders: pd.DataFrame) -> pd.DataFrame:
    """Return the people who are known from the web shop alone (rule 3.7)."""
    own = live[
        (live["record_kind"] == RecordKind.ECOM)
        & (live["record_id"] == live["person_id"])
    ]
    orders = ecom_orders[is_among(ecom_orders["ecom_customer_id"], own["person_id"])]
    in_turn = orders.take(
        sorted(
            range(len(orders)),
            key=[rank_order(number) for number in orders["order_number"]].__getitem__,
        )
    )
    latest = in_turn.sort_values("ordered_at", kind="stable").drop_duplicates(
        "ecom_customer_id", keep="last"
    )
    return latest.assign(customer_id=latest["ecom_customer_id"])[
        ["customer_id", "name", "email"]
    ]
