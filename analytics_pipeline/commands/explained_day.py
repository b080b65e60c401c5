"""Which day ``explain`` explains; a module, so that a wrong one needs no frame."""

from datetime import date

from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.shop import Shop


def choose_explained_day(shop: Shop, as_of: date | None) -> date:
    """Return the day to explain: the wanted one, else the published one.

    Raises:
        WrongUse: nothing is published, the sales of that day are not there, or there
            was no such day.
    """
    days = shop.warehouse.partitions("raw_sales")
    published = shop.publication.published()
    if not days or (as_of is None and published is None):
        raise WrongUse(
            "Master CSV not found: there is nothing to explain yet.",
            "Run: analytics-pipeline update",
        )
    day = as_of or date.fromisoformat(published.as_of if published else days[-1])
    if not shop.first_day <= day.isoformat() <= days[-1]:
        raise WrongUse(
            f"The stored sales reach from {shop.first_day} to {days[-1]}.",
            "Give --as-of a day among these; for a later one, run: "
            "analytics-pipeline update",
        )
    shop.refuse_missing_day(day)
    return day
