"""Texts: what people typed, numbers in sentences, and commands to type."""

import re

# ----------------------------------------------------------------------------------
# Texts that people typed: without control characters, and when one is blank.


INVISIBLE = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"
)
"""Characters without a shape of their own, as the inside of a character class: those
that Unicode classes as formats, and the letters and marks that it calls ignorable."""

LONGEST_ORDER_NUMBER = 60
"""No order number has more characters, and no more of a note is stored (rule 4.3)."""

VERSION = 2
"""Of how texts are read; records read by another version are read again."""

_INVISIBLE = re.compile(f"[{INVISIBLE}\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]")
_LINE_END = re.compile("\r\n?")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BLANK = re.compile(rf"[\s{INVISIBLE}]*")


def without_controls(text: str) -> str:
    r"""Return *text* without control characters other than line breaks and tabs.

    Rule 8.5.  Each line break becomes ``\n``: a lone carriage return is one too.
    """
    if text.isprintable():
        return text
    return _CONTROL.sub("", _LINE_END.sub("\n", text))


def without_invisible(text: str) -> str:
    """Return *text* without invisible characters; white space of any kind stays."""
    return _INVISIBLE.sub("", text)


def is_blank(text: str) -> bool:
    """Say whether a reader sees nothing of *text*: blanks, invisible characters."""
    return _BLANK.fullmatch(text) is not None


# ----------------------------------------------------------------------------------
# Numbers in the sentences that people read.


def say(count: int, one: str, many: str) -> str:
    """Return *count* and what there is of it: ``1 sale has``, ``2,000 sales have``."""
    return f"{count:,} {one if count == 1 else many}"


# ----------------------------------------------------------------------------------
# The commands that sentences name, completed for one shop of several.
#
# Remedies are written where the failure is found, which need not know of a chain.


_OF_A_SHOP = re.compile(
    r"\banalytics-pipeline (?=(?:update|rebuild|import-ecom|status|replay|alert-test"
    r"|explain|outlook|doctor)\b)"
)


def for_shop(sentence: str, shop: str | None) -> str:
    """Return *sentence* with every command in it saying for which shop it is typed."""
    if shop is None:
        return sentence
    return _OF_A_SHOP.sub(f"analytics-pipeline --shop {shop} ", sentence)


def go_on(remedy: str, command: str = "analytics-pipeline update") -> str:
    """Return *remedy* with what to type when it is done, where it does not say so."""
    if not remedy:
        return f"Run it again: {command}"
    says_so = "analytics-pipeline" in remedy or "again" in remedy
    return remedy if says_so else f"{remedy} Then run: {command}"
