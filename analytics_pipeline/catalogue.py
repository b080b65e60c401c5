"""The contract of every table, in the order in which they are made."""

import dagster as dg

from analytics_pipeline.contracts import Contract
from analytics_pipeline.schemas.changes import CustomerChanges
from analytics_pipeline.schemas.customers import CustomerAnalytics, CustomerIdentities
from analytics_pipeline.schemas.exports import CustomerAnalyticsMaster, FirstTimeBuyers
from analytics_pipeline.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.schemas.sales import RawSales
from analytics_pipeline.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)

_SOUND = {
    "rows_are_sound": "Records that break a rule are turned away, and few of them."
}
_CAUGHT_UP = {
    "is_caught_up": "Sales and customers were read to the end after the day had ended."
}
_USUAL_DAY = {
    "volume_is_usual": "The day has as many orders as such a day usually has, or more.",
    "prices_are_usual": "The middle order of the day is worth about what it usually "
    "is.",
    "tax_is_usual": "About as many of the day's sales hold tax as usually do.",
    "hours_are_usual": "The day's sales at the till are at hours at which the shop "
    "usually sells.",
    "sales_stand_once": "Hardly any sale of the day repeats another one under a second "
    "id.",
}
_VALID_CONTACTS = {
    "contacts_are_valid": "About as many of the records' e-mails and phone numbers are "
    "valid as usually are."
}
_FEW_PLACEHOLDERS = {
    "placeholders_are_few": "No more records than usual have a contact that stands for "
    "none or that many share."
}
_SLOW_TIERS = {
    "tiers_move_slowly": "No more people than is likely have another tier than in the "
    "master before."
}


class Catalogue:
    """The contracts, with the daily tables divided into *days*."""

    def __init__(self, days: dg.PartitionsDefinition[str]) -> None:
        """Make every contract."""
        self.days = days
        self._describe_sources()
        self._describe_sales(days)
        self._describe_people(days)
        self._describe_exports(days)
        self._describe_reconciliation()

    def _describe_sources(self) -> None:
        """Make the contracts of what is read from outside."""
        self.sales_feed = Contract(
            "sales_feed",
            SalesFeed,
            "sale_id",
            _SOUND
            | {
                "agrees_with_search": "The log has every sale of the last days "
                "that Lightspeed's search has.",
                "no_known_sale_is_lost": "A full read finds every sale that the log "
                "held before.",
            },
        )
        self.customers = Contract(
            "customers", Customers, "customer_id", _SOUND | _VALID_CONTACTS
        )
        self.outlets = Contract(
            "outlets",
            Outlets,
            "outlet_id",
            {
                "time_zone_agrees": "The store's time zone is the configured one, and "
                "every outlet's exists.",
                "outlets_are_all_there": "Nothing known before of outlets and store is "
                "gone.",
                "phone_region_is_known": "Phone numbers without a country code can be "
                "read.",
            },
        )
        self.ecom_orders = Contract(
            "ecom_orders",
            EcomOrders,
            "order_number",
            {
                "export_is_readable": "The web shop's export can be read, whole.",
                "export_is_fresh": "The export is at most seven days old.",
                "export_is_complete": "The export has every order and column that the "
                "last good one had.",
            },
        )

    def _describe_sales(self, days: dg.PartitionsDefinition[str]) -> None:
        """Make the contract of what is cut from the log."""
        self.raw_sales = Contract(
            "raw_sales",
            RawSales,
            "sale_id",
            _CAUGHT_UP
            | {
                "words_are_known": "Every state, status and attribute is a known word.",
                "starts_with_the_first_sale": "No sale is earlier than the first day.",
            }
            | _USUAL_DAY,
            days,
        )

    def _describe_people(self, days: dg.PartitionsDefinition[str]) -> None:
        """Make the contracts of whom the sales belong to, and what they come to."""
        self.customer_identities = Contract(
            "customer_identities",
            CustomerIdentities,
            "record_id",
            {
                "every_record_has_one_person": "Each live customer record belongs to "
                "exactly one person (rule 7.2).",
                "nothing_is_kept_apart": "No override keeps records apart that share a "
                "key (rule 3.4).",
                "people_look_right": "Nobody has many records, or names without a "
                "common word: the signs of several people in one.",
            }
            | _FEW_PLACEHOLDERS,
        )
        self.customer_analytics = Contract(
            "customer_analytics",
            CustomerAnalytics,
            "customer_id",
            _CAUGHT_UP
            | {
                "sales_are_current": "The stored sales are what the log says, each "
                "once.",
                "conserves_money": "People and unattributed add up to sales and added "
                "web orders, to the cent (rule 7.1).",
                "no_person_vanished": "No more people are gone than merges and "
                "deletions explain.",
            }
            | _SLOW_TIERS,
            days,
        )

    def _describe_exports(self, days: dg.PartitionsDefinition[str]) -> None:
        """Make the contracts of the files that people read."""
        self.first_time_buyers = Contract(
            "first_time_buyers", FirstTimeBuyers, "customer_id", _CAUGHT_UP, days
        )
        self.customer_analytics_master = Contract(
            "customer_analytics_master",
            CustomerAnalyticsMaster,
            "customer_id",
            _CAUGHT_UP,
            days,
        )

        self.customer_changes = Contract(
            "customer_changes",
            CustomerChanges,
            "customer_id",
            {
                "sales_are_current": "The stored sales are what the log says, each "
                "once.",
                "earlier_master_is_known": "What the master before was made from can "
                "be read.",
                "figures_are_current": "The published figures are what sales and web "
                "orders come to.",
                "changes_add_up": "The changes add up to the difference of the two "
                "masters.",
                "causes_are_known": "Every change has a sale, order, record or day as "
                "its cause.",
            },
            days,
        )

    def _describe_reconciliation(self) -> None:
        """Make the contract of what explains the web shop's orders."""
        self.ecom_reconciliation = Contract(
            "ecom_reconciliation",
            EcomReconciliation,
            "order_number",
            {
                "categories_add_up": "The categories add up to the orders of the "
                "export, in number and to the cent.",
                "evidence_agrees": "No order is tied to one sale by one piece of "
                "evidence and to another by another (rule 4.3).",
                "orders_have_sales": "Paid orders become sales within a week, or few "
                "do not.",
            },
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
        ]
