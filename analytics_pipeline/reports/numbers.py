"""Numbers as people read them, with their unit."""

from datetime import date, timedelta

from analytics_pipeline.vocabulary import ReportUnit


def money(cents: int) -> str:
    """Return cents as shop currency: ``249,733.16``, ``−5.00``."""
    units, rest = divmod(abs(cents), 100)
    return f"{'−' if cents < 0 else ''}{units:,}.{rest:02d}"


def amount(number: int, unit: str) -> str:
    """Return a number in its unit; money has no other unit than its decimals."""
    if unit == ReportUnit.CENTS:
        return money(number)
    return f"{number:,}".replace("-", "−")


def share(part: int, whole: int) -> str:
    """Return a part of a whole in per cent; of nothing there is none."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def difference(now: int, before: int) -> str:
    """Say by how much *now* is more or less than *before*, in per cent."""
    if before <= 0:
        return "nothing to compare with"
    change = 100 * (now - before) / before
    return f"{'+' if change >= 0 else '−'}{abs(change):.0f} %"


def has_had_days(cohort: str, days: int, as_of: date) -> bool:
    """Say whether everybody who came in the month *cohort* has had so many days."""
    year, month = (int(part) for part in cohort.split("-"))
    first = date(year, month, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return last + timedelta(days=days) <= as_of
