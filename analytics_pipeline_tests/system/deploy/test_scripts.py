"""The scripts that are delivered are sound shell, and can be started."""

import os
from pathlib import Path

import pytest

from analytics_pipeline_tests.system.deploy.linters import complaints

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(
    path
    for path in (ROOT / "deploy").rglob("*")
    if path.is_file() and path.read_bytes().startswith(b"#!")
)


def test_there_are_scripts() -> None:
    assert {path.name for path in SCRIPTS} >= {"start", "healthy"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound(script: Path) -> None:
    assert complaints("shellcheck", "--severity=style", script) == ""
    assert os.access(script, os.X_OK)
