"""The files that people use: the master, its first-time buyers, stamp and archive.

Rule 8.4.  Each file is replaced whole or not at all, the master last but for the
notes, so that whoever dies half-way leaves old files or new ones, never halves.
"""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from analytics_pipeline.storage.files import replace_bytes, replace_text

MASTER = "customer_analytics_master.csv"
FIRST_TIME_BUYERS = "first_time_buyers.csv"
STAMP = ".last_update_timestamp"

_ARCHIVED = re.compile(
    r"(customer_analytics|first_time_buyers)_(?P<day>\d{4}-\d\d-\d\d)(\.\d+)?\.csv"
)


@dataclass(frozen=True, slots=True)
class Published:
    """What the published master is: its day, rows and fingerprint."""

    as_of: str
    rows: int
    sha256: str
    provisional: bool


class Publication:
    """The published files of one data directory."""

    def __init__(self, data_dir: Path, archive_keep_days: int) -> None:
        """Publish into *data_dir*; keep archived days for *archive_keep_days*."""
        self.folder = data_dir
        self.archive = data_dir / "archive"
        self.keep_days = archive_keep_days

    def published(self) -> Published | None:
        """Return what the published master is; nothing before the first one."""
        path = self.folder / f".{MASTER}.json"
        if not path.exists():
            return None
        return Published(**json.loads(path.read_text(encoding="utf-8")))

    def stage_first_time_buyers(self, as_of: date, text: str) -> None:
        """Archive the buyers of *as_of*; they are published with its master.

        If that master is the published one already, they are published at once.
        """
        self._archive("first_time_buyers", as_of, text.encode("utf-8"))
        now = self.published()
        if now is not None and now.as_of == as_of.isoformat():
            replace_text(self.folder / FIRST_TIME_BUYERS, text)

    def publish_master(
        self, as_of: date, text: str, rows: int, now: datetime, *, provisional: bool
    ) -> bool:
        """Archive the master of *as_of* and, unless a newer one is out, publish it.

        Returns:
            Whether it is the published master now; an older day is only archived.
        """
        content = text.encode("utf-8")
        before = self.published()
        if before is not None and before.as_of > as_of.isoformat():
            self._archive("customer_analytics", as_of, content)
            return False
        self._keep_previous(before)
        self._archive("customer_analytics", as_of, content)
        buyers = self._archived("first_time_buyers", as_of).read_bytes()
        _replace_if_changed(self.folder / FIRST_TIME_BUYERS, buyers)
        _replace_if_changed(self.folder / MASTER, content)
        digest = hashlib.sha256(content).hexdigest()
        published = Published(as_of.isoformat(), rows, digest, provisional)
        notes = json.dumps(asdict(published), indent=1) + "\n"
        _replace_if_changed(self.folder / f".{MASTER}.json", notes.encode("utf-8"))
        stamp = now.astimezone(UTC).replace(tzinfo=None, microsecond=0)
        replace_text(self.folder / STAMP, f"{stamp.isoformat()}Z\n")
        self._prune(as_of)
        return True

    def stamp(self) -> str | None:
        """Return when the last successful publication was, if any."""
        path = self.folder / STAMP
        return path.read_text(encoding="utf-8").strip() if path.exists() else None

    # Archive ---------------------------------------------------------------------

    def _archived(self, name: str, as_of: date) -> Path:
        return self.archive / f"{name}_{as_of.isoformat()}.csv"

    def _keep_previous(self, before: Published | None) -> None:
        """Archive the master that is about to be replaced, if it is not there."""
        current = self.folder / MASTER
        if before is not None and current.exists():
            day = date.fromisoformat(before.as_of)
            if not self._archived("customer_analytics", day).exists():
                self._archive("customer_analytics", day, current.read_bytes())

    def _archive(self, name: str, as_of: date, content: bytes) -> None:
        """Archive *content*; what it replaces is kept under a numbered suffix."""
        path = self._archived(name, as_of)
        if path.exists():
            old = path.read_bytes()
            if old == content:
                return
            number = 1
            while (kept := path.with_suffix(f".{number}.csv")).exists():
                number += 1
            replace_bytes(kept, old)
        replace_bytes(path, content)

    def _prune(self, newest: date) -> None:
        """Forget archived days that are older than the days to keep."""
        oldest = (newest - timedelta(days=self.keep_days)).isoformat()
        for path in self.archive.glob("*.csv"):
            ours = _ARCHIVED.fullmatch(path.name)
            if ours and ours["day"] < oldest:
                path.unlink()


def _replace_if_changed(path: Path, content: bytes) -> None:
    """Replace *path* unless it already holds exactly *content*."""
    if not path.exists() or path.read_bytes() != content:
        replace_bytes(path, content)
