"""What any point of sale, and any web shop, must offer to the pipeline.

Each sale, customer record and product has a version, which is above all others
whenever it has changed: so what is new is read on from the last version known.  A
record is opaque to the pipeline.  Only the point of sale that delivered it can make
rows of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from analytics_pipeline.domain.currency import Currencies
from analytics_pipeline.model.checks import Rejection
from analytics_pipeline.model.policy import Policy

if TYPE_CHECKING:
    import pandas as pd

    from analytics_pipeline.domain.contacts import ContactKeys

Feed = Literal["sales", "customers", "products"]
"""What is delivered by version; a point of sale without products delivers none."""

Record = Any
"""A sale, customer record or product as delivered."""

ReadRows = tuple["pd.DataFrame", list[Rejection]]
"""The rows that records became, and which records were rejected and why."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed, in the order of versions.

    Attributes:
        records: as delivered, whatever they are.
        version_max: the version to read on from.  Where the page holds nothing but
            records far above it, the version that was read on from before.
        number: counted from 1 in one walk.
        began_at: no later than the moment whose state the page shows.
        highest_version: a record above it is far above its neighbours, and does not
            move ``version_max``.
    """

    records: list[Record]
    version_max: int
    number: int
    began_at: datetime
    highest_version: int


@dataclass(frozen=True, slots=True)
class StoreDetails:
    """What a store says of itself, as far as it can be used.

    Attributes:
        store_id: what distinguishes it from every other store.
        time_zone: the name of a time zone that exists.
        country: its ISO code of two letters.
        currency: its ISO code of three letters.
        discount_product_id: the product on the line of a discount on a whole sale.
    """

    store_id: str | None
    time_zone: str | None
    country: str | None
    currency: str | None
    discount_product_id: str | None = None


@dataclass(frozen=True, slots=True)
class StoreOutlets:
    """The outlets of a store, deleted ones too.

    Attributes:
        rows: those that can be read, as ``Outlets``.
        currencies: of the store and of each outlet that names one.
        undecodable: the ids of those of which nothing else can be read.
        unreadable: how many are such, or have no id that can be read.
        zone_unknown: the ids of those that name a time zone that does not exist; their
            row has the zone of the store.
    """

    rows: pd.DataFrame
    currencies: Currencies
    undecodable: frozenset[str] = frozenset()
    unreadable: int = 0
    zone_unknown: Sequence[str] = ()


class SalesSearch(Protocol):
    """A search for sales by their date, deleted ones too.

    It is for comparison with the feed, never for truth: it may lag.

    Attributes:
        windows: in how many parts the period was read.
        unseen: how many sales it has counted and not shown.
    """

    windows: int
    unseen: int

    def pages(self, date_from: datetime, date_to: datetime) -> Iterator[list[Record]]:
        """Yield pages of the sales dated within two moments; one may come twice.

        Raises:
            LightspeedUnavailable: the search does not come to an end.
        """
        ...


class PointOfSale(Protocol):
    """The tills of one shop, to be read only.

    Each method that asks the store raises ``LightspeedUnavailable`` where it does not
    answer as it should, and ``LightspeedRefused`` where it refuses.
    """

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        ...

    @property
    def server_now(self) -> datetime:
        """The present moment by the clock of the store, or an earlier one."""
        ...

    def store(self) -> StoreDetails:
        """Return what the store says of itself."""
        ...

    def outlets(self, store: StoreDetails) -> StoreOutlets:
        """Return the outlets; one that names no time zone has that of *store*.

        Raises:
            LightspeedUnavailable: there are none, which no store has.
        """
        ...

    def pages(self, feed: Feed, after: int) -> Iterator[Page]:
        """Yield the pages of a feed above the version *after*, to its true end.

        Deleted records are among them.

        Raises:
            LightspeedUnavailable: the end cannot be believed.
        """
        ...

    def sale(self, sale_id: str) -> Record | None:
        """Return one sale, or None if the store does not know it."""
        ...

    def customer(self, customer_id: str) -> Record | None:
        """Return one customer record, or None if the store does not know it."""
        ...

    def customer_groups(self, wanted: Set[str]) -> Mapping[str, str]:
        """Return the names of groups of customers, by their ids.

        Those *wanted* are among them, as far as the store has them; more may be.
        """
        ...

    def search_sales(self) -> SalesSearch:
        """Return a search for sales by their date."""
        ...

    def sales_rows(
        self,
        records: Iterable[Record],
        *,
        segment: int,
        page: int,
        highest_version: int,
    ) -> ReadRows:
        """Return ``SalesFeed`` rows of *records*; reject those that break a rule.

        A record above *highest_version* is rejected, by the rule ``FAR_VERSION``.

        Args:
            records: as a page, a search or ``sale`` delivered them.
            segment: where in the log the rows will be.
            page: which page it is, for the list of rejected records.
            highest_version: as the page says.
        """
        ...

    def customers_rows(
        self,
        records: Iterable[Record],
        keys: ContactKeys,
        policy: Policy,
        *,
        page: int,
        highest_version: int,
    ) -> ReadRows:
        """Return ``Customers`` rows of *records*, as ``sales_rows`` does of sales.

        A deleted record keeps nothing personal but its keyed hashes (rule 3.1).

        Args:
            records: as a page or ``customer`` delivered them.
            keys: make the hashes of its contacts.
            policy: says which record is the walk-in customer.
            page: as for ``sales_rows``.
            highest_version: as there.
        """
        ...

    def products_rows(
        self,
        records: Iterable[Record],
        *,
        segment: int,
        page: int,
        highest_version: int,
    ) -> ReadRows:
        """Return ``Products`` rows of *records*, as ``sales_rows`` does of sales.

        A product without a family is its own. What cannot be read of it and is no id,
        version or deletion is missing.
        """
        ...


# ----------------------------------------------------------------------------------
# What a web shop must offer: its orders by when they changed.


@dataclass(frozen=True, slots=True)
class WebOrderWalk:
    """The orders that changed within a period, and those that were deleted.

    Attributes:
        orders: as delivered, each once.
        deleted: the numbers of deleted orders, with the second of the deletion.
        until: the last second of the period; no later change was asked for.
        began_at: no later than the moment whose state the walk shows.
    """

    orders: Sequence[Record]
    deleted: Mapping[str, int]
    until: int
    began_at: datetime


@dataclass(frozen=True, slots=True)
class WebShopDetails:
    """What a web shop says of itself, as far as it says it."""

    time_zone: str | None
    currency: str | None
    order_prefix: str
    order_suffix: str


class WebShop(Protocol):
    """A web shop, to be read only.

    Each method that asks it raises ``WebShopUnavailable`` where it does not answer as
    it should, and ``WebShopRefused`` where it refuses.
    """

    @property
    def requests(self) -> int:
        """How many requests were sent."""
        ...

    def details(self) -> WebShopDetails:
        """Return what the web shop says of itself."""
        ...

    def walk(self, since: int | None, deleted_since: int | None) -> WebOrderWalk:
        """Return the orders that changed from the second *since* on, or all of them.

        With them come those deleted from *deleted_since* on, if that is given.

        Raises:
            WebShopUnavailable: its orders do not stay the same while they are read.
        """
        ...
