"""What the sales of one business day are judged by, looking at that day alone."""

from datetime import date

import pandas as pd

from analytics_pipeline.domain.findings import Finding, Severity
from analytics_pipeline.domain.wording import say
from analytics_pipeline.settings import EARLIEST_START
from analytics_pipeline.shop import Shop


def judge_words(rows: pd.DataFrame) -> Finding:
    """Report sales whose state, status or attributes are not known words."""
    if not rows["is_unknown"].any():
        return Finding("words_are_known", True, "Every word is known.")
    unknown = rows[rows["is_unknown"]]
    words = unknown[["state", "status", "attributes"]].fillna("-").agg("/".join, axis=1)
    return Finding(
        "words_are_known",
        False,
        f"{say(len(unknown), 'sale has', 'sales have')} a state, status or attribute "
        "that is not known.",
        Severity.WARN,
        {"sales": len(unknown), "words": ", ".join(sorted(set(words))[:10])},
    )


def judge_start(shop: Shop, rows: pd.DataFrame) -> Finding:
    """Report sales from before the first day: they count, but have no day of theirs."""
    start = shop.settings.start_date
    early = rows[rows["business_date"] < pd.Timestamp(start)]
    earliest = "" if early.empty else str(early["business_date"].min())[:10]
    return Finding(
        "starts_with_the_first_sale",
        early.empty,
        "No sale is earlier than ANALYTICS_START_DATE."
        if early.empty
        else f"{say(len(early), 'sale is', 'sales are')} earlier than "
        f"ANALYTICS_START_DATE and kept on the first day; {_advise(earliest, start)}.",
        Severity.WARN,
        {"sales": len(early), "earliest": earliest},
    )


def _advise(earliest: str, start: date) -> str:
    """Say what to do about sales before the *start*, from the *earliest* day on."""
    if start == EARLIEST_START:
        return f"the first is of {earliest}: see whether the clock of a till is wrong"
    first = max(date.fromisoformat(earliest), EARLIEST_START)
    return f"set it to {first} to give earlier sales days of their own"
