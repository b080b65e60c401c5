"""The ledger's own idea of what is kept and shown of a text (rules 3.5, 8.5)."""

import re
from unicodedata import category

E164 = re.compile(r"\+[0-9]+")
FORMULA_SIGNS = "=+-@＝＋－＠"
ENDS_OF_CELLS = ",;|\t\n\u2028\u2029"


def readable(typed: str | None) -> str:
    """Return a text without control characters; nothing where nothing can be seen."""
    lines = (typed or "").replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if category(c) != "Cc" or c in "\t\n").strip()
    return kept if any(_is_seen(c) for c in kept) else ""


def _is_seen(character: str) -> bool:
    return category(character) not in {"Cf", "Zs", "Zl", "Zp", "Cc"}


def cell(text: str) -> str:
    """Disarm a cell that a spreadsheet would run; numbers in E.164 stay (rule 8.5).

    Each piece that another separator would make a cell of its own is one more cell.
    """
    if E164.fullmatch(text):
        return text
    pieces = [""]
    for character in text:
        if character in ENDS_OF_CELLS:
            pieces += [character, ""]
        else:
            pieces[-1] += character
    return "".join(_disarmed(piece) for piece in pieces)


def _disarmed(piece: str) -> str:
    first = next((c for c in piece if _is_seen(c) and c != '"'), "")
    return f"'{piece}" if first and first in FORMULA_SIGNS else piece
