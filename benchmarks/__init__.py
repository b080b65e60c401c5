"""The product against named peers, on the same generated files, on this machine.

``python -m benchmarks`` runs everything and writes the tables of
``docs/performance.md``; ``--quick`` tries the same programs on small files.

``sections`` lists the benchmarks.  ``harness`` runs each measure in a process of its
own (``worker``), product and peers in turn, and stops if their results differ;
``results`` keeps the figures, ``document`` and ``chart`` show them.  Each benchmark is
a module that plans, and modules that its measures live in: those import what they
measure, the planning ones do not, so that no process holds another's libraries.
"""
