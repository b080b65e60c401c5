"""Money: exact amounts to integer cents and back to text (rule 1.3)."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")

LARGEST_AMOUNT = 10**15
"""Ten million million in cents: beyond it an amount is a fault, not a sale."""

LARGEST_EXPONENT = 20
"""Far beyond any shop's money, well within what ``decimal`` rounds exactly."""


def round_half_away(amount: Decimal) -> int:
    """Return *amount* (shop currency) in cents, half a cent away from zero.

    Raises:
        ValueError: the amount is no number, or beyond any money.
    """
    if not amount.is_finite() or amount.adjusted() > LARGEST_EXPONENT:
        raise ValueError(f"{amount} is not an amount of money")
    # decimal's "half up" goes by magnitude: away from zero on both sides.
    return int(amount.quantize(CENT, rounding=ROUND_HALF_UP).scaleb(2))


def divide_half_away(cents: int, by: int) -> int:
    """Return *cents* divided by *by*, half a cent away from zero (rule 5.1)."""
    whole = (2 * abs(cents) + abs(by)) // (2 * abs(by))
    return whole if (cents < 0) == (by < 0) else -whole


def share_of(part: int, of: int, whole: int) -> int:
    """Return the share of *of* that *part* is of the *whole*, half a cent away from 0.

    Of nothing, the part is what it is.
    """
    return divide_half_away(part * of, whole) if whole else part


def format_cents(cents: int) -> str:
    """Return cents as text with two decimals, such as ``-0.05`` or ``1234.50``."""
    sign = "-" if cents < 0 else ""
    units, rest = divmod(abs(cents), 100)
    return f"{sign}{units}.{rest:02d}"
