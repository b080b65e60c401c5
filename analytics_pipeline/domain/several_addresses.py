"""Whether e-mail fields hold one address each, as rule 3.2 needs."""

import pandas as pd

from analytics_pipeline.domain.contacts import find_several_addresses
from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.wording import say


def judge_addresses(emails: pd.Series, ids: pd.Series, what: str) -> Finding:
    """Count the e-mail fields that hold several addresses, of which none is a key.

    Args:
        emails: e-mails as typed.
        ids: of the records or orders that they stand on, as evidence may name them.
        what: what a record is called, such as ``customer record``.
    """
    found = ids[find_several_addresses(emails).to_numpy()].tolist()
    has = say(len(found), f"{what} has", f"{what}s have")
    return Finding(
        "contacts_hold_one_address",
        not found,
        f"{has} several addresses in the e-mail field, so none of them joins anybody. "
        "Leave one address in the field."
        if found
        else "No e-mail field holds several addresses.",
        Severity.WARN,
        {"fields": len(found), "ids": name_some(found)},
    )
