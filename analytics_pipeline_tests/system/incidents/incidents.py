"""Every incident, and the table that says shopkeepers of all checks."""

from collections.abc import Iterator

from analytics_pipeline.tables import TABLES
from analytics_pipeline_tests.system.incidents.incident import Incident
from analytics_pipeline_tests.system.incidents.left_out_incidents import (
    OF_MONEY_LEFT_OUT,
)
from analytics_pipeline_tests.system.incidents.program_incidents import OF_THE_PROGRAM
from analytics_pipeline_tests.system.incidents.shop_incidents import OF_THE_SHOP
from analytics_pipeline_tests.system.incidents.web_shop_incidents import (
    OF_THE_WEB_SHOP,
)

INCIDENTS: tuple[Incident, ...] = (
    *OF_THE_SHOP,
    *OF_MONEY_LEFT_OUT,
    *OF_THE_WEB_SHOP,
    *OF_THE_PROGRAM,
)

_HEADER = """\
# Every check, and what trips it

Each table is checked before it replaces the stored one. A check that **stops**
keeps the last good table and everything below it as it was; one that **warns** says so,
and the table is stored. Each fault here is made in a shop of eleven ordinary weeks by
`analytics_pipeline_tests/system/incidents`, which hold this page and the checks in
step. Ninety ordinary days of the same shop trip none of them.

Some failures may be real: a person may accept one with
`update --accept CHECK --reason TEXT` where the last column says so.

| table | check | what is so when all is well | a failure | such as | may be accepted |
|---|---|---|---|---|---|
"""


def write_table() -> str:
    """Return ``docs/checks.md``: one row a check, with the faults that trip it."""
    return _HEADER + "".join(f"| {' | '.join(row)} |\n" for row in _rows())


def _rows() -> Iterator[tuple[str, ...]]:
    for spec in TABLES.values():
        for name, check in spec.all_checks.items():
            tripped = [
                each
                for each in INCIDENTS
                if (each.table, each.check) == (spec.name, name)
            ]
            yield (
                f"`{spec.name}`",
                f"`{name}`",
                check.sentence,
                " or ".join(sorted({_word(each.severity) for each in tripped})),
                "; ".join(_with_severity(each, tripped) for each in tripped),
                "yes" if check.may_be_accepted else "",
            )


def _with_severity(incident: Incident, among: list[Incident]) -> str:
    """Return the fault, and what it does where others do something else."""
    same = len({each.severity for each in among}) == 1
    return incident.fault if same else f"{incident.fault} ({_word(incident.severity)})"


def _word(severity: str) -> str:
    return {"ERROR": "stops", "WARN": "warns"}[severity]
