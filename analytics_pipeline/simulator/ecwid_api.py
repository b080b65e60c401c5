"""The web shop's REST interface: the orders of the export, as Ecwid serves them.

``/api/v3/{storeId}/orders``, ``/orders/deleted`` and ``/profile``.  An order is written
whole, with what is personal in it too, so that only ``responseFields`` keeps that
from a client.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, TypeVar

from starlette.datastructures import QueryParams
from starlette.requests import Request

from analytics_pipeline.simulator.export import consent_of
from analytics_pipeline.simulator.faults import POISON, FaultKind
from analytics_pipeline.simulator.json_text import number
from analytics_pipeline.simulator.queries import BadRequest, read_integer
from analytics_pipeline.simulator.quirks import WebShopQuirks
from analytics_pipeline.simulator.rate_limit import RateLimit
from analytics_pipeline.simulator.records import (
    DeletedWebOrder,
    StoreState,
    WebOrder,
)
from analytics_pipeline.simulator.replies import (
    Reply,
    method_not_allowed,
    too_many_requests,
)
from analytics_pipeline.simulator.store_api import LYING_TOTAL, REPEATED_ROWS

Found = TypeVar("Found")

MOST_ON_A_PAGE = 100
REQUESTS_PER_MINUTE = 600
FIRST_INTERNAL_ID = 500_000_000

PAYMENT_WORDS = {"ACCEPTED": "PAID", "QUEUED": "AWAITING_PAYMENT"}
FULFILLMENT_WORDS = {"NEW": "AWAITING_PROCESSING"}
"""The words of the interface, where the export has older ones."""

ABANDONED = "INCOMPLETE"
"""Such orders are shown only to who asks for them."""


def kind_of_web_request(path: str) -> str:
    """Return what a request is for, as the statistics count it."""
    known = {"orders": "orders", "orders/deleted": "deleted", "profile": "profile"}
    return f"web/{known.get(path.partition('/')[2], 'unknown')}"


class WebShopAccess:
    """Lets a request to the web shop in, or says why not."""

    def __init__(
        self, store_id: str, token: str, limit: int | None, quirks: WebShopQuirks
    ) -> None:
        """Set the one store, its one token, and its requests a minute, 600 if not."""
        self._store_id, self._token = store_id, token
        self._limit = limit or REQUESTS_PER_MINUTE
        self._has_api = quirks.has_api
        self._limiter = RateLimit(60)

    def refusal(
        self, request: Request, path: str, now: datetime, *, revoked: bool
    ) -> Reply | None:
        """Return why this request gets nothing, or None if it is admitted.

        A token in the query is refused: addresses end up in logs.
        """
        if "token" in request.query_params:
            return refused(403, "INVALID_API_TOKEN", "Send the token as a header")
        authorization = request.headers.get("authorization")
        if revoked or authorization != f"Bearer {self._token}":
            return refused(403, "INVALID_API_TOKEN", "The access token is not valid")
        if request.method != "GET":
            return method_not_allowed()
        if path.partition("/")[0] != self._store_id:
            return refused(404, "STORE_NOT_FOUND", "There is no such store")
        if not self._has_api:
            why = "The plan of this store has no access to the API"
            return refused(402, "NOT_AVAILABLE_ON_CURRENT_PLAN", why)
        wait = self._limiter.take(self._limit)
        return None if wait is None else too_many_requests(now, wait, "seconds")


def refused(status: int, code: str, message: str) -> Reply:
    """Return a refusal as the web shop writes it."""
    body = json.dumps({"errorCode": code, "errorMessage": message}).encode()
    return Reply(status, body)


class WebShopApi:
    """Answers a GET of the web shop from the store as it is."""

    def __init__(self, state: Callable[[], StoreState], quirks: WebShopQuirks) -> None:
        """Say where the store is, and how the web shop behaves."""
        self._state, self._quirks = state, quirks

    def answer(self, path: str, params: QueryParams, fault: FaultKind | None) -> Reply:
        """Return the reply to ``{storeId}/{path}``, with the page fault if any."""
        try:
            match path.split("/")[1:]:
                case ["orders"]:
                    return self._orders(params, fault)
                case ["orders", "deleted"]:
                    return self._deleted(params, fault)
                case ["profile"] if not self._quirks.shows_profile:
                    return refused(403, "INSUFFICIENT_APP_SCOPE", "No such scope")
                case ["profile"]:
                    return _json(self._profile(), params)
        except BadRequest as error:
            return refused(400, "WRONG_PARAMETER", str(error))
        return refused(404, "NOT_FOUND", "There is no such path")

    def _orders(self, params: QueryParams, fault: FaultKind | None) -> Reply:
        found = [each for each in self._sorted() if self._is_asked(each, params)]
        loud = self._state().loud_ids

        def write(order: WebOrder) -> dict[str, Any]:
            return write_order(order, is_loud=order.exported_sale_id in loud)

        return _page(found, write, params, fault, self._quirks.total_off_by)

    def _deleted(self, params: QueryParams, fault: FaultKind | None) -> Reply:
        found = [
            each
            for each in self._state().deleted_web_orders
            if self._is_within(each.deleted_at, params, "from_date", "to_date")
        ]
        return _page(found, write_gone, params, fault)

    def _is_asked(self, order: WebOrder, params: QueryParams) -> bool:
        statuses = [each for each in params.get("paymentStatus", "").split(",") if each]
        status = PAYMENT_WORDS.get(order.payment_status, order.payment_status)
        is_shown = status in statuses if statuses else status != ABANDONED
        return (
            is_shown
            and self._is_within(order.changed_at, params, "updatedFrom", "updatedTo")
            and self._is_within(order.placed_at, params, "createdFrom", "createdTo")
        )

    def _is_within(
        self, moment: datetime, params: QueryParams, first: str, last: str
    ) -> bool:
        margin = 0 if self._quirks.bounds_inclusive else 1
        begin, end = read_integer(params, first), read_integer(params, last)
        second = seconds_of(moment)
        return (begin is None or second >= begin + margin) and (
            end is None or second <= end - margin
        )

    def _sorted(self) -> list[WebOrder]:
        orders = list(self._state().web_orders.values())
        match self._quirks.sort:
            case "oldest":
                return sorted(orders, key=lambda each: each.placed_at)
            case "updated":
                return sorted(orders, key=lambda each: each.changed_at, reverse=True)
            case "scrambled":
                return sorted(orders, key=_draw)
        return sorted(orders, key=lambda each: each.placed_at, reverse=True)

    def _profile(self) -> dict[str, Any]:
        retailer = self._state().retailer
        return {
            "generalInfo": {"storeUrl": "https://shop.example.com"},
            "account": {"accountName": "Owner", "accountEmail": "owner@example.com"},
            "formatsAndUnits": {
                "currency": retailer.currency,
                "timezone": retailer.time_zone,
                "orderNumberPrefix": "",
                "orderNumberSuffix": "",
            },
        }


def _draw(order: WebOrder) -> float:
    """Return a place for an order that has to do with nothing else of it."""
    return Random(order.order_number).random()


def seconds_of(moment: datetime) -> int:
    """Return a moment as the interface counts time."""
    return int(moment.timestamp())


def written_date(moment: datetime) -> str:
    """Return a moment as ``2024-05-01 05:26:28 +0000``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +0000")


def internal_id(order_number: str) -> int:
    """Return the number that the web shop has for an order, unlike its id."""
    return FIRST_INTERNAL_ID + Random(order_number).randrange(100_000_000)


def write_gone(order: DeletedWebOrder) -> dict[str, Any]:
    """Return what is said of a deleted order."""
    return {
        "id": internal_id(order.order_number),
        "orderId": order.order_number,
        "date": written_date(order.deleted_at),
    }


def write_order(order: WebOrder, *, is_loud: bool) -> dict[str, Any]:
    """Return one order whole; the id of its sale in capitals, if *is_loud*."""
    given_back = sum((each.amount for each in order.refunds), Decimal(0))
    return {
        "id": order.order_number,
        "vendorOrderNumber": order.order_number,
        "publicUid": order.order_number,
        "internalId": internal_id(order.order_number),
        "orderNumber": internal_id(order.order_number),
        "createDate": written_date(order.placed_at),
        "createTimestamp": seconds_of(order.placed_at),
        "updateDate": written_date(order.changed_at),
        "updateTimestamp": seconds_of(order.changed_at),
        "paymentStatus": PAYMENT_WORDS.get(order.payment_status, order.payment_status),
        "fulfillmentStatus": FULFILLMENT_WORDS.get(
            order.fulfillment_status, order.fulfillment_status
        ),
        "subtotal": order.subtotal,
        "tax": order.tax,
        "total": order.total,
        "totalBeforeGiftCardRedemption": order.total + order.gift_card,
        "giftCardRedemption": order.gift_card,
        "couponDiscount": order.discount,
        "refundedAmount": given_back,
        "refunds": [
            {"date": written_date(each.refunded_at), "source": "CP"}
            | {"amount": each.amount, "reason": "Called; changed their mind"}
            for each in order.refunds
        ],
        "acceptMarketing": consent_of(order),
        **_credits(order),
        **_personal(order),
        **_ties(order, is_loud),
        "items": [
            {"sku": sku, "name": name, "price": price, "quantity": count}
            for sku, name, price, count in order.lines
        ],
    }


def _credits(order: WebOrder) -> dict[str, Any]:
    """Return what was paid by points and by credit; nothing of an order without."""
    values = {"loyalty": order.loyalty, "storeCredit": order.store_credit}
    return {
        name: {"redemption": {"amount": amount, "cancelled": False}}
        for name, amount in values.items()
        if amount
    }


def _ties(order: WebOrder, is_loud: bool) -> dict[str, Any]:
    """Return which sale of the tills the order is, if the web shop knows one."""
    sale = order.exported_sale_id
    if sale is None:
        return {}
    shown = sale.upper() if is_loud else sale
    return {"externalOrderData": {"externalOrderId": shown, "refererId": "xseries"}}


def _personal(order: WebOrder) -> dict[str, Any]:
    """Return what is personal: all of it but name and e-mail is nobody's business."""
    person = {
        "name": order.name,
        "street": "1 Example Street",
        "city": "Springfield",
        "phone": order.phone or "",
    }
    return {
        "email": order.email or "",
        "ipAddress": "192.0.2.1",
        "customerUserAgent": "Example/1.0",
        "orderComments": 'Please ring;\nthe bell is "broken"',
        "privateAdminNotes": "Called back",
        "billingPerson": person,
        "shippingPerson": person,
    }


# ----------------------------------------------------------------------------------
# Pages, and only the fields that were asked for.


def _page(
    found: Sequence[Found],
    write: Callable[[Found], dict[str, Any]],
    params: QueryParams,
    fault: FaultKind | None,
    total_off_by: int = 0,
) -> Reply:
    """Return one page of what was *found*; perhaps an untrue one."""
    limit = min(read_integer(params, "limit") or 10, MOST_ON_A_PAGE)
    asked = offset = read_integer(params, "offset") or 0
    if fault is FaultKind.REPEATED_ROWS:
        offset = max(0, offset - REPEATED_ROWS)
    if fault is FaultKind.STUCK_VERSION:
        offset = 0
    items = [write(each) for each in found[offset : offset + limit]]
    if fault is FaultKind.EMPTY_PAGES:
        items = []
    if fault is FaultKind.POISONED_VERSION and items and "updateTimestamp" in items[-1]:
        items[-1]["updateTimestamp"] = POISON
    total = LYING_TOTAL if fault is FaultKind.LYING_TOTAL else len(found) + total_off_by
    body = {"total": total, "count": len(items), "offset": asked, "limit": limit}
    if fault is FaultKind.MISSING_VERSION:
        del body["total"]
    return _json({**body, "items": items}, params)


def _json(body: Mapping[str, Any], params: QueryParams) -> Reply:
    wanted = params.get("responseFields")
    shown = body if not wanted else project(body, read_fields(wanted))
    return Reply(200, written(shown).encode())


Fields = dict[str, "Fields | None"]
"""The fields that are asked for; those below one, or None for all of it."""


def read_fields(text: str) -> Fields:
    """Read ``total,items(id,billingPerson(name))``.

    Raises:
        BadRequest: its brackets do not match, or a name is empty.
    """
    fields: Fields = {}
    outer: list[Fields] = []
    last = ""
    for sign in [*_signs(text), ","]:
        if sign == "(" and last not in ("", ")"):
            inner: Fields = {}
            fields[last] = inner
            outer.append(fields)
            fields, last = inner, ""
        elif sign == ")" and outer:
            fields, last = outer.pop(), ")"
        elif sign == "," and last:
            last = ""
        elif sign not in "(),":
            fields.setdefault(sign, None)
            last = sign
        else:
            raise BadRequest("responseFields cannot be read")
    if outer:
        raise BadRequest("responseFields cannot be read")
    return fields


def _signs(text: str) -> Iterable[str]:
    """Yield names, commas and brackets."""
    name = ""
    for sign in text:
        if sign in "(),":
            yield from filter(None, (name, sign))
            name = ""
        else:
            name += sign
    yield from filter(None, (name,))


def project(value: Any, fields: Fields | None) -> Any:
    """Return of *value* only what is asked for, however deep it is."""
    if fields is None:
        return value
    if isinstance(value, list):
        return [project(each, fields) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: project(value[name], below)
        for name, below in fields.items()
        if name in value
    }


def written(value: Any) -> str:
    """Return *value* as JSON, every digit of an amount as it is."""
    if isinstance(value, Decimal):
        return number(value, 2)
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)}:{written(each)}" for key, each in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value)
