"""Find the web orders that were given back while their sales still count (rule 4.4)."""

import pandas as pd

from analytics_pipeline.domain.membership import is_among
from analytics_pipeline.domain.web_refunds import find_unsettled, given_back
from analytics_pipeline.engine import lend_columns
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ledger import Ledger

_COLUMNS = ("sale_id", "return_for", "is_completed", "total_incl_cents")


def find_web_refunds(
    shop: Shop, ledger: Ledger, ecom_orders: pd.DataFrame
) -> pd.DataFrame:
    """Return those of *ecom_orders* that are not settled: ``order_number, left_cents``.

    A return at the till belongs to the order of what it returns, also a return of a
    return, so what is left is all that still counts up to the day of the *ledger*.
    """
    numbers = ecom_orders.loc[given_back(ecom_orders), "order_number"]
    matches = ledger.matches.dropna(subset=["sale_id"])
    asked = matches.loc[
        is_among(matches["order_number"], numbers), ["order_number", "sale_id"]
    ]
    pairs, found = [asked], [_sales_among(shop, ledger, asked["sale_id"], "sale_id")]
    known, latest = set(asked["sale_id"]), asked
    while not latest.empty:
        returns = _sales_among(shop, ledger, latest["sale_id"], "return_for")
        returns = returns[~is_among(returns["sale_id"], known)]
        orders = latest.rename(columns={"sale_id": "return_for"})
        latest = returns.merge(orders, on="return_for")[["order_number", "sale_id"]]
        known |= set(returns["sale_id"])
        pairs.append(latest)
        found.append(returns)
    return find_unsettled(pd.concat(pairs), pd.concat(found))


def _sales_among(
    shop: Shop, ledger: Ledger, ids: "pd.Series[str]", column: str
) -> pd.DataFrame:
    """Return the sales up to the day whose *column* is among *ids*."""
    lent = lend_columns(pd.DataFrame({column: ids.unique()}), {column: "string"})
    found = ledger.sales.semi_join(lent, column).select(*_COLUMNS)
    sales: pd.DataFrame = shop.engine.to_pandas(found)
    return sales
