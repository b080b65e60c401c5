"""A way to the simulated store on which single replies are changed."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from analytics_pipeline_tests.light_run import PatientLightspeed
from analytics_pipeline_tests.simulated_shop import SimulatedShop

Change = Callable[[str, dict[str, Any]], bool]
"""Changes a record that is on its way; false leaves it out."""


class DoctoredTransport(httpx.BaseTransport):
    """Carries requests, and changes the records of the replies on the way back."""

    def __init__(self, change: Change, real: httpx.BaseTransport | None = None) -> None:
        self._change = change
        self._real = real or httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        reply = self._real.handle_request(request)
        content = reply.read()
        path = request.url.path.split("/", 3)[3]
        if reply.status_code == 200:
            body = json.loads(content)
            changed = self._doctored(path, body)
            if changed is None:
                return httpx.Response(404, json={"error": "Not Found"})
            content = json.dumps(changed).encode()
        headers = {"Date": reply.headers["Date"]}
        return httpx.Response(reply.status_code, content=content, headers=headers)

    def _doctored(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        data = body["data"]
        if isinstance(data, list):
            kept = [record for record in data if self._change(path, record)]
            return {**body, "data": kept}
        return body if self._change(path, data) else None

    def close(self) -> None:
        self._real.close()


def doctored(shop: SimulatedShop, change: Change) -> PatientLightspeed:
    """The way to the store of *shop*, its records changed by *change*."""

    class Doctored(PatientLightspeed):
        def open(self) -> Any:  # each client closes its own transport
            self.client_options = {"transport": DoctoredTransport(change)}
            return super().open()

    return Doctored(shop.settings)
