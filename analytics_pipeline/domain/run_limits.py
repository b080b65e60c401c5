"""How long a run may hold a data directory; no figure depends on it."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class RunLimits:
    """When a run is ended.

    Attributes:
        idle_minutes: so long after it last got on with anything.
        run_hours: so long after it began, whatever it does.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    idle_minutes: float = 60.0
    run_hours: float = 5.0

    def __post_init__(self) -> None:
        """Refuse limits that no run could keep, and limits that are none.

        Raises:
            ValueError: the message names the key.
        """
        for name in ("idle_minutes", "run_hours"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a number above 0")
