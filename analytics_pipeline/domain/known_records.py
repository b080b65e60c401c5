"""What was known of the customer records: versions of them, and what these come to.

A version is logged when anything that is kept of a record is not as it was, and when
the record is held no longer. So the last version of each says what is known now, and
the last one of those that there were at a moment says what was known then (rule 15.1).
"""

import pandas as pd

from analytics_pipeline.model.schemas.sources import CustomerLog
from analytics_pipeline.model.schemas.table import columns_of, frame_types

_SEGMENT = "segment"
KNOWN = [name for name in columns_of(CustomerLog) if name != _SEGMENT]
"""What is compared: everything but where in the log it is."""

NOT_OF_A_GONE_RECORD = (
    *("email_key", "phone_key", "mobile_key"),
    *("customer_group_id", "customer_group"),
    *("do_not_email", "enable_promotional_sms"),
)


def as_versions(customers: pd.DataFrame, segment: int) -> pd.DataFrame:
    """Return the records of *customers* as ``CustomerLog``, without contacts."""
    versions = customers.assign(**{_SEGMENT: segment, "is_held": True})
    return versions[columns_of(CustomerLog)]


def latest_known(versions: pd.DataFrame) -> pd.DataFrame:
    """Return the last of the *versions* of each record, in the order of their ids."""
    ordered = versions.sort_values(["customer_id", _SEGMENT], kind="stable")
    return ordered.drop_duplicates("customer_id", keep="last", ignore_index=True)


def find_news(versions: pd.DataFrame, now: pd.DataFrame, segment: int) -> pd.DataFrame:
    """Return the versions by which *now*, what is held, differs from the last known.

    A record that is held no longer, because it was rejected or is gone, is a version
    that says so and nothing else.
    """
    known = latest_known(versions)
    is_known = pd.concat([known, now], ignore_index=True).duplicated(KNOWN)
    changed = now[~is_known.to_numpy()[len(known) :]]
    is_gone = known["is_held"] & ~known["customer_id"].isin(now["customer_id"])
    left_out = {
        **dict.fromkeys(NOT_OF_A_GONE_RECORD),
        **dict.fromkeys(("is_held", "is_deleted", "is_walk_in"), False),
        _SEGMENT: segment,
    }
    gone = known[is_gone].assign(**left_out).astype(dict(frame_types(CustomerLog)))
    return latest_known(pd.concat([changed, gone], ignore_index=True))


def held_of(versions: pd.DataFrame) -> pd.DataFrame:
    """Return the records that are held after all *versions*, as ``KNOWN``."""
    latest = latest_known(versions)
    return latest.loc[latest["is_held"], KNOWN].reset_index(drop=True)
