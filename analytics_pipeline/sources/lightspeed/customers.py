"""Customer records as rows of ``customers``.

A deleted record keeps nothing personal but the keyed hashes of its contact keys,
by which it still links (rule 3.1).
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pandas as pd

from analytics_pipeline.domain.contacts import ContactKeys, clean_text
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.sources import Customers
from analytics_pipeline.sources.values import (
    LARGEST_VERSION,
    Rejection,
    Unusable,
    frame_of,
    identifier,
    instant,
    is_set,
    optional_name,
    single_line,
    sort_out,
    text,
    usable_id,
    version,
    version_in,
)


def customers_rows(
    records: Iterable[Any],
    keys: ContactKeys,
    policy: Policy,
    *,
    page: int = 1,
    highest_version: int = LARGEST_VERSION,
) -> tuple[pd.DataFrame, list[Rejection]]:
    """Return ``Customers`` rows of *records*, and what was rejected and why.

    Of a record that appears twice on a page, the latest version makes the row.  One
    above *highest_version* is rejected.
    """
    rows, rejections = sort_out(
        records,
        lambda record: _row(record, keys, policy),
        table="customers",
        page=page,
        highest_version=highest_version,
    )
    latest = {row[0]: row for row in sorted(rows, key=lambda row: int(row[1]))}
    return frame_of(list(latest.values()), Customers), rejections


def _row(record: dict[str, Any], keys: ContactKeys, policy: Policy) -> tuple[Any, ...]:
    """Return the values of one record in the column order of ``Customers``."""
    customer_id = identifier(record.get("id"))
    is_deleted = is_set(record.get("deleted_at"), "deleted_at_is_a_time")
    code = _text(record, "customer_code")
    email, phone, mobile = (
        _contact(record, field) for field in ("email", "phone", "mobile")
    )
    shown = (code, _name(record), email, keys.display_phone(phone, mobile))
    choices = (
        optional_name(record.get("customer_group_id")),
        None,  # the name of the group is not in the record
        _choice(record, "do_not_email"),
        _choice(record, "enable_promotional_sms"),
    )
    return (
        customer_id,
        version(version_in(record)),
        *((None,) * len(shown) if is_deleted else shown),
        _created_at(record),
        _updated_at(record),
        is_deleted,
        _is_walk_in(customer_id, code, policy),
        keys.of_email(email),
        keys.of_phone(phone),
        keys.of_phone(mobile),
        *((None,) * len(choices) if is_deleted else choices),
    )


def _choice(record: dict[str, Any], field: str) -> bool | None:
    """Return a yes or no; what is neither is unknown, never a no (rule 13.1)."""
    value = record.get(field)
    return value if isinstance(value, bool) else None


def group_names(records: Iterable[Any]) -> dict[str, str]:
    """Return the names of groups by their ids; one without a name is unknown."""
    return {
        group_id: name
        for record in records
        if (group_id := usable_id(record)) and (name := _group_name(record))
    }


def _group_name(record: Any) -> str | None:
    name = record.get("name") if isinstance(record, dict) else None
    return single_line(name, "name_is_text") if isinstance(name, str) else None


def _text(record: dict[str, Any], field: str) -> str | None:
    return text(record.get(field), f"{field}_is_text")


def _contact(record: dict[str, Any], field: str) -> str | None:
    """Return a contact as typed; one of invisible characters alone is missing."""
    typed = _text(record, field)
    return typed if typed and clean_text(typed) else None


def _name(record: dict[str, Any]) -> str | None:
    """Return the full name, else first and last name, else the company (rule 3.5)."""
    parts = (_text(record, "first_name"), _text(record, "last_name"))
    return (
        _text(record, "name")
        or " ".join(part for part in parts if part)
        or _text(record, "company_name")
    )


def _is_walk_in(customer_id: str, code: str | None, policy: Policy) -> bool:
    """Say whether this is the store's default customer, the walk-in (rule 3.1)."""
    if policy.walk_in_customer_id:
        return customer_id == policy.walk_in_customer_id
    return code == policy.walk_in_customer_code


def _created_at(record: dict[str, Any]) -> datetime:
    value = record.get("created_at")
    if value is None or value == "":
        raise Unusable("created_at_is_given")
    return instant(value, "created_at_is_a_time")


def _updated_at(record: dict[str, Any]) -> datetime | None:
    value = record.get("updated_at")
    if value is None or value == "":
        return None
    return instant(value, "updated_at_is_a_time")
