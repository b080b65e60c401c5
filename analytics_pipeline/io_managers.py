"""What Dagster's I/O manager does here: nothing, and it makes sure of that.

A table is stored behind its gate, by the gate, and read from the warehouse by whoever
builds on it; no value is handed from step to step.  Dagster's own I/O manager would
pickle that nothing, and refuses a range of partitions.
"""

from typing import Any

import dagster as dg


class StoredBehindTheGate(dg.IOManager):
    """Takes the empty output of an asset whose table is stored already."""

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Store nothing; a table handed over here would have passed no gate."""
        if obj is not None:
            raise TypeError(f"{context.step_key} handed on a table past its gate")

    def load_input(self, context: dg.InputContext) -> Any:
        """Refuse: tables are read from the warehouse, behind their gate."""
        raise TypeError(f"{context.name} must be read from the warehouse")
