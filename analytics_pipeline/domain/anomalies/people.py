"""Whether contacts and tiers are like those before."""

from collections.abc import Mapping, Sequence
from statistics import median

import pandas as pd

from analytics_pipeline.domain.contacts import (
    SHOWN_EXTENSION,
    ends_as_placeholders_do,
    normalise_phone,
)
from analytics_pipeline.domain.identity import list_holders
from analytics_pipeline.model.checks import CheckResult, Severity
from analytics_pipeline.model.policy import (
    DAYS_REMEMBERED,
    AnomalyLimits,
    Policy,
    still_learning,
)
from analytics_pipeline.model.text import say
from analytics_pipeline.model.vocabulary import Tier

# ----------------------------------------------------------------------------------
# Whether the contacts of customer records are normal: valid, few placeholders.
#
# Each run's counts are held against those of the runs before, which the caller
# remembers.


Counts = Mapping[str, int]

FEWEST_DIGITS = 5
"""Fewer digits, all alike, may be somebody's extension."""

_KINDS = {"emails": "e-mails", "phones": "phone numbers"}


def count_contacts(customers: pd.DataFrame) -> dict[str, int]:
    """Count the contacts that live records have, and those that make no key.

    Args:
        customers: ``Customers``.
    """
    live = live_records(customers)
    has_email, has_phone = live["email"].notna(), live["phone"].notna()
    no_phone_key = live["phone_key"].isna() & live["mobile_key"].isna()
    return {
        "emails": int(has_email.sum()),
        "emails_without_key": int((has_email & live["email_key"].isna()).sum()),
        "phones": int(has_phone.sum()),
        "phones_without_key": int((has_phone & no_phone_key).sum()),
    }


def check_contacts(
    now: Counts, before: Sequence[Counts], anomaly_limits: AnomalyLimits
) -> CheckResult:
    """Compare the shares of valid contacts with those of the runs *before*."""
    check, known = "contacts_are_valid", before[-DAYS_REMEMBERED:]
    if len(known) < anomaly_limits.learning_runs:
        sentence = still_learning(len(known), anomaly_limits.learning_runs, "runs")
        return CheckResult(check, True, sentence, Severity.WARN, dict(now))
    parts = [
        f"{now[f'{kind}_without_key']} of {now[kind]} {words} are not valid; usually "
        f"{median(run[f'{kind}_without_key'] for run in known):g} are."
        for kind, words in _KINDS.items()
        if _has_fallen(kind, now, known, anomaly_limits)
    ]
    sentence = " ".join(parts) or (
        "The share of valid e-mails and phone numbers is normal."
    )
    return CheckResult(check, not parts, sentence, Severity.WARN, dict(now))


def _has_fallen(
    kind: str, now: Counts, known: Sequence[Counts], anomaly_limits: AnomalyLimits
) -> bool:
    """Say whether more contacts of a *kind* are without a key, in share and number."""
    shares = [_share(kind, run) for run in known if run[kind]]
    if not (shares and now[kind]):
        return False
    missing = f"{kind}_without_key"
    more = now[missing] - median(run[missing] for run in known)
    rise = round(_share(kind, now) - median(shares), 9)
    return rise > anomaly_limits.contacts_fall and more >= max(
        anomaly_limits.contacts_floor, 1
    )


def _share(kind: str, run: Counts) -> float:
    return run[f"{kind}_without_key"] / run[kind]


def count_placeholders(
    customers: pd.DataFrame, customer_identities: pd.DataFrame, policy: Policy
) -> dict[str, int]:
    """Count live records, and those whose contact is shared by many or a placeholder.

    Args:
        customers: ``Customers``.
        customer_identities: ``CustomerIdentities``, made from them.
        policy: how many live records may share a key, and which phone numbers are
            placeholders (rule 3.3).
    """
    live = live_records(customers)
    holders = list_holders(live, policy.max_shared)
    shared = live["customer_id"].iloc[holders.loc[holders["is_shared"], "record"]]
    blank = customer_identities.loc[
        customer_identities["has_placeholder_email"], "record_id"
    ]
    keyless = live[
        live["phone"].notna() & live["phone_key"].isna() & live["mobile_key"].isna()
    ]
    fillers = [
        record
        for record, phone in zip(keyless["customer_id"], keyless["phone"], strict=True)
        if _is_placeholder(phone, policy)
    ]
    named = {*shared, *blank, *fillers}
    return {
        "records": len(live),
        "placeholders": int(live["customer_id"].isin(named).sum()),
    }


def _is_placeholder(phone: str, policy: Policy) -> bool:
    """Say of a number that makes no key whether it is a placeholder.

    A valid one that makes no key is; any other is as it was typed, and is one if it
    is one digit over and over.
    """
    digits = [sign for sign in phone if sign.isdigit()]
    if len(digits) >= FEWEST_DIGITS and len(set(digits)) == 1:
        return True
    number = phone.partition(SHOWN_EXTENSION)[0]
    return (
        ends_as_placeholders_do(number, policy)
        and normalise_phone(phone, None) is not None
    )


def check_placeholders(
    now: Counts, before: Sequence[Counts], anomaly_limits: AnomalyLimits
) -> CheckResult:
    """Compare the number of records with such a contact with the runs *before*."""
    check, known = "placeholders_are_few", before[-DAYS_REMEMBERED:]
    if len(known) < anomaly_limits.learning_runs:
        sentence = still_learning(len(known), anomaly_limits.learning_runs, "runs")
        return CheckResult(check, True, sentence, Severity.WARN, dict(now))
    expected = median(run["placeholders"] for run in known)
    allowed = max(
        anomaly_limits.placeholders_floor,
        anomaly_limits.placeholders_share * now["records"],
    )
    return CheckResult(
        check,
        now["placeholders"] - expected <= round(allowed, 9),
        f"{now['placeholders']} of {now['records']} records have a contact that is a "
        f"placeholder or that many share; usually {expected:g} have.",
        Severity.WARN,
        dict(now),
    )


def live_records(customers: pd.DataFrame) -> pd.DataFrame:
    """Return the live records of somebody."""
    is_live = ~customers["is_deleted"] & ~customers["is_walk_in"]
    return customers[is_live].reset_index(drop=True)


# ----------------------------------------------------------------------------------
# Whether people's tiers move as slowly as they do from one day to the next.


CHECK = "tiers_move_slowly"

LONGEST_GAP = 31
"""Days between two masters beyond which nothing is compared."""

_MOST_DAYS_ALLOWED_FOR = 5
_RUNGS = {tier: rung for rung, tier in enumerate(Tier)}


def check_tiers(
    before: pd.DataFrame, now: pd.DataFrame, days: int, anomaly_limits: AnomalyLimits
) -> CheckResult:
    """Count the people whose tier changed within *days*; new people do not count.

    Args:
        before: ``CustomerAnalytics`` of the earlier day.
        now: of the later one.
        days: how many lie between them.
        anomaly_limits: how many may move in a day.
    """
    both = before[["customer_id", "tier"]].merge(
        now[["customer_id", "tier"]], on="customer_id", suffixes=("_before", "_now")
    )
    steps = both["tier_now"].map(_RUNGS) - both["tier_before"].map(_RUNGS)
    up, down = int((steps > 0).sum()), int((steps < 0).sum())
    people = int((before["tier"] != Tier.NONE).sum())
    a_day = max(anomaly_limits.tiers_floor, anomaly_limits.tiers_share * people)
    allowed = a_day * min(days, _MOST_DAYS_ALLOWED_FOR)
    return CheckResult(
        CHECK,
        up + down <= round(allowed, 9),
        f"{say(up + down, 'person has', 'people have')} another tier than "
        f"{say(days, 'day', 'days')} before: {up} a higher one, {down} a lower one.",
        Severity.WARN,
        {"moved": up + down, "people": people, "up": up, "down": down, "days": days},
    )


def compare_no_tiers(sentence: str) -> CheckResult:
    """Pass, and say why there is nothing to compare with."""
    return CheckResult(CHECK, True, sentence, Severity.WARN)
