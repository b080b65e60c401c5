"""What the analytics are held against before they are stored."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

import pandas as pd

from analytics_pipeline.domain.conservation import keep_people, list_vanished
from analytics_pipeline.domain.findings import Finding, OwnersList, Severity
from analytics_pipeline.domain.ids import with_plain_ids
from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.usual_tiers import (
    LONGEST_GAP,
    compare_no_tiers,
    judge_tiers,
)
from analytics_pipeline.domain.wording import say
from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.stale_days import compare_with_log
from analytics_pipeline.storage.publication import MASTER


class CurrencyJudge:
    """Says of any day whether the stored sales are what the log says now.

    In a run that has just cut them they are; in a run of this table alone they might
    not be, after a walk that was cut short or a start date that was moved.
    """

    def __init__(self, shop: Shop, last: date) -> None:
        """Compare once, up to the *last* day."""
        compared = compare_with_log(shop, last)
        self._stale, self._repeated = compared.stale_days, compared.repeated_sales

    def judge(self, day: date) -> Finding:
        """Judge *day* and all days before it."""
        stale = [other for other in self._stale if other <= day.isoformat()]
        passed = not stale and not self._repeated
        return Finding(
            "sales_are_current",
            passed,
            "The stored sales are what the log says, each once."
            if passed
            else f"{say(len(stale), 'day of raw_sales is', 'days of raw_sales are')} "
            "not what the log says, and "
            f"{say(self._repeated, 'sale stands', 'sales stand')} twice. "
            "Materialize raw_sales first.",
            evidence={
                "stale_days": len(stale),
                "first": stale[0] if stale else "",
                "repeated": self._repeated,
            },
        )


def judge_currency(shop: Shop, last: date) -> CurrencyJudge:
    """Return the judge of the days up to *last*, who compares once in a run."""
    log = shop.sales_log()
    state = (
        last,
        shop.warehouse.attempts("raw_sales", "outlets"),
        (log.generation, len(log.segments()), log.judged_segments()),
    )
    return shop.keep("currency", state, lambda: CurrencyJudge(shop, last))


def judge_people(
    shop: Shop, day: date, frame: pd.DataFrame, identities: pd.DataFrame
) -> list[Finding]:
    """Compare with the people of the published master, if it is no later than this.

    Nobody may have vanished; and since an earlier day, few tiers may have moved.
    """
    published = shop.publication.published()
    if (
        published is None
        or published.as_of > day.isoformat()
        or not shop.warehouse.exists("customer_analytics", published.as_of)
    ):
        sentence = "There is no earlier master to compare with."
        return [
            Finding("no_person_vanished", True, sentence),
            compare_no_tiers(sentence),
        ]
    try:
        before = shop.warehouse.read(
            "customer_analytics", CustomerAnalytics, published.as_of
        )
    except LocalFailure as error:
        sentence = f"The last master's people cannot be compared: {error.cause}"
        return [
            Finding("no_person_vanished", False, sentence, Severity.WARN),
            compare_no_tiers(sentence),
        ]
    before = with_plain_ids(before)
    ids, ids_before = set(frame["customer_id"]), set(before["customer_id"])
    days = (day - date.fromisoformat(published.as_of)).days
    kept = keep_people(ids_before, ids, identities)
    if not kept.passed:
        gone = list_vanished(ids_before, ids, identities)
        kept = replace(kept, offenders=_list_gone(shop, gone))
    return [
        kept,
        judge_tiers(before, frame, days, shop.usual)
        if 0 < days <= LONGEST_GAP
        else compare_no_tiers(f"The last master is {days} days older: not compared."),
    ]


_TOLD_OF_GONE = ["Customer ID", "Customer Code", "Name", "Lifetime Value"]


def _list_gone(shop: Shop, gone: Collection[str]) -> OwnersList:
    """List who is *gone*, as the published master last told of them."""
    master = pd.read_csv(
        shop.publication.folder / MASTER,
        dtype="str",
        keep_default_na=False,
        encoding="utf-8-sig",
        usecols=_TOLD_OF_GONE,
    )[_TOLD_OF_GONE]
    told = master[is_among(master["Customer ID"], gone)]
    return OwnersList(_TOLD_OF_GONE, told.to_numpy().tolist())
