"""The help that teaches by examples, and the shell that completes what is typed."""

import os
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands.options import EXAMPLES, PROGRAM, epilog_of
from analytics_pipeline_tests import clock
from analytics_pipeline_tests.chain_of_shops import write_shop

COMMANDS: Any = get_command(app)
NAMES = sorted(COMMANDS.commands)


def type_in(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "80"})


def test_every_command_has_examples_and_no_other_has() -> None:
    assert sorted(EXAMPLES) == sorted(["", *NAMES])


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_command_ends_with_its_examples_as_they_are_typed(
    name: str,
) -> None:
    result = type_in(name, "--help")

    assert result.exit_code == 0
    body, examples = result.stdout.split(" Examples")
    assert "Usage: " in body
    shown = [line.strip() for line in examples.splitlines()]
    for typed, purpose in EXAMPLES[name]:
        line = f"{PROGRAM} {typed}"
        assert any(each.startswith(line) for each in shown), line
        assert any(each.endswith(f"# {purpose}") for each in shown), purpose
    assert "%Y" not in body, "a day is typed as YYYY-MM-DD"


@pytest.mark.parametrize("name", ["", *NAMES])
def test_an_example_fits_a_line_of_a_narrow_terminal(name: str) -> None:
    assert max(map(len, epilog_of(name).splitlines())) <= 78


@pytest.mark.parametrize(
    "typed",
    [
        typed
        for examples in EXAMPLES.values()
        for typed, _ in examples
        if typed != "--install-completion"  # tried below
    ],
)
def test_every_example_can_be_typed(typed: str) -> None:
    words = shlex.split(typed)
    place = next(n for n, word in enumerate(words) if word in NAMES)
    name, rest = words[place], words[place + 1 :]
    with (
        COMMANDS.make_context(PROGRAM, words[: place + 1]) as whole,
        COMMANDS.commands[name].make_context(name, rest, parent=whole) as context,
    ):
        assert context.command.name == name


@pytest.mark.parametrize(
    ("command", "panels"),
    [
        ("update", ["Options", "When a gate failed", "Output"]),
        ("simulate", ["Options", "Faults", "Output"]),
        ("explain", ["Arguments", "Options", "Output"]),
    ],
)
def test_options_are_in_groups(command: str, panels: list[str]) -> None:
    text = type_in(command, "--help").stdout

    places = [text.index(f"─ {panel} ─") for panel in panels]
    assert places == sorted(places)


def test_the_commands_are_in_groups_and_completion_is_named() -> None:
    text = type_in("--help").stdout

    for panel in ("Every day", "When something is wrong", "Look around"):
        assert f"─ {panel} ─" in text
    assert f"{PROGRAM} --install-completion" in text


def test_the_version_is_that_of_the_package() -> None:
    result = type_in("--version")

    assert result.exit_code == 0
    assert result.stdout == f"{PROGRAM} {version(PROGRAM)}\n"


# Completion ------------------------------------------------------------------------


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any settings, and the program where the shell finds it."""
    home = tmp_path / "home"
    home.mkdir()
    program = tmp_path / "bin" / PROGRAM
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m analytics_pipeline "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", clock.PYTHON_PATH)
    monkeypatch.setenv("HOME", str(home))
    return home


def in_bash(script: str) -> str:
    return subprocess.run(
        ["bash", "--norc", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def complete(*words: str) -> str:
    """Return a script that prints what bash offers for the last of the words."""
    line = shlex.join([PROGRAM, *words])
    return (
        f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; "
        f"_analytics_pipeline_completion {PROGRAM}; echo ${{COMPREPLY[@]}}\n"
    )


@pytest.mark.nightly
def test_bash_completes_commands_options_and_shops(
    shell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("north", "south"):
        write_shop(tmp_path / "shops", name)
    monkeypatch.setenv("ANALYTICS_SHOPS", str(tmp_path / "shops"))
    # Typer asks which shell has started it, so bash must stay.
    reported = in_bash(
        f'eval "$({PROGRAM} --show-completion)"\n'
        + complete("up")
        + complete("doctor", "--j")
        + complete("--shop", "so")
    )

    assert reported.split() == ["update", "--json", "south"]


def test_completion_is_installed_for_the_next_shell(shell: Path) -> None:
    in_bash(f"{PROGRAM} --install-completion; true")

    assert "bash_completions" in (shell / ".bashrc").read_text()
    reported = in_bash(f'. "$HOME/.bashrc"\n{complete("al")}')
    assert reported.split() == ["alert-test"]
