"""Order numbers: how they are compared, and how a note names one (rule 4.3).

Order numbers are text: a web shop puts any prefix and suffix around its count.  Two
spellings that look alike are one number.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property

from analytics_pipeline.model.text import LONGEST_ORDER_NUMBER, without_invisible

SALE_COLUMN = "X-series Order ID"
"""The export's own hint at an order's sale: the last evidence of rule 4.3."""

_NOTED = re.compile(r"\s*Order ID:([^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*)")
_LAST_WORD = re.compile(r"\S*\Z")


def clean_number(text: str) -> str:
    """Return *text* without invisible characters and without white space around it."""
    return without_invisible(text).strip()


def comparable(number: str) -> str:
    """Return the form in which numbers are compared (rule 4.3).

    That is after NFKC, without invisible characters, with case folded.
    """
    if number.isascii() and number.isprintable():
        return number.strip().lower()
    folded = unicodedata.normalize("NFKC", clean_number(number)).casefold()
    return unicodedata.normalize("NFKC", folded).strip()


def noted_text(note: str) -> str | None:
    """Return what follows ``Order ID:`` at the start of *note*, to the end of its line.

    At most 60 characters are returned, and no word that the limit would cut in two:
    half a number might be another order's.  So of numbers of up to 60 characters, what
    is returned names those that the whole line names, and no others.
    """
    found = _NOTED.match(clean_number(note)) if "Order ID:" in note else None
    if found is None:
        return None
    text = found.group(1).strip()
    if len(text) > LONGEST_ORDER_NUMBER:
        head = text[:LONGEST_ORDER_NUMBER]
        is_whole = text[LONGEST_ORDER_NUMBER].isspace()
        text = (head if is_whole else _LAST_WORD.sub("", head, count=1)).rstrip()
    return text or None


class KnownNumbers:
    """Finds which of some known order numbers a text is, or names."""

    def __init__(self, numbers: Iterable[str]) -> None:
        """Know *numbers*; of several that are compared as one, the first is found."""
        self._exact = set(numbers)

    @cached_property
    def _by_form(self) -> dict[str, str]:
        """The numbers by the form in which they are compared."""
        by_form: dict[str, str] = {}
        for number in sorted(self._exact):
            by_form.setdefault(comparable(number), number)
        return by_form

    @property
    def forms(self) -> list[str]:
        """The forms in which they are compared, sorted."""
        return sorted(self._by_form)

    def find(self, number: str) -> str | None:
        """Return the known number that *number* is, as it is known."""
        if number in self._exact:
            return number
        return self._by_form.get(comparable(number))

    def find_in_note(self, text: str) -> str | None:
        """Return the known number that the *text* of a note names, as it is known.

        The text is the number, or begins with it and goes on with white space; of
        several that fit, the longest is named.
        """
        whole = self.find(text)
        if whole is not None:
            return whole
        for place in reversed(range(len(text))):
            if text[place].isspace():
                found = self.find(text[:place])
                if found is not None:
                    return found
        return None


def first_words(forms: Iterable[str]) -> list[str]:
    """Return what the text of a note must begin with to name one of *forms*."""
    return sorted({words[0] for form in forms if (words := form.split())})


def rank_order(number: str) -> tuple[bool, int, str, str]:
    """Order numbers as people count: digits as integers, others after them.

    Digits are compared as text, because Python refuses to read very many as a number.
    """
    if not (number.isascii() and number.isdigit()):
        return True, 0, "", number
    digits = number.lstrip("0")
    return False, len(digits), digits, number
