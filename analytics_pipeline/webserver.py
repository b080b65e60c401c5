"""Dagster's webserver behind the guard, as a program and as what others load.

``python -m analytics_pipeline.webserver`` takes the words of ``dagster-webserver``.
Where Dagster starts its webserver itself (``analytics-pipeline ui``, ``dagster dev``),
the storage named in ``dagster.yaml`` calls :func:`install` before pages are served.
"""

from typing import Any

from dagster_webserver import cli
from dagster_webserver.webserver import DagsterWebserver
from starlette.middleware import Middleware

from analytics_pipeline.settings import ui_hosts
from analytics_pipeline.web_guard import WebGuard

_BUILD_MIDDLEWARE = DagsterWebserver.build_middleware


def install() -> None:
    """Put the guard before every page that Dagster's webserver serves from now on.

    The middleware is what Dagster lets a webserver of its own kind choose
    (``build_middleware``); the command always makes the one kind, so it is set here.

    Raises:
        WrongUse: ``ANALYTICS_UI_HOSTS`` cannot be used.
    """
    own = ui_hosts()

    def guarded(webserver: DagsterWebserver[Any, Any]) -> list[Middleware]:
        return [Middleware(WebGuard, own=own), *_BUILD_MIDDLEWARE(webserver)]

    DagsterWebserver.build_middleware = guarded  # type: ignore[method-assign,assignment]


def main() -> None:
    """Become the webserver."""
    install()
    cli.main()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
