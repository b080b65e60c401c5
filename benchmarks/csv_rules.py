"""What every writer of the master CSV is told: headers, and how each column is shown.

Rules 8.1 and 8.5, for writers that do not know the product's schema.
"""

import csv
import hashlib
from pathlib import Path

from benchmarks.worker import MEGABYTE, Outcome

HEADERS = {
    "customer_id": "Customer ID",
    "customer_code": "Customer Code",
    "name": "Name",
    "email": "Email",
    "phone": "Phone",
    "lifetime_value_cents": "Lifetime Value",
    "rolling_90_day_value_cents": "Rolling 90-Day Value",
    "order_count": "Order Count",
    "rolling_90_day_order_count": "Rolling 90-Day Order Count",
    "average_order_value_cents": "Average Order Value",
    "first_order_date": "First Order Date",
    "last_order_date": "Last Order Date",
    "days_since_last_order": "Days Since Last Order",
    "is_vip": "Is VIP",
    "is_high_value": "Is High Value",
    "inactive_segment": "Inactive Segment",
    "tier": "Tier",
    "ecom_order_count": "eCom Order Count",
    "retail_order_count": "Retail Order Count",
    "refunded_value_cents": "Refunded Value",
    "duplicate_ids": "Duplicate IDs",
    "note": "Note",
}
MONEY = tuple(name for name in HEADERS if name.endswith("_cents"))
DAYS = ("first_order_date", "last_order_date")
FLAGS = ("is_vip", "is_high_value")
TEXTS = (
    *("customer_id", "customer_code", "name", "email", "phone"),
    *("inactive_segment", "tier", "duplicate_ids", "note"),
)
FORMULA = r"^[=+\-@\t\r]"
PHONE = r"^\+[0-9]+$"


def judge(path: Path) -> Outcome:
    """Fingerprint every cell as a reader of CSV sees it, and the bytes beside."""
    cells = hashlib.sha256()
    with path.open(newline="", encoding="utf-8") as stream:
        for row in csv.reader(stream):
            cells.update("\x1f".join(row).encode())
            cells.update(b"\x1e")
    content = path.read_bytes()
    figures = {"MB": len(content) / MEGABYTE}
    figures["bytes"] = hashlib.sha256(content).hexdigest()
    return Outcome(cells.hexdigest(), figures)
