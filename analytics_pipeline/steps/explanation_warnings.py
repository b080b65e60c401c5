"""What a warning of the tables says of one person, as sentences of an explanation."""

import pandas as pd

from analytics_pipeline.domain.explanation import Member
from analytics_pipeline.domain.hidden_walk_in import find_busiest
from analytics_pipeline.domain.left_out_sales import name_registers, value_column
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.schemas.customers import CustomerAnalytics
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.explanation_lines import Books
from analytics_pipeline.steps.later_sales import find_later_sales
from analytics_pipeline.steps.unattributed_sales import judge_busiest


def tell_warnings(books: Books, members: list[Member]) -> list[str]:
    """Say what is told of the person's records, and of sales dated after today."""
    return [*_tell_later_sales(books.shop, members), *_tell_walk_in(books, members)]


def _tell_later_sales(shop: Shop, members: list[Member]) -> list[str]:
    """Name the person's sales that are dated after today (rule 1.5)."""
    log = shop.sales_log()
    state = (log.generation, len(log.segments()), shop.today)
    later = shop.keep("later sales", state, lambda: find_later_sales(shop, log))
    theirs = later[later["customer_id"].isin([each.record_id for each in members])]
    return [_tell_later_sale(shop, theirs.iloc[[n]]) for n in range(len(theirs))]


def _tell_later_sale(shop: Shop, sale: pd.DataFrame) -> str:
    """Say why the one *sale* is in no figure."""
    value = format_cents(int(sale[value_column(shop.policy)].iloc[0]))
    return (
        f"Sale {sale['sale_id'].iloc[0]} over {value} is dated "
        f"{str(sale['business_date'].iloc[0])[:10]}, after today, and is in no figure: "
        f"the clock of its till is wrong ({name_registers(sale)[0]})."
    )


def _tell_walk_in(books: Books, members: list[Member]) -> list[str]:
    """Say if a record of the person sells as only a walk-in does (rule 3.8)."""
    shop, day, ledger = books.shop, books.day.isoformat(), books.ledger
    if not shop.warehouse.exists("customer_analytics", day):
        return []
    busiest = find_busiest(shop.load("customer_analytics", CustomerAnalytics, day))
    if busiest is None or busiest.person_id != members[0].record_id:
        return []
    counts = shop.engine.to_pandas(ledger.purchases["is_order"].sum())
    found = judge_busiest(
        shop, ledger, books.people.identities, busiest, int(counts or 0)
    )
    return [] if found.passed else [found.sentence]
