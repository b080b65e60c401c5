"""One shop is one currency with at most two decimals (rule 1.6).

Money is kept in hundredths, and amounts of two currencies are never added.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from analytics_pipeline.model.checks import CheckResult, name_some

CHECK = "one_currency"

MINOR_UNITS: Mapping[str, int] = {
    "BHD": 3,
    "CLF": 4,
    "IQD": 3,
    "JOD": 3,
    "KWD": 3,
    "LYD": 3,
    "OMR": 3,
    "TND": 3,
    "UYW": 4,
}
"""Every currency with more than two decimals, and how many it has.

Source: ISO 4217, list one (SIX Group), column "minor unit"."""

MOST_DECIMALS = 2


@dataclass(frozen=True, slots=True)
class Currencies:
    """In which currencies a shop sells, as ISO codes.

    Attributes:
        store: of the store itself; nothing where it names none.
        of_outlets: of each outlet that names one, by its id.  Deleted outlets are among
            them, because their sales are in the log.
        before: the currency of the stored sales; nothing where it was not noted.
    """

    store: str | None
    of_outlets: Mapping[str, str]
    before: str | None = None

    @property
    def named(self) -> list[str]:
        """Every currency that store or outlets name now, in alphabetical order."""
        store = {self.store} if self.store else set()
        return sorted(store | set(self.of_outlets.values()))

    @property
    def noted(self) -> str | None:
        """The currency to note: the named one, else the one from before."""
        return next(iter(self.named), self.before)


def check_currency(currencies: Currencies) -> CheckResult:
    """Refuse several currencies, one of three decimals, and one that has changed.

    This cannot be accepted: figures of mixed amounts mean nothing.
    """
    fault = find_currency_fault(currencies)
    outlets = currencies.of_outlets
    other = [each for each in outlets if outlets[each] != currencies.noted]
    return CheckResult(
        CHECK,
        fault is None,
        " ".join(fault) if fault else describe_currency(currencies),
        evidence={
            "currencies": ", ".join(currencies.named) or "unknown",
            "before": currencies.before or "unknown",
            "outlets": name_some(other),
        },
    )


def describe_currency(currencies: Currencies) -> str:
    """Say which currency a shop has whose currency is no fault."""
    if currencies.named:
        return f"Every amount is in {currencies.noted}."
    if currencies.before:
        return f"The store names no currency now; before it was {currencies.before}."
    return (
        "Neither the store nor an outlet names a currency; all amounts are taken to be "
        "in one with two decimals."
    )


def find_currency_fault(currencies: Currencies) -> tuple[str, str] | None:
    """Return what is wrong and what to do about it, or nothing (rule 1.6)."""
    named, before = currencies.named, currencies.before
    if len(named) > 1:
        return (
            f"The shop sells in several currencies: {_name_each(currencies)}. Amounts "
            "of different currencies are never added.",
            "If it is a mistake, correct the currency of the outlet in Lightspeed; a "
            "shop that really sells in several cannot be analysed as one.",
        )
    for code in named:
        if MINOR_UNITS.get(code, 0) > MOST_DECIMALS:
            return (
                f"The shop sells in {code}, which has {MINOR_UNITS[code]} decimals. "
                f"Money is kept with {MOST_DECIMALS}, so every amount would be wrong.",
                "If it is a mistake, correct the currency in Lightspeed; a currency of "
                "more than two decimals is not supported.",
            )
    if before and named and named != [before]:
        return (
            f"The shop sells in {named[0]} now, but the stored sales are in {before}. "
            "Amounts of different currencies are never added.",
            "If it is a mistake, set the currency in Lightspeed back. If every stored "
            f"sale is in {named[0]} and the earlier setting was the mistake, remove "
            "warehouse/outlets from the data directory and run the update again.",
        )
    return None


def _name_each(currencies: Currencies) -> str:
    """Name each currency with who uses it."""
    parts = []
    for code in currencies.named:
        users = ["the store"] if currencies.store == code else []
        ids = [each for each, of in currencies.of_outlets.items() if of == code]
        users += [f"outlet {name_some(ids)}"] if ids else []
        parts.append(f"{code} ({' and '.join(users)})")
    return ", ".join(parts)
