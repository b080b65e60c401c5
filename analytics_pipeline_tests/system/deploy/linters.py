"""The linters of the tests, which say so where they are not installed."""

import subprocess
import sys
from pathlib import Path

import pytest


def complaints(tool: str, *words: str | Path) -> str:
    """What a linter finds wrong; nothing if all is well."""
    program = Path(sys.executable).parent / tool
    if not program.exists():
        pytest.skip(f"{tool} is not installed: pip install -e '.[dev]'")
    result = subprocess.run(
        [program, *words], capture_output=True, text=True, check=False
    )
    return "" if result.returncode == 0 else result.stdout + result.stderr
