"""Reading the web shop's orders over Ecwid's REST API."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, Unpack

from analytics_pipeline.model.errors import (
    WebShopRefused,
    WebShopUnavailable,
    WrongUse,
)
from analytics_pipeline.sources.connection import (
    ApiConnection,
    Options,
    Service,
    checked_url,
    is_token,
)
from analytics_pipeline.sources.protocol import WebOrderWalk, WebShopDetails
from analytics_pipeline.sources.values import Unusable, instant

# ----------------------------------------------------------------------------------
# The way to the web shop: its address, its token, and what is read of it.
#
# Read-only by construction, as for Lightspeed: the token of a custom app can often
# write, and this client knows no method but GET. It goes into a header: an address
# ends up in logs.


DEFAULT_URL = "https://app.ecwid.com/api/v3"

_STORE_ID = re.compile(r"[0-9]{1,20}")
_PATHS = re.compile(r"orders|orders/deleted|profile")
_REFUSALS: Mapping[int, tuple[str, str]] = {
    400: (
        "Ecwid did not understand the request (400).",
        "Check ECWID_API_URL; if it is right, please report it.",
    ),
    402: (
        "The web shop's plan does not include the API, or the shop is suspended (402).",
        "Choose a plan of the web shop with API access. Until then, remove "
        "ECWID_STORE_ID and ECWID_TOKEN, and export the orders as before.",
    ),
    403: (
        "Ecwid does not accept the token, or it may not read orders (403).",
        "Copy the secret token of your custom app, which needs the scope read_orders, "
        "and set ECWID_TOKEN.",
    ),
    404: (
        "Ecwid knows no such store (404).",
        "Check ECWID_STORE_ID: the number that the web shop's control panel shows.",
    ),
}


def ecwid_url(override: str | None) -> str:
    """Return the base of the API: Ecwid's own, or ``ECWID_API_URL``.

    Raises:
        WrongUse: it cannot be used; the cause names the variable.
    """
    url = (override or "").strip() or DEFAULT_URL
    parts = checked_url(url, "ECWID_API_URL", DEFAULT_URL)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def explain_refusal(status: int) -> WebShopRefused:
    """Build the error of a reply that says no, by its HTTP *status*."""
    if status < 400:
        return WebShopRefused(
            f"Ecwid redirects elsewhere ({status}); that is not followed, so that the "
            "token stays with the web shop.",
            "Check ECWID_API_URL.",
        )
    other = (
        f"Ecwid refused the request ({status}).",
        "Check ECWID_TOKEN, ECWID_STORE_ID and ECWID_API_URL.",
    )
    return WebShopRefused(*_REFUSALS.get(status, other))


ECWID = Service(
    "The web shop",
    _PATHS,
    "It reads the orders and the profile of the web shop only.",
    WebShopUnavailable,
    WebShopRefused,
    explain_refusal,
)


class EcwidConnection(ApiConnection):
    """Gets JSON from one web shop."""

    def __init__(
        self,
        store_id: str,
        token: str,
        api_url: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Prepare to ask the web shop *store_id*; nothing is asked yet.

        Raises:
            WrongUse: a setting cannot be used; no message shows the token.
        """
        if not _STORE_ID.fullmatch(store_id):
            raise WrongUse(
                "ECWID_STORE_ID is no number of a store.",
                "Set it to the number that the web shop's control panel shows.",
            )
        if not is_token(token):
            raise WrongUse(
                "ECWID_TOKEN is empty or holds blanks or other odd characters.",
                "Copy the secret token of your custom app and set ECWID_TOKEN.",
            )
        super().__init__(ECWID, f"{ecwid_url(api_url)}/{store_id}/", token, **options)


# ----------------------------------------------------------------------------------
# Walking the orders that changed within a period.
#
# Pages are counted off by offset, over a list that moves when an order is edited or
# deleted: then one may be passed over. So the period ends before the walk begins, and
# a walk counts only if the web shop named the same total on every page, and as many
# different orders were seen. Else it is made again.


PAGE = 100
"""The most orders that a page holds."""

PAUSES = (1.0, 2.0, 5.0)
"""Seconds to wait before each further walk, where the orders did not stay the same."""

MOVED = "its list of orders changed while it was read"
"""Why to wait before such a walk."""

_WANTED = (
    "id,createTimestamp,updateTimestamp,paymentStatus,fulfillmentStatus,total,tax,"
    "email,billingPerson(name),shippingPerson(name),acceptMarketing,"
    "externalOrderData(externalOrderId),refundedAmount,refunds(date,amount),"
    "giftCardRedemption,loyalty(redemption(amount,cancelled)),"
    "storeCredit(redemption(amount,cancelled))"
)
ORDER_FIELDS = f"total,count,offset,limit,items({_WANTED})"
"""All that is asked for: addresses, notes and the like never reach this machine."""

GONE_FIELDS = "total,count,offset,limit,items(id,orderId,date)"
PROFILE_FIELDS = (
    "formatsAndUnits(timezone,currency,orderNumberPrefix,orderNumberSuffix)"
)


@dataclass(frozen=True, slots=True)
class _Page:
    """One page: its records, and how many the web shop says there are in all."""

    items: list[Any]
    total: int | None


class EcwidShop:
    """A web shop, to be read only: the client can do nothing but GET."""

    def __init__(self, connection: EcwidConnection) -> None:
        """Read through *connection*, which is closed with this."""
        self._connection = connection

    def __enter__(self) -> Self:
        """Return the shop, which closes its connection at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self._connection.close()

    def __repr__(self) -> str:
        """Name the web shop, never the token."""
        return f"EcwidShop({self._connection!r})"

    @property
    def requests(self) -> int:
        """How many requests were sent, each repetition counted."""
        return self._connection.requests

    def details(self) -> WebShopDetails:
        """Return what the web shop says of itself."""
        body = self._connection.get("profile", {"responseFields": PROFILE_FIELDS})
        found = body.get("formatsAndUnits") if isinstance(body, dict) else None
        if not isinstance(found, dict):
            raise _not_what_was_asked("the store's profile")
        known = {key: value for key, value in found.items() if type(value) is str}
        return WebShopDetails(
            known.get("timezone"),
            known.get("currency"),
            known.get("orderNumberPrefix", ""),
            known.get("orderNumberSuffix", ""),
        )

    def walk(self, since: int | None, deleted_since: int | None) -> WebOrderWalk:
        """Return the orders that changed from the second *since* on, or all of them.

        Those deleted from *deleted_since* on are asked for last, so that one deleted
        meanwhile is among them; not at all where nothing is known that could be.

        Raises:
            WebShopUnavailable: the orders do not stay the same while they are read.
        """
        for seconds in (0.0, *PAUSES):
            if seconds:
                self._connection.pause(seconds, MOVED)
            found = self._walk_once(since, deleted_since)
            if found is not None:
                return found
        raise WebShopUnavailable(
            f"The web shop's list of orders was read {len(PAUSES) + 1} times, and each "
            "time it showed other orders than it counts.",
            "Try again later; what was read before stays as it is.",
        )

    def _walk_once(
        self, since: int | None, deleted_since: int | None
    ) -> WebOrderWalk | None:
        """Walk the orders once; nothing if they did not stay the same."""
        asked_at = self._connection.now()
        # Its own clock, where that is ahead: no period may end before it began.
        latest = max(asked_at, self._connection.replied_at or asked_at)
        until = int(latest.timestamp())
        orders = self._read_steady("orders", ORDER_FIELDS, _between(since, until))
        if orders is None:
            return None
        began_at = self._connection.true_since(asked_at)
        gone: list[Any] | None = []
        if deleted_since is not None:
            period = {"from_date": str(deleted_since)}
            gone = self._read_steady("orders/deleted", GONE_FIELDS, period)
        if gone is None:
            return None
        return WebOrderWalk(orders, dict(_gone(gone)), until, began_at)

    def _read_steady(
        self, path: str, fields: str, period: Mapping[str, str]
    ) -> list[Any] | None:
        """Return every record of a list; nothing if it did not stay the same."""
        seen: dict[str, Any] = {}
        totals: set[int | None] = set()
        offset = 0
        while True:
            page = self._page(path, fields, period, offset)
            totals.add(page.total)
            known = len(seen)
            for place, record in enumerate(page.items, start=offset):
                seen[_name_of(record, place)] = record
            offset += len(page.items)
            is_new = len(seen) > known
            if not is_new or (page.total is not None and offset >= page.total):
                return list(seen.values()) if totals == {len(seen)} else None

    def _page(
        self, path: str, fields: str, period: Mapping[str, str], offset: int
    ) -> _Page:
        params = {"limit": str(PAGE), "offset": str(offset), "responseFields": fields}
        body = self._connection.get(path, {**period, **params})
        items = body.get("items") if isinstance(body, dict) else None
        if not isinstance(items, list):
            raise _not_what_was_asked("a list of orders")
        total = body.get("total")
        return _Page(items, total if type(total) is int else None)


def _between(since: int | None, until: int) -> dict[str, str]:
    """Return the bounds of a period as parameters; without *since* it has no start."""
    begin = {} if since is None else {"updatedFrom": str(since)}
    return {**begin, "updatedTo": str(until)}


def _name_of(record: Any, place: int) -> str:
    """Return what an order of a list is known by: its id, else where it was."""
    found = record.get("id") if isinstance(record, dict) else None
    return f"at {place}" if found is None else f"id {found}"


def _gone(records: list[Any]) -> Iterator[tuple[str, int]]:
    """Yield the number of each deleted order, and the second of its deletion.

    Raises:
        WebShopUnavailable: one has none; an order might be kept that is deleted.
    """
    for record in records:
        found = record if isinstance(record, dict) else {}
        number = found.get("orderId", found.get("id"))
        try:
            moment = instant(_iso(found.get("date")), "date_is_a_time")
        except Unusable as error:
            raise _not_what_was_asked("when an order was deleted") from error
        if type(number) not in (str, int):
            raise _not_what_was_asked("which order was deleted")
        yield str(number), int(moment.timestamp())


def _iso(date: Any) -> Any:
    """Return ``2024-05-01 05:26:28 +0000`` in the form that is read everywhere else."""
    return date.replace(" +", "+") if type(date) is str else date


def _not_what_was_asked(wanted: str) -> WebShopUnavailable:
    return WebShopUnavailable(
        f"The web shop's reply is not what was asked for: {wanted} was expected.",
        "Try again later; if it stays, check ECWID_API_URL.",
    )
