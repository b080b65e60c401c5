"""The commands that sentences tell people to type, made right for one shop of several.

Remedies are written where the failure is found, which need not know of a chain.
"""

import re

_OF_A_SHOP = re.compile(
    r"\banalytics-pipeline (?=(?:update|rebuild|import-ecom|status|replay|alert-test"
    r"|explain|doctor)\b)"
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
