"""What counted when an earlier master was published."""

from collections.abc import Collection, Mapping

import pandas as pd

from analytics_pipeline.domain.analytics import list_purchases
from analytics_pipeline.engine import lend, lend_columns
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.shop import Shop
from analytics_pipeline.steps.ledger import (
    ADDED_ORDER,
    PERSON_OF_RECORD,
    PERSON_OF_SALE,
)
from analytics_pipeline.steps.published_masters import MadeFrom, PublishedMaster
from analytics_pipeline.steps.sales_versions import read_sales_then


def list_earlier_purchases(
    shop: Shop,
    earlier: PublishedMaster,
    people: "pd.Index[str]",
    sale_ids: "pd.Series[str]",
) -> pd.DataFrame:
    """Return what counted then of *people*, and of the sales asked for.

    Rows as :func:`analytics_pipeline.domain.analytics.list_purchases` gives them.
    """
    records = _records(earlier, people)
    linked = [
        sale
        for sale, person in earlier.made_from.sale_people.items()
        if person in people
    ]
    sales = read_sales_then(
        shop,
        earlier.made_from,
        earlier.as_of,
        records["record_id"],
        [*linked, *sale_ids],
    )
    purchases = list_purchases(
        lend(sales, RawSales),
        lend_columns(_all_records(earlier, sales), PERSON_OF_RECORD),
        lend_columns(_pairs(earlier.made_from.sale_people), PERSON_OF_SALE),
        lend_columns(
            pd.DataFrame({"sale_id": earlier.made_from.web_sales}, dtype="str"),
            {"sale_id": "string"},
        ),
        lend_columns(_added(earlier.made_from), ADDED_ORDER),
        list(earlier.made_from.nobody),
        shop.policy,
        earlier.as_of,
    )
    found: pd.DataFrame = shop.engine.to_pandas(purchases)
    return found


def _records(earlier: PublishedMaster, people: Collection[str]) -> pd.DataFrame:
    """Return the records that belonged to *people* then."""
    homes = earlier.made_from.homes
    joined = [(record, home) for record, home in homes.items() if home in people]
    known = set(earlier.figures["customer_id"])
    own = [(person, person) for person in people if person in known]
    return pd.DataFrame([*own, *joined], columns=list(PERSON_OF_RECORD), dtype="str")


def _all_records(earlier: PublishedMaster, sales: pd.DataFrame) -> pd.DataFrame:
    """Return the person then of every record that the *sales* name."""
    homes, known = earlier.made_from.homes, set(earlier.figures["customer_id"])
    rows = [
        (record, homes.get(record, record))
        for record in sorted(set(sales["customer_id"].dropna()))
        if record in homes or record in known
    ]
    return pd.DataFrame(rows, columns=list(PERSON_OF_RECORD), dtype="str")


def _pairs(sale_people: Mapping[str, str]) -> pd.DataFrame:
    pairs = list(sale_people.items())
    return pd.DataFrame(pairs, columns=list(PERSON_OF_SALE), dtype="str")


def _added(made_from: MadeFrom) -> pd.DataFrame:
    orders = pd.DataFrame(made_from.added_orders, columns=list(ADDED_ORDER))
    return orders.astype(
        {
            "order_number": "str",
            "person_id": "str",
            "order_date": "datetime64[us]",
            "value_cents": "int64",
        }
    )
