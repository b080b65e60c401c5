"""The examples that the help of each command ends with; a test tries each of them.

Imported before it is known which command is wanted, so it imports little itself.
"""

from collections.abc import Mapping, Sequence

PROGRAM = "analytics-pipeline"
WIDEST, ROOM = 46, 78

EXAMPLES: Mapping[str, Sequence[tuple[str, str]]] = {
    "": (
        ("demo", "see it work: no account, no key"),
        ("doctor", "is everything set up right?"),
        ("update", "publish the master of yesterday"),
        ("status", "what is published, what to do"),
        ("--shop berlin update", "of one shop of a chain"),
        ("--install-completion", "let Tab complete all this"),
    ),
    "demo": (
        ("demo", "one store"),
        ("demo --shops 3", "a chain of three, one of which fails"),
    ),
    "update": (
        ("update", "yesterday"),
        ("update --days 30", "and look 30 days back for gaps"),
        ("update --as-of 2026-01-31", "as it was in January"),
        ("update --quiet", "for cron: only what is wrong"),
        (
            'update --accept no_person_vanished --reason "Cleared"',
            "what a gate found is real: publish it, this once",
        ),
    ),
    "rebuild": (
        ("rebuild", "everything, up to yesterday"),
        ("rebuild --as-of 2026-01-31", "up to the end of January"),
    ),
    "import-ecom": (
        ("import-ecom orders.csv", "then run update"),
        ("import-ecom orders.csv --json", "what it holds, for a program"),
        (
            "import-ecom o.csv --accept export_is_complete --reason Gone",
            "so many orders are really gone: take it, this once",
        ),
    ),
    "replay": (("replay", "after an update of this program"),),
    "status": (
        ("status", "one screen for the morning"),
        ("status --json", "the same for a monitor"),
        ("status --quiet", "for cron: silent while all is well"),
    ),
    "explain": (
        ("explain ann@example.com", "by e-mail, code, id …"),
        ('explain "(212) 555-0101"', "… or phone number"),
        ("explain ANN-0001 --as-of 2026-01-31", "as it was in January"),
    ),
    "alert-test": (
        ("alert-test", "every channel of ALERT_URLS"),
        ("--shop berlin alert-test", "those of one shop of a chain"),
    ),
    "doctor": (
        ("doctor", "before the first update, or when one fails"),
        ("doctor --json", "the same for a program"),
        ("--shop berlin doctor", "one shop of a chain"),
    ),
    "simulate": (
        ("simulate", "a store that answers well"),
        ("simulate --faults 7", "one request in ten fails"),
    ),
    "ui": (
        ("ui", "then open http://127.0.0.1:3000"),
        ("ui --port 3333", "where 3000 is taken"),
    ),
}
"""By command: what is typed after the program's name, and what that is for."""


def epilog_of(command: str) -> str:
    """Return the examples of *command*, below each other, what they are for beside."""
    lines = [(f"{PROGRAM} {typed}", purpose) for typed, purpose in EXAMPLES[command]]
    width = max(len(line) for line, _ in lines if len(line) <= WIDEST + len(PROGRAM))
    told = []
    for line, purpose in lines:
        comment = f"# {purpose}"
        if max(len(line), width) + len(comment) + 2 <= ROOM:
            told.append(f"{line.ljust(width)}  {comment}")
        else:
            told += [comment, line]
    return "\n".join(["[bold]Examples[/bold]", *told])
