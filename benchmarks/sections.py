"""Every benchmark, by the name that ``--only`` takes."""

from benchmarks.customer_analytics import SECTION as CUSTOMER_ANALYTICS
from benchmarks.harness import Section
from benchmarks.identity import SECTION as IDENTITY

SECTIONS: dict[str, Section] = {
    each.name: each for each in (CUSTOMER_ANALYTICS, IDENTITY)
}
