"""Everything put together: the one place that knows all the parts.

``build_definitions`` takes what differs between production, the demo and the tests;
``defs`` is the production call of it, made when Dagster asks for it.
"""

import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial

import dagster as dg

from analytics_pipeline.alerts.delivery import build_alert_sensor, look_from_within
from analytics_pipeline.holding import Notify, Progress, ignore_notice, silent
from analytics_pipeline.orchestration.assets import build_assets, build_outside
from analytics_pipeline.orchestration.jobs import build_jobs, business_days
from analytics_pipeline.orchestration.log_followers import start_followers_deaf
from analytics_pipeline.orchestration.resources import (
    StoredBehindTheGate,
    point_of_sale,
    shop_resource,
)
from analytics_pipeline.orchestration.run_records import build_dead_run_sensor
from analytics_pipeline.orchestration.schedules import (
    build_schedule,
    build_sensors,
)
from analytics_pipeline.orchestration.tills import log_wait
from analytics_pipeline.settings import Settings, load_settings
from analytics_pipeline.shop import (
    OnStored,
    ignore_candidate,
    open_shop,
    system_clock,
)
from analytics_pipeline.storage.machine import allow_more_files


def build_definitions(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = system_clock,
    progress: Progress = silent,
    notify: Notify = ignore_notice,
    on_stored: OnStored = ignore_candidate,
    on_wait: Callable[[float, str], None] = log_wait,
) -> dg.Definitions:
    """Build the assets, checks, jobs, schedule and sensors of one shop."""
    start_followers_deaf()
    days = business_days(settings)
    watched = partial(open_shop, settings, clock)
    tables = dg.Definitions(
        assets=[
            *build_outside(settings.shop_name),
            *build_assets(settings, days, look_from_within),
        ],
        schedules=[build_schedule(settings, days)],
        sensors=[
            *build_sensors(watched),
            build_alert_sensor(watched),
            build_dead_run_sensor(watched),
        ],
        resources={
            "io_manager": StoredBehindTheGate(),
            "shop": shop_resource(partial(watched, progress, notify, on_stored)),
            "lightspeed": point_of_sale(settings, on_wait),
        },
        # One process for all steps: a process for each would cost more than the work.
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(tables, build_jobs(settings.shop_name))


def ignore_previews() -> None:
    """Ignore Dagster's warnings of what a later version may change.

    The version is pinned, and anyone who starts the UI can do nothing about them.
    """
    for kind in (dg.BetaWarning, dg.PreviewWarning):
        warnings.simplefilter("ignore", kind)


@dg.definitions
def defs() -> dg.Definitions:
    """Build the definitions of the configured shop."""
    ignore_previews()
    allow_more_files()
    return build_definitions(load_settings())
