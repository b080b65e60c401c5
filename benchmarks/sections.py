"""Every benchmark, by the name that ``--only`` takes."""

from benchmarks.answers import SECTION as ANSWERS
from benchmarks.backfill import SECTION as BACKFILL
from benchmarks.customer_analytics import SECTION as CUSTOMER_ANALYTICS
from benchmarks.daily import SECTION as DAILY
from benchmarks.harness import Section
from benchmarks.master_csv import SECTION as MASTER_CSV
from benchmarks.requests import SECTION as REQUESTS
from benchmarks.validation import SECTION as VALIDATION

ALL = (
    *(REQUESTS, CUSTOMER_ANALYTICS, VALIDATION, MASTER_CSV, DAILY, BACKFILL),
    ANSWERS,
)
SECTIONS: dict[str, Section] = {each.name: each for each in ALL}
