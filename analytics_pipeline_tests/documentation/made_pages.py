"""The pages of ``docs`` that are made from the program, by their file names."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from analytics_pipeline.definitions import build_definitions
from analytics_pipeline.settings import Settings
from analytics_pipeline_tests.documentation.data_dictionary import write_dictionary
from analytics_pipeline_tests.documentation.picture import draw_picture
from analytics_pipeline_tests.documentation.proofs import write_proofs
from analytics_pipeline_tests.system.incidents.incidents import write_table


def _draw() -> str:
    settings = Settings(_env_file=None, data_dir=Path("data"))
    return draw_picture(build_definitions(settings).resolve_asset_graph())


MADE: Mapping[str, Callable[[], str]] = {
    "data-dictionary.md": write_dictionary,
    "checks.md": write_table,
    "architecture.svg": _draw,
    "proofs.md": write_proofs,
}


@cache
def made_pages() -> Mapping[str, str]:
    """Return every made page, as it should be."""
    return {name: make() for name, make in MADE.items()}
