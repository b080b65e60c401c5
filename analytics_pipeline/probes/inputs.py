"""What lies in the data directory for the pipeline to read: export, key and settings.

Changes nothing: a key that is lacking is not made here.
"""

from analytics_pipeline.domain.contacts import ContactKeys
from analytics_pipeline.domain.findings import Finding
from analytics_pipeline.shop import Shop
from analytics_pipeline.sources.ecom_export import read_ecom_export
from analytics_pipeline.sources.placed_files import is_placed
from analytics_pipeline.steps import ecom_orders
from analytics_pipeline.storage.identity_key import KEY_BYTES, read_identity_key


def read_export(shop: Shop) -> tuple[int, Finding] | None:
    """Read the web shop's export, if there is one: how many orders, and how old.

    Raises:
        WrongUse: it cannot be used.
    """
    path = ecom_orders.export_path(shop)
    if not is_placed(path):
        return None
    no_ones = ContactKeys(bytes(KEY_BYTES), shop.policy.phone_region, shop.policy)
    read = read_ecom_export(path, no_ones, shop.settings.time_zone, shop.export_dialect)
    age = ecom_orders.age_of(shop, path)
    return len(read.orders), ecom_orders.judge_age(age, path.name)


def has_lost_its_key(shop: Shop) -> bool:
    """Say whether customers are stored but the key that hashed their contacts is gone.

    Raises:
        LocalFailure: the key is damaged.
        StoreFailure: the bucket of the tables could not be used.
    """
    path = shop.settings.data_dir / ".identity_key"
    if path.exists():
        read_identity_key(path)
        return False
    return shop.warehouse.exists("customers")
