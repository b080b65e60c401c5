"""A Lightspeed store as the point of sale of the pipeline."""

from collections.abc import Iterable, Iterator, Mapping, Set
from datetime import datetime
from typing import Any

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.model.errors import LightspeedUnavailable
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.sources.lightspeed.client import (
    LightspeedClient,
    SingleRecord,
    WindowedSearch,
)
from analytics_pipeline.sources.lightspeed.customers import customers_rows, group_names
from analytics_pipeline.sources.lightspeed.outlets import (
    details_of,
    read_outlets,
)
from analytics_pipeline.sources.lightspeed.products import products_rows
from analytics_pipeline.sources.lightspeed.sales import sales_rows
from analytics_pipeline.sources.protocol import (
    Feed,
    Page,
    ReadRows,
    StoreDetails,
    StoreOutlets,
)


class LightspeedStore:
    """Offers what ``PointOfSale`` asks for, through a client of the store's API."""

    def __init__(self, client: LightspeedClient) -> None:
        """Read through *client*; who opened it closes it."""
        self._client = client

    @property
    def requests(self) -> int:
        """How many requests were sent, each repetition counted."""
        return self._client.requests

    @property
    def server_now(self) -> datetime:
        """The earlier of the local clock and the last reply's ``Date`` header."""
        return self._client.server_now

    def store(self) -> StoreDetails:
        """Return what the store says of itself."""
        return details_of(self._client.retailer())

    def outlets(self, store: StoreDetails) -> StoreOutlets:
        """Return the outlets with their registers, deleted ones too.

        Raises:
            LightspeedUnavailable: there are none, which no store has.
        """
        outlets, registers = (self._every(name) for name in ("outlets", "registers"))
        return read_outlets(outlets, registers, store)

    def _every(self, collection: str) -> list[Any]:
        pages = self._client.pages(collection, deleted=True)
        records = [record for page in pages for record in page.records]
        if not records:
            raise LightspeedUnavailable(
                f"Lightspeed names no {collection}, though every store has some.",
                "Try again later; nothing was replaced.",
            )
        return records

    def pages(self, feed: Feed, after: int) -> Iterator[Page]:
        """Yield the pages of a feed above the version *after*, to its confirmed end.

        Raises:
            LightspeedUnavailable: the end cannot be believed: nothing follows the
                cursor's own record, or the whole feed is empty but not the search.
        """
        shows_any = False
        for page in self._client.pages(
            feed,
            after=after,
            deleted=feed != "sales",
            confirm_end=True,
            seldom_changes=feed == "products",
        ):
            shows_any = True
            yield page
        if not (shows_any or after) and self._client.finds_any(feed):
            raise LightspeedUnavailable(
                f"Lightspeed's list of {feed} is empty, but its search finds some.",
                "Try again later; nothing was replaced.",
            )

    def sale(self, sale_id: str) -> SingleRecord | None:
        """Return one sale, or None if the store does not know it."""
        return self._client.sale(sale_id)

    def customer(self, customer_id: str) -> SingleRecord | None:
        """Return one customer record, or None if the store does not know it."""
        return self._client.customer(customer_id)

    def customer_groups(self, wanted: Set[str]) -> Mapping[str, str]:
        """Return the names of customer groups, until those *wanted* are known.

        That is one request where all of them are on the first page.
        """
        names: dict[str, str] = {}
        if wanted:
            for page in self._client.pages("customer_groups"):
                names |= group_names(page.records)
                if wanted <= names.keys():
                    break
        return names

    def search_sales(self) -> WindowedSearch:
        """Return a search for sales by their date."""
        return self._client.search_sales()

    def sales_rows(
        self, records: Iterable[Any], *, segment: int, page: int, highest_version: int
    ) -> ReadRows:
        """Return ``SalesFeed`` rows of *records*, and which were rejected."""
        return sales_rows(
            records, segment=segment, page=page, highest_version=highest_version
        )

    def customers_rows(
        self,
        records: Iterable[Any],
        keys: ContactKeys,
        policy: Policy,
        *,
        page: int,
        highest_version: int,
    ) -> ReadRows:
        """Return ``Customers`` rows of *records*, and which were rejected."""
        return customers_rows(
            records, keys, policy, page=page, highest_version=highest_version
        )

    def products_rows(
        self, records: Iterable[Any], *, segment: int, page: int, highest_version: int
    ) -> ReadRows:
        """Return ``Products`` rows of *records*, and which were rejected."""
        return products_rows(
            records, segment=segment, page=page, highest_version=highest_version
        )
