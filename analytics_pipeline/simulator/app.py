"""The simulated store as a web application: who may ask, how often, and when.

What is answered is in ``store_api``, who is let in in ``access``.  Here they meet
the faults, the store's clock and the statistics.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import Protocol

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from analytics_pipeline.simulator.access import Access
from analytics_pipeline.simulator.connections import afflicted
from analytics_pipeline.simulator.control import ClockRefused, control_routes
from analytics_pipeline.simulator.ecwid_api import (
    WebShopAccess,
    WebShopApi,
    kind_of_web_request,
)
from analytics_pipeline.simulator.faults import FaultKind, FaultPlan
from analytics_pipeline.simulator.quirks import Quirks, WebShopQuirks
from analytics_pipeline.simulator.records import StoreState
from analytics_pipeline.simulator.replies import (
    JSON,
    Reply,
    damaged,
    http_date,
    reply_at_the_edge,
    response_of,
    too_many_requests,
)
from analytics_pipeline.simulator.store_api import StoreApi, kind_of

WEB_STORE_ID = "10203040"
ANY_METHOD = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class LivingStore(Protocol):
    """A store with a present state, whose clock can be moved forward."""

    @property
    def state(self) -> StoreState:
        """Everything that the store holds now."""

    def advance_to(self, moment: datetime) -> object:
        """Let everything happen up to this moment."""


class Simulator:
    """One simulated store behind HTTP; all its state is behind one lock."""

    def __init__(
        self,
        store: LivingStore,
        api: StoreApi,
        web_api: WebShopApi,
        *,
        access: Access,
        web_access: WebShopAccess,
        faults: FaultPlan,
        clock: Callable[[], datetime] | None,
    ) -> None:
        """Put the store behind its interface; ``build_app`` says what is what."""
        self.lock = RLock()
        self.store = store
        self._api, self._web_api = api, web_api
        self._access, self._web_access = access, web_access
        self._plan = faults
        self._clock = clock
        self._number = 0
        self._kinds: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()

    def now(self) -> datetime:
        """Return where the store's clock is."""
        with self.lock:
            return self.store.state.now

    def use_faults(self, plan: FaultPlan) -> None:
        """Follow another plan; its request number 1 is the next request."""
        with self.lock:
            self._plan = plan
            self._number = 0

    def clear_stats(self) -> None:
        """Count requests from zero again; the fault plan goes on."""
        with self.lock:
            self._kinds.clear()
            self._statuses.clear()

    def stats(self) -> dict[str, object]:
        """Return how many requests there were, by what they asked for and got."""
        with self.lock:
            return {
                "total": self._kinds.total(),
                "kinds": dict(sorted(self._kinds.items())),
                "statuses": dict(sorted(self._statuses.items())),
                "now": self.store.state.now.isoformat(),
            }

    async def answer(self, request: Request) -> Response:
        """Answer a request to the store's interface."""

        def reply(path: str, fault: FaultKind | None) -> Reply:
            return self._stamped(self._reply(request, path, fault))

        return await self._answer(request, reply, kind_of)

    async def answer_for_web_shop(self, request: Request) -> Response:
        """Answer a request to the web shop's interface."""

        def reply(path: str, fault: FaultKind | None) -> Reply:
            found = self._web_reply(request, path, fault)
            date = {"Date": http_date(self.store.state.now)}
            return replace(found, headers={**date, **found.headers})

        def kind(path: str, _params: object) -> str:
            return kind_of_web_request(path)

        return await self._answer(request, reply, kind)

    async def _answer(
        self,
        request: Request,
        reply_to: Callable[[str, FaultKind | None], Reply],
        kind: Callable[[str, QueryParams], str],
    ) -> Response:
        """Count a request, and answer it with the fault that it meets."""
        with self.lock:
            path: str = request.path_params["path"]
            self._number += 1
            plan, fault = self._plan, self._plan.fault_at(self._number)
            self._keep_time()
            reply = reply_to(path, fault)
            self._kinds[kind(path, request.query_params)] += 1
            self._statuses[str(reply.status)] += 1
        return await afflicted(response_of(reply), fault, plan, request)

    def _web_reply(self, request: Request, path: str, fault: FaultKind | None) -> Reply:
        now = self.store.state.now
        if fault is FaultKind.RATE_LIMITED:
            return too_many_requests(now, self._plan.retry_after_seconds, "seconds")
        reply = reply_at_the_edge(fault)
        if reply is None:
            revoked = fault is FaultKind.TOKEN_REVOKED
            reply = self._web_access.refusal(request, path, now, revoked=revoked)
        if reply is None:
            answered = self._web_api.answer(path, request.query_params, fault)
            reply = damaged(answered, fault)
        return reply

    def _reply(self, request: Request, path: str, fault: FaultKind | None) -> Reply:
        state = self.store.state
        if fault is FaultKind.RATE_LIMITED:
            return self._access.slow_down(state.now, self._plan.retry_after_seconds)
        reply = reply_at_the_edge(fault)
        if reply is None:
            revoked = fault is FaultKind.TOKEN_REVOKED
            reply = self._access.refusal(request, state, revoked=revoked)
        if reply is None:
            answered = self._api.answer(path, request.query_params, fault)
            reply = damaged(answered, fault)
        return reply

    def _keep_time(self) -> None:
        """In live mode let the store catch up; its clock never goes back."""
        if self._clock is not None:
            self.store.advance_to(max(self._clock(), self.store.state.now))

    def _stamped(self, reply: Reply) -> Reply:
        """Add the store's own time, and on JSON what is left of the rate limit."""
        state = self.store.state
        headers = {"Date": http_date(state.now)}
        if reply.content_type == JSON and reply.body:
            headers |= self._access.headers(state, reply)
        return replace(reply, headers={**headers, **reply.headers})

    def advance_to(self, moment: datetime) -> datetime:
        """Move the store's clock forward and return where it is.

        Raises:
            ClockRefused: the store follows a live clock, or time would go back.
        """
        with self.lock:
            if self._clock is not None:
                raise ClockRefused("The store follows a live clock")
            if moment < self.store.state.now:
                raise ClockRefused("The store's clock never goes back")
            self.store.advance_to(moment)
            return self.store.state.now


def build_app(
    store: LivingStore,
    *,
    token: str,
    domain_prefix: str = "demo",
    page_limit: int = 1000,
    search_limit: int = 1000,
    rate_limit: int | None = None,
    faults: FaultPlan | None = None,
    clock: Callable[[], datetime] | None = None,
    quirks: Quirks | None = None,
    web_quirks: WebShopQuirks | None = None,
) -> Starlette:
    """Return the simulated store as a web application.

    Args:
        store: what is served.
        token: the only token that is accepted, by the web shop too.
        domain_prefix: the store's name in the vendor's domain.
        page_limit: the largest page of a feed; more is clamped.
        search_limit: the largest page of a search; more is clamped.
        rate_limit: requests per window; without it 300 for each register and 50.
        faults: which requests fail, and how.
        clock: live mode: the store catches up with this clock at each request.
        quirks: how the store behaves where the interface's documents are silent.
        web_quirks: how the web shop behaves where its documents are silent.

    The ``Simulator`` behind it is ``app.state.simulator``.
    """
    chosen = quirks or Quirks()
    access = Access(token, domain_prefix, rate_limit, chosen)
    api = StoreApi(lambda: store.state, page_limit, search_limit, chosen)
    web = web_quirks or WebShopQuirks()
    simulator = Simulator(
        store,
        api,
        WebShopApi(lambda: store.state, web),
        access=access,
        web_access=WebShopAccess(WEB_STORE_ID, token, rate_limit, web),
        faults=faults or FaultPlan(),
        clock=clock,
    )
    app = Starlette(routes=_routes_to(simulator))
    app.state.simulator = simulator
    return app


def _routes_to(simulator: Simulator) -> list[Route]:
    """Return the paths of the web shop, of the tills, and of the simulator itself."""
    return [
        Route("/api/v3/{path:path}", simulator.answer_for_web_shop, methods=ANY_METHOD),
        Route("/api/{path:path}", simulator.answer, methods=ANY_METHOD),
        *control_routes(simulator),
    ]
