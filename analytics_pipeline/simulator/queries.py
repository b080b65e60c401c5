"""What a request asks for, read from its query string."""

from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.datastructures import QueryParams

DEFAULT_PAGE_SIZE = 200


class BadRequest(Exception):
    """A parameter cannot be read; the message names it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a feed that is asked for: ``after`` excluded, ``before`` not."""

    after: int
    before: int | None
    size: int
    deleted: bool

    def shows(self, deleted_at: datetime | None) -> bool:
        """Return whether a record deleted then, or never, is in the window."""
        return self.deleted or deleted_at is None


def read_window(params: QueryParams, page_limit: int) -> Window:
    """Return the window of a feed request; unknown parameters are ignored."""
    return Window(
        after=read_integer(params, "after") or 0,
        before=read_integer(params, "before"),
        size=read_page_size(params, page_limit),
        deleted=read_flag(params, "deleted"),
    )


def read_page_size(params: QueryParams, limit: int) -> int:
    """Return the page size: more than the limit is clamped, not refused."""
    size = read_integer(params, "page_size")
    if size is None:
        size = DEFAULT_PAGE_SIZE
    if size < 1:
        raise BadRequest("page_size must be at least 1")
    return min(size, limit)


def read_integer(params: QueryParams, name: str) -> int | None:
    """Return the whole number of this name, or None where it is not given."""
    written = params.get(name)
    if not written:
        return None
    try:
        return int(written)
    except ValueError as error:
        raise BadRequest(f"{name} must be a whole number") from error


def read_flag(params: QueryParams, name: str) -> bool:
    """Return whether the switch is on; not given means off."""
    return params.get(name, "").lower() in {"true", "1"}


def read_moment(params: QueryParams, name: str) -> datetime | None:
    """Return the time of this name; without a zone it is UTC.

    A raw ``+`` in a query string is a space, so ``+00:00`` that is not escaped
    is refused here as it is there.
    """
    written = params.get(name)
    if not written:
        return None
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise BadRequest(f"{name} must be an ISO 8601 time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
