"""Every benchmark, by the name that ``--only`` takes."""

from benchmarks.customer_analytics import SECTION as CUSTOMER_ANALYTICS
from benchmarks.daily import SECTION as DAILY
from benchmarks.harness import Section
from benchmarks.identity import SECTION as IDENTITY
from benchmarks.master_csv import SECTION as MASTER_CSV
from benchmarks.validation import SECTION as VALIDATION

SECTIONS: dict[str, Section] = {
    each.name: each
    for each in (CUSTOMER_ANALYTICS, IDENTITY, VALIDATION, MASTER_CSV, DAILY)
}
