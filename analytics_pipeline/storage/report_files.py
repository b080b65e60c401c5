"""The pages that people open: one a day, and the one of the published day."""

import re
from datetime import date, timedelta
from pathlib import Path

from analytics_pipeline.storage.files import replace_text

REPORT = "customer_report.html"

_DATED = re.compile(r"customer_report_(?P<day>\d{4}-\d\d-\d\d)\.html")


class ReportFiles:
    """The folder ``reports/`` of a data directory."""

    def __init__(self, data_dir: Path, keep_days: int) -> None:
        """Keep the pages of the last *keep_days* before the published day."""
        self.folder = data_dir / "reports"
        self.keep_days = keep_days

    @property
    def latest(self) -> Path:
        """The page of the published day."""
        return self.folder / REPORT

    def of(self, day: date) -> Path:
        """Return the page of a day, whether it is there or not."""
        return self.folder / f"customer_report_{day.isoformat()}.html"

    def store(self, day: date, page: str, *, is_published: bool) -> None:
        """Put the page of *day* in place, as the latest one if that day *is_published*.

        The pages of days too long before a published one are forgotten.
        """
        replace_text(self.of(day), page)
        if is_published:
            replace_text(self.latest, page)
            self._prune(day)

    def _prune(self, newest: date) -> None:
        oldest = (newest - timedelta(days=self.keep_days)).isoformat()
        for path in self.folder.glob("customer_report_*.html"):
            ours = _DATED.fullmatch(path.name)
            if ours and ours["day"] < oldest:
                path.unlink()
