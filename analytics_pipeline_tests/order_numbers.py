"""Order numbers as web shops make them, and what may happen to one on its way."""

import unicodedata

from hypothesis import strategies as st

COUNTS = st.integers(1, 10**13).map(str)
PADDED = st.tuples(st.integers(1, 9999), st.integers(5, 8)).map(
    lambda drawn: f"{drawn[0]:0{drawn[1]}d}"
)
PREFIXES = ("PLANT-", "#", "2026/", "Nº ", "MY SHOP ", "A.", "W_", "Größe-", "№", "x,")
SUFFIXES = ("/26", "-X", ".A", " (web)", "_b", "é")
WITH_PREFIX = st.tuples(st.sampled_from(PREFIXES), COUNTS).map("".join)
WITH_SUFFIX = st.tuples(COUNTS, st.sampled_from(SUFFIXES)).map("".join)
NUMBERS = st.one_of(COUNTS, PADDED, WITH_PREFIX, WITH_SUFFIX)

INVISIBLE = ("\u200b", "\ufeff", "\u200e", "\u2060", "\u00ad", "\u202c", "\ufe0f")


def widen(number):
    """Write plain characters in their full-width forms."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in number)


def hide_one(number):
    half = len(number) // 2
    return f"\u200e{number[:half]}\u200b{number[half:]}\ufeff"


def swap_case(number):
    """Change case where nothing else changes: ß has no single capital letter."""
    return "".join(
        other if len(other := c.swapcase()) == 1 and other.swapcase() == c else c
        for c in number
    )


def decompose(number):
    return unicodedata.normalize("NFD", number)


SAME_NUMBER = (str, widen, hide_one, swap_case, decompose, lambda n: f"\u00a0{n} ")
"""What changes how a number is spelled, and not which one it is."""


def group_by(mark):
    return lambda number: f"{int(number):,}".replace(",", mark)


def as_scientific(number):
    digits = f"{float(number):.3E}"
    mantissa, _, power = digits.partition("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E+{int(power):02d}"


SHOWN = {
    "decimals": lambda n: f"{int(n)}.0",
    "decimals with a comma": lambda n: f"{int(n)},00",
    "scientific": as_scientific,
    "scientific with a comma": lambda n: as_scientific(n).replace(".", ","),
    "apostrophe": lambda n: f"'{n}",
    "curly apostrophe": lambda n: f"\u2019{n}",
    "formula": lambda n: f'="{n}"',
    "full-width decimals": lambda n: widen(f"{int(n)}.0"),
    "invisible and decimals": lambda n: hide_one(f"{int(n)}.0"),
}
"""What a cell shows, for numbers of digits alone."""
GROUPED = {
    "thousands with commas": group_by(","),
    "thousands with points": group_by("."),
    "thousands with spaces": group_by("\u202f"),
    "thousands with apostrophes": group_by("'"),
    "thousands and decimals": lambda n: f"{int(n):,}.00",
}
"""The same, for those of at least a thousand."""
