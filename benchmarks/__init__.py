"""The product against named peers, on the same generated files, on this machine.

``python -m benchmarks`` runs everything and writes the tables of
``docs/performance.md``; ``--quick`` tries the same programs on small files; ``--check``
holds what was measured against the goals (``budgets``).

Each benchmark is one module: it plans, and has the functions that are measured.
``harness`` runs each of these in a process of its own (``worker``), product and peers
in turn, and stops if their results differ; ``results`` keeps the figures, ``document``
and ``chart`` show them.  What is measured is imported within the functions alone, so
that no process holds another's libraries.
"""

from datetime import date

LAST = date(2026, 6, 30)
"""The day that everything is as of."""
