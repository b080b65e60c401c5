"""Names: which words of one can be compared with those of another."""

import re
import unicodedata
from collections.abc import Iterable

PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe"}
)
"""Letters that to Unicode are no accented ones, as people write them without."""

INSIDE_A_WORD = "'’‘`´ʼ"
NO_WORD = re.compile(r"[^\w\n]+|_+")


def split_names(names: Iterable[str]) -> list[list[str]]:
    """Return the words of each of *names*, without case and accents.

    An initial is left out if there is a whole word: it could be anybody's.  A single
    character of a script without capitals is a whole word.
    """
    # All of them as one text: very many names take a fraction of the time.
    lines = _plain("\n".join(" ".join(name.split()) for name in names)).split("\n")
    return [_whole_words(line.split()) for line in lines]


def _plain(text: str) -> str:
    """Return *text* in words of plain small letters with blanks between them."""
    folded = text.casefold()
    for mark in INSIDE_A_WORD:
        folded = folded.replace(mark, "")
    apart = unicodedata.normalize("NFKD", folded)
    accents = "".join(each for each in set(apart) if unicodedata.combining(each))
    without = apart.translate(str.maketrans("", "", accents)).translate(PLAIN)
    return NO_WORD.sub(" ", without)


def _whole_words(words: list[str]) -> list[str]:
    return [word for word in words if len(word) > 1 or not _has_capital(word)] or words


def _has_capital(letter: str) -> bool:
    return letter.upper() != letter
