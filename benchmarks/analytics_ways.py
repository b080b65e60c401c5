"""The analytics of a day by the product's own steps."""

from analytics_pipeline.assets.customer_analytics import list_people
from analytics_pipeline.assets.customer_identities import load_identities
from analytics_pipeline.assets.purchases import open_day
from analytics_pipeline.domain.analytics import measure_people
from analytics_pipeline.model.schemas.customers import CustomerAnalytics
from analytics_pipeline.storage.parquet import shape
from benchmarks.analytics_result import LAST, evaluate
from benchmarks.invented_shop import shop_in
from benchmarks.worker import Outcome, Stopwatch


def product(stopwatch: Stopwatch, folder: str, days: int) -> Outcome:
    """Run the steps that the asset runs, from the stored tables to the frame."""
    with stopwatch.running():
        shop = shop_in(folder, days)
        identities = load_identities(shop)
        ledger = open_day(shop, identities, LAST)
        people = list_people(identities)
        figures = measure_people(ledger.purchases, people, shop.policy, LAST)
        frame = shape(shop.engine.to_pandas(figures), CustomerAnalytics)
    return evaluate(frame)
