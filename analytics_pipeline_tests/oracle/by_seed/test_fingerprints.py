"""Every stored and published file of ten stores and a week of days, byte for byte.

What it compares with is in ``fingerprints.json``. After a change of a file on purpose,
or with another version of a library that writes one, write it again:

    WRITE_FINGERPRINTS=1 pytest -m nightly -k test_every_file_of_a_week
"""

import json
import os
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from analytics_pipeline.storage.checkpoints import FOLDER as CHECKPOINTS
from analytics_pipeline_tests.oracle.by_seed.seeded_stores import SeededShop, plan_store

KNOWN = Path(__file__).parent / "fingerprints.json"
SEEDS = range(1, 11)
DAYS = 7
KEY = bytes(range(32)).hex()


def fingerprints(data: Path) -> dict[str, str]:
    """Return one SHA-256 for each folder and each single file of a data directory."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(each for each in data.rglob("*") if each.is_file()):
        name = path.relative_to(data)
        if name.parts[0] == ".dagster" or path.suffix == ".lock":
            continue
        if CHECKPOINTS in name.parts:  # a cache: its files may be there or not
            continue
        folder = name.parts[:2] if name.parts[0] == "warehouse" else name.parts[:1]
        line = f"{name.as_posix()} {sha256(path.read_bytes()).hexdigest()}\n"
        found.setdefault("/".join(folder), []).append(line.encode())
    return {name: sha256(b"".join(lines)).hexdigest() for name, lines in found.items()}


@pytest.mark.nightly
@pytest.mark.parametrize("seed", SEEDS)
def test_every_file_of_a_week_is_as_it_was(seed: int, tmp_path: Path) -> None:
    shop = SeededShop(plan_store(seed), tmp_path / "data")
    (shop.data / ".identity_key").write_text(KEY, encoding="ascii")
    found = {}
    for ago in reversed(range(DAYS)):
        day = shop.plan.last_day - timedelta(days=ago)
        shop.update(day)
        found[day.isoformat()] = fingerprints(shop.data)

    known = json.loads(KNOWN.read_text(encoding="utf-8")) if KNOWN.exists() else {}
    if os.environ.get("WRITE_FINGERPRINTS"):
        known[str(seed)] = found
        ordered = dict(sorted(known.items(), key=lambda each: int(each[0])))
        KNOWN.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
    assert found == known[str(seed)]
