"""What goes to which stream, and what a terminal gets that a file does not."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Mapping

import pytest
from rich.console import Console

from analytics_pipeline.commands.terminal import OutputOptions, Terminal
from analytics_pipeline.model.errors import WrongUse
from analytics_pipeline.model.vocabulary import LIMIT_REACHED

SPEAKING = """
import os
from analytics_pipeline.commands.terminal import Terminal
terminal = Terminal()
with terminal.working("updating"):
    kept = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # as Dagster does during a step
    terminal.progress("sales", 5, None)
os.dup2(kept, 2)
terminal.summary("As of a day", {"people": "5"})
terminal.marked("fault", "bold red", "token", "It is wrong.", 5)
terminal.warn("Look at it.")
"""
NAMES = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM", "COLUMNS", "LINES")


def on_a_terminal(**variables: str) -> str:
    """Return what a terminal of that kind gets to see."""
    environment = {k: v for k, v in os.environ.items() if k not in NAMES}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SPEAKING],
        env={**environment, "TERM": "xterm-256color", **variables},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                read = os.read(ours, 4096)
            except OSError:  # that is how Linux says the end
                break
            if not read:
                break
            seen += read
    os.close(ours)
    assert process.returncode == 0, seen
    return seen.decode()


def in_a_file(variables: Mapping[str, str]) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in NAMES}
    return subprocess.run(
        [sys.executable, "-c", SPEAKING],
        env={**environment, "TERM": "xterm-256color", **variables},
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ).stdout


def test_a_terminal_gets_colours_and_a_line_that_moves() -> None:
    seen = on_a_terminal()

    assert "\x1b[1;31m fault" in seen
    assert "\x1b[1mAs of a day" in seen
    assert "updating: sales 5" in seen
    assert "\x1b[2K" in seen, "the moving line is cleared away"


def test_no_color_takes_the_colours_away() -> None:
    seen = on_a_terminal(NO_COLOR="1")

    assert "\x1b[1;31m" not in seen
    assert "fault" in seen


def test_a_dumb_terminal_gets_plain_lines() -> None:
    seen = on_a_terminal(TERM="dumb")

    assert "\x1b" not in seen
    assert "updating …" in seen


def test_a_file_gets_plain_lines() -> None:
    seen = in_a_file({})

    assert "\x1b" not in seen
    assert "updating …" in seen


class Screens:
    """A terminal of a test: both streams, as files or as screens."""

    def __init__(self, output_options: OutputOptions, width: int | None = None) -> None:
        self.streams = io.StringIO(), io.StringIO()
        self.terminal = Terminal(
            output_options,
            *(
                Console(
                    file=stream,
                    width=width or 300,
                    force_terminal=width is not None,
                    color_system=None,
                    highlight=False,
                )
                for stream in self.streams
            ),
        )

    @property
    def out(self) -> str:
        return self.streams[0].getvalue()

    @property
    def err(self) -> str:
        return self.streams[1].getvalue()


def speak(terminal: Terminal) -> None:
    with terminal.working("updating"):
        terminal.progress("sales", 5, None)
        terminal.waiting(3, LIMIT_REACHED)
    terminal.note("accepted: it")
    terminal.warn("Look at it.")
    terminal.summary("As of a day", {"people": "5"})
    terminal.fail(WrongUse("It is wrong.", "Fix it."))


def test_results_go_to_stdout_and_the_rest_to_stderr() -> None:
    screens = Screens(OutputOptions())
    speak(screens.terminal)

    assert screens.out == "As of a day\n people  5\n"
    assert screens.err.splitlines() == [
        "updating …",
        f"Lightspeed asks to wait 3 s: {LIMIT_REACHED}",
        "accepted: it",
        "warning: Look at it.",
        "error: It is wrong.",
        "  Fix it.",
    ]


def test_quietly_only_what_is_wrong_is_printed() -> None:
    screens = Screens(OutputOptions(quiet=True))
    speak(screens.terminal)

    assert screens.out == ""
    assert screens.err == "warning: Look at it.\nerror: It is wrong.\n  Fix it.\n"


def test_for_a_program_the_document_is_all_that_goes_out() -> None:
    screens = Screens(OutputOptions(as_json=True))
    speak(screens.terminal)
    assert screens.out == ""
    screens.terminal.print_document({"a": "Zoë\x1b"})

    assert screens.out == '{\n  "a": "Zo\\u00eb\\u001b"\n}\n'
    assert "updating …" in screens.err


def test_a_long_value_goes_on_beneath_itself_and_a_path_stays_whole() -> None:
    screens = Screens(OutputOptions(), width=40)
    path = "/a/very/long/path/to/a/file/that/people/may/copy.csv"
    screens.terminal.summary("T", {"web": "ten words " * 5, "file": path})

    lines = screens.out.splitlines()
    assert lines[1] == " web   ten words ten words ten words ten"
    assert lines[2] == "       words ten words"
    assert path in lines[3]


@pytest.mark.parametrize(("width", "shown"), [(80, 5), (None, 9)])
def test_of_many_warnings_a_terminal_gets_the_first(
    width: int | None, shown: int
) -> None:
    screens = Screens(OutputOptions(), width)
    screens.terminal.warn_of_all([f"No. {n}." for n in range(9)])

    assert screens.err.count("warning: ") == shown
    assert ("and 4 more warnings" in screens.err) is (width is not None)
    assert len(screens.terminal.warnings) == 9
