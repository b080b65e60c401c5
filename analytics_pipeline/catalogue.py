"""The contract of every table, in the order in which they are made."""

import dagster as dg

from analytics_pipeline.checks import CHECKS
from analytics_pipeline.contracts import Contract
from analytics_pipeline.schemas.changes import CustomerChanges
from analytics_pipeline.schemas.customers import CustomerAnalytics, CustomerIdentities
from analytics_pipeline.schemas.exports import CustomerAnalyticsMaster, FirstTimeBuyers
from analytics_pipeline.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.schemas.report import CustomerReport
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.schemas.table import Table


class Catalogue:
    """The contracts, with the daily tables divided into *days*, of one *shop*."""

    def __init__(
        self, days: dg.PartitionsDefinition[str], shop: str | None = None
    ) -> None:
        """Make every contract."""
        self.days = days
        self._shop = shop
        self.sales_feed = self._contract("sales_feed", SalesFeed, "sale_id")
        self.customers = self._contract("customers", Customers, "customer_id")
        self.outlets = self._contract("outlets", Outlets, "outlet_id")
        self.ecom_orders = self._contract("ecom_orders", EcomOrders, "order_number")
        self.raw_sales = self._contract("raw_sales", RawSales, "sale_id", days)
        self.customer_identities = self._contract(
            "customer_identities", CustomerIdentities, "record_id"
        )
        self.customer_analytics = self._contract(
            "customer_analytics", CustomerAnalytics, "customer_id", days
        )
        self.first_time_buyers = self._contract(
            "first_time_buyers", FirstTimeBuyers, "customer_id", days
        )
        self.customer_analytics_master = self._contract(
            "customer_analytics_master", CustomerAnalyticsMaster, "customer_id", days
        )
        self.customer_changes = self._contract(
            "customer_changes", CustomerChanges, "customer_id", days
        )
        self.ecom_reconciliation = self._contract(
            "ecom_reconciliation", EcomReconciliation, "order_number"
        )
        self.customer_report = self._contract(
            "customer_report", CustomerReport, "figure", days
        )

    @property
    def all(self) -> list[Contract]:
        """Every contract, in the order in which the tables are made."""
        return [
            self.sales_feed,
            self.outlets,
            self.customers,
            self.ecom_orders,
            self.raw_sales,
            self.customer_identities,
            self.customer_analytics,
            self.first_time_buyers,
            self.customer_analytics_master,
            self.customer_changes,
            self.ecom_reconciliation,
            self.customer_report,
        ]

    def _contract(
        self,
        name: str,
        model: type[Table],
        key: str,
        days: dg.PartitionsDefinition[str] | None = None,
    ) -> Contract:
        """Make the contract of a table, with its checks."""
        return Contract(name, model, key, CHECKS[name], days, self._shop)
