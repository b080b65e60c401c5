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
