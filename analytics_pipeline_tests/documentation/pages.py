"""The pages that people read: their blocks, commands, links and names."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_END_OF_INPUT = re.compile(r"<<'(?P<mark>\w+)'")
_EXIT_CODE = re.compile(r" # exit code (?P<code>\d+)$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page, and the headings that it is under."""

    language: str
    text: str
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Typed:
    """A command that a page states its reader to type, and the answer that it shows."""

    command: str
    headings: tuple[str, ...]
    answer: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """The exit code that the page says; 0 if it says none."""
        reported = _EXIT_CODE.search(self.command.splitlines()[0])
        return int(reported["code"]) if reported else 0


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", read(page))


def blocks(page: Path) -> Iterator[Block]:
    text = read(page)
    for found in _BLOCK.finditer(text):
        above = _BLOCK.sub("", text[: found.start()])
        headings = tuple(re.findall(r"^#+ (.+)$", above, flags=re.MULTILINE))
        yield Block(found["language"], textwrap.dedent(found["text"]), headings)


def typed_in(page: Path) -> list[Typed]:
    """Return the commands of a page, in its order."""
    return [
        typed
        for block in blocks(page)
        if block.language == "console"
        for typed in _commands(block)
    ]


def _commands(block: Block) -> Iterator[Typed]:
    """Return the commands of a block: each begins with a dollar sign, or all lines do.

    A block without one shows no answers, so every line of it is a command.
    """
    has_answers = block.text.startswith("$ ")
    lines = iter(block.text.replace("\\\n", "").splitlines())
    command, answer = "", list[str]()
    for line in lines:
        if has_answers and not line.startswith("$ "):
            answer.append(line)
            continue
        if command:
            yield Typed(command, block.headings, tuple(answer))
        command, answer = line.removeprefix("$ "), []
        if more := _END_OF_INPUT.search(command):
            for fed in lines:
                command += f"\n{fed}"
                if fed == more["mark"]:
                    break
    if command:
        yield Typed(command, block.headings, tuple(answer))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in titles}


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def spans(page: Path) -> list[str]:
    """Return what is in backticks in the prose of a page, once each."""
    return sorted(set(re.findall(r"`([^`\n]+)`", prose(page))))
