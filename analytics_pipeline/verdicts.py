"""What every check said last, from Dagster's records, for the report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from analytics_pipeline.catalogue import Catalogue
from analytics_pipeline.domain.findings import ACCEPTED
from analytics_pipeline.domain.incidents import Incidents, group_warnings
from analytics_pipeline.domain.verdicts import Outcome, Verdict


def read_verdicts(
    instance: dg.DagsterInstance, catalogue: Catalogue, but: str
) -> list[Verdict]:
    """Return the last outcome of each check of every table *but* that one."""
    keys = [
        (contract.name, dg.AssetCheckKey(contract.asset_key, name))
        for contract in catalogue.all
        if contract.name != but
        for name in contract.all_checks
    ]
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [key for _, key in keys]
    )
    return [_read(table, key, records) for table, key in keys]


def keep_warnings(verdicts: Sequence[Verdict], incidents: Incidents) -> list[Verdict]:
    """Return the verdicts, a check as warning while it warns of some earlier day.

    So that as many are told as `status` tells, which forgets no day of the last weeks.
    """
    warnings = group_warnings(incidents)
    return [
        replace(
            each,
            outcome=Outcome.WARNS,
            sentence=warnings[each.table, each.check][-1].sentence,
            day=warnings[each.table, each.check][-1].subject[2],
        )
        if each.outcome is Outcome.PASSED and (each.table, each.check) in warnings
        else each
        for each in verdicts
    ]


def _read(
    table: str,
    key: dg.AssetCheckKey,
    records: Mapping[dg.AssetCheckKey, AssetCheckExecutionRecord],
) -> Verdict:
    """Return the last outcome of one check."""
    record = records.get(key)
    done = (
        AssetCheckExecutionRecordStatus.SUCCEEDED,
        AssetCheckExecutionRecordStatus.FAILED,
    )
    event = record.event if record else None
    if record is None or record.status not in done or event is None:
        return Verdict(table, key.name, Outcome.NOT_RUN, "It has not come to it yet.")
    evaluation = event.get_dagster_event().asset_check_evaluation_data
    if evaluation.passed or ACCEPTED in evaluation.metadata:
        outcome = Outcome.PASSED
    elif evaluation.severity is dg.AssetCheckSeverity.WARN:
        outcome = Outcome.WARNS
    else:
        outcome = Outcome.FAILED
    sentence = evaluation.description or ""
    return Verdict(table, key.name, outcome, sentence, evaluation.partition or "")
