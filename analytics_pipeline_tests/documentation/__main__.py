"""Write the pages that are made from the program: ``python -m`` this package."""

import sys
from pathlib import Path

from analytics_pipeline_tests.documentation.made_pages import made_pages
from analytics_pipeline_tests.documentation.pages import ROOT

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs"
for name, text in made_pages().items():
    (folder / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{folder / name}\n")
