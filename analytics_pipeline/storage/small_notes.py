"""Small state files: JSON of one known shape, or a failure that names the file.

That a file is JSON says nothing of what it holds: a list where a table of names was
written, or a text for a number, would else fail somewhere else, or be believed.
"""

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.files import AnyPath, read_if_there

REBUILD = "Remove it, then run: analytics-pipeline rebuild"

Shape = TypeVar("Shape")


def read_note(
    path: AnyPath, shape: TypeAdapter[Shape], remedy: str = REBUILD
) -> Shape | None:
    """Return what the file *path* holds, which is of that *shape*; nothing without it.

    Raises:
        LocalFailure: it holds something else; *remedy* says what to do then.
    """
    content = read_if_there(path)
    if content is None:
        return None
    try:
        return shape.validate_json(content, strict=True)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in fault["loc"]) or "its content"
        raise LocalFailure(
            f"{path} is damaged: it does not hold what was written there "
            f"({_in_short(place)}: {fault['type'].replace('_', ' ')}).",
            remedy,
        ) from error


def _in_short(place: str) -> str:
    return place if len(place) <= 60 else f"{place[:59]}…"
