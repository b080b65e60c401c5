"""The closed sets of words that tables, rules and sources share.

A word's *name* lives here; what it means for a figure (a threshold, a class)
lives in ``domain``.  Source: the vendor's list of sale states and attributes, and
the status codes of the web shop's export.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

WEB_SOURCE = "ecw:"
"""How the source of a web-shop sale begins (rule 4.6)."""


class SaleState(StrEnum):
    """The state of a sale, as every API version since 2025-09 gives it."""

    PARKED = "parked"
    PENDING = "pending"
    VOIDED = "voided"
    CLOSED = "closed"


class SaleAttribute(StrEnum):
    """The kind of a sale, in addition to its state."""

    ONACCOUNT = "onaccount"
    LAYBY = "layby"
    DELIVERY = "delivery"
    PICKUP = "pickup"
    SERVICE = "service"


class SaleStatus(StrEnum):
    """The older single word for state and attributes (API 2.0 only)."""

    CLOSED = "CLOSED"
    LAYBY_CLOSED = "LAYBY_CLOSED"
    ONACCOUNT_CLOSED = "ONACCOUNT_CLOSED"
    PICKED_UP_CLOSED = "PICKED_UP_CLOSED"
    DISPATCHED_CLOSED = "DISPATCHED_CLOSED"
    SERVICE_CLOSED = "SERVICE_CLOSED"
    AWAITING_PICKUP = "AWAITING_PICKUP"
    AWAITING_DISPATCH = "AWAITING_DISPATCH"
    ONACCOUNT = "ONACCOUNT"
    LAYBY = "LAYBY"
    SERVICE = "SERVICE"
    OPEN = "OPEN"
    SAVED = "SAVED"
    QUOTE = "QUOTE"
    VOIDED = "VOIDED"


WEB_ORDER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "PAID": "ACCEPTED",
        "AWAITING_PAYMENT": "QUEUED",
        "AWAITING_PROCESSING": "NEW",
    }
)
"""The words of the web shop's API for which its export has older ones.

Tables have the older one, whichever way an order came (rule 4.4)."""


class OrderOrigin(StrEnum):
    """How a version of a web order was delivered."""

    API = "api"
    EXPORT = "export"


class Tier(StrEnum):
    """The loyalty ladder, lowest first."""

    NONE = "None"
    SEED = "Seed"
    SPROUT = "Sprout"
    BLOOM = "Bloom"
    EVERGREEN = "Evergreen"


class InactiveSegment(StrEnum):
    """How long ago a person's last order was."""

    ACTIVE = "active"
    DAYS_30 = "30d"
    DAYS_60 = "60d"
    DAYS_90 = "90d"
    NEVER = "never"


class RfmGroup(StrEnum):
    """What a person is by recency, frequency and value of orders (rule 10.2)."""

    CHAMPIONS = "Champions"
    LOYAL = "Loyal"
    ACTIVE = "Active"
    PROMISING = "Promising"
    NEW = "New"
    NEEDS_ATTENTION = "Needs attention"
    AT_RISK = "At risk"
    ALMOST_LOST = "Almost lost"
    PREVIOUSLY_LOYAL = "Previously loyal"
    DORMANT = "Dormant"
    PROSPECTS = "Prospects"


class LapseState(StrEnum):
    """Where a person with an order is on the way to the lapse point (rule 10.4)."""

    ACTIVE = "active"
    AT_RISK = "at risk"
    LAPSED = "lapsed"


class Channel(StrEnum):
    """Where a person orders (rule 12.1)."""

    IN_STORE = "in store"
    ONLINE = "online"
    BOTH = "both"


class OrderEvidence(StrEnum):
    """What ties a web-shop order to a sale, strongest first."""

    SOURCE_ID = "source_id"
    NOTE = "note"
    EXPORT_ID = "export_id"
    NONE = "none"


class ReconciliationCategory(StrEnum):
    """The category of a web-shop order; each order is in exactly one."""

    MATCHED_BY_SOURCE_ID = "matched_by_source_id"
    MATCHED_BY_NOTE = "matched_by_note"
    MATCHED_BY_EXPORT_ID = "matched_by_export_id"
    CONTRADICTING = "contradicting"
    AMOUNT_DIFFERS = "amount_differs"
    REFUNDED_IN_WEB_SHOP = "refunded_in_web_shop"
    UNSYNCED_COUNTED = "unsynced_counted"
    UNSYNCED_NOT_COUNTED = "unsynced_not_counted"
    UNATTRIBUTED = "unattributed"


class SaleLineKind(StrEnum):
    """What a line of a sale is (rule 12.3)."""

    GOODS = "goods"
    DISCOUNT = "discount"
    SHIPPING = "shipping"
    GIFT_CARD = "gift_card"
    SURCHARGE = "surcharge"
    UNEXPLAINED = "unexplained"


class RecordKind(StrEnum):
    """Where a record that belongs to a person comes from."""

    CUSTOMER = "customer"
    ECOM = "ecom"


class ChangeKind(StrEnum):
    """What changed about a person between two published masters."""

    NEW = "new"
    GONE = "gone"
    MERGED = "merged"
    SPLIT = "split"
    VALUE = "value"
    TIER = "tier"
    SEGMENT = "segment"
    GROUP = "group"


class ChangeCause(StrEnum):
    """What did it."""

    SALE = "sale"
    RETURN = "return"
    EXCHANGE = "exchange"
    WEB_ORDER = "web order"
    EDIT = "edit"
    VOID = "void"
    DELETION = "deletion"
    REOPENING = "reopening"
    QUARANTINE = "quarantine"
    REASSIGNMENT = "reassignment"
    SYNC = "sync of a web order"
    ORDER_UNDONE = "web order undone"
    LEFT_WINDOW = "left the 90 days"
    RECORD = "customer record"
    TIME = "time"
    EDGES = "edges of the quarter"
    POLICY = "policy"
    UNKNOWN = "unknown"


class ReportFigure(StrEnum):
    """What the daily report shows, in its order."""

    HEADLINE = "headline"
    REVENUE = "revenue_by_month"
    BUYERS = "buyers_by_month"
    CHANNEL_REVENUE = "revenue_by_channel"
    CHANNEL_ORDERS = "orders_by_channel"
    SECOND_PURCHASE = "second_purchase"
    RETENTION = "retention"
    TIERS = "tiers"
    TIER_MOVES = "tier_moves"
    SEGMENTS = "segments"
    SEGMENT_MOVES = "segment_moves"
    LIFETIME_VALUE = "lifetime_value"
    LIFETIME_PEOPLE = "lifetime_value_people"
    CHANGES = "changes"
    RECONCILIATION = "reconciliation"
    WEB_ORDERS = "web_orders"
    FRESHNESS = "freshness"


class ReportUnit(StrEnum):
    """What an amount of the report counts."""

    CENTS = "cents"
    PEOPLE = "people"
    ORDERS = "orders"
    CHANGES = "changes"
    DAYS = "days"


LIMIT_REACHED = "its request limit is reached"
"""Why to wait after a refusal."""

LIMIT_USED_UP = "its request limit is used up"
"""Why to wait where the next request would be refused."""
