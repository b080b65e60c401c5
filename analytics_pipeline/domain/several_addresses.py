"""Whether e-mail fields hold one address each, as rule 3.2 needs."""

import numpy as np
import pandas as pd

from analytics_pipeline.domain.contact_cleaning import find_addresses
from analytics_pipeline.domain.contacts import normalise_email
from analytics_pipeline.domain.findings import Finding, Severity, name_some
from analytics_pipeline.domain.wording import say

_SIGNS = "[@\N{FULLWIDTH COMMERCIAL AT}\N{SMALL COMMERCIAL AT}]"


def holds_several_addresses(text: str) -> bool:
    """Say whether an e-mail field holds several valid addresses (rule 3.2)."""
    return len({normalise_email(each) for each in find_addresses(text)} - {None}) > 1


def find_several_addresses(typed: pd.Series) -> "pd.Series[bool]":
    """Tell of each e-mail in *typed* whether it holds several addresses."""
    several = typed.fillna("").astype("str").str.count(_SIGNS) > 1
    told = [holds_several_addresses(text) for text in typed[several]]
    several[several] = np.array(told, dtype="bool")
    return several.astype("bool")


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
