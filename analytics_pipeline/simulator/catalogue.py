"""The products that the store lists: in families, with brands, and changing over time.

The catalogue has a chance and a count of versions of its own, so that whatever happens
to it, every sale of a seed is as it was without it.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from random import Random
from uuid import UUID, uuid5

from analytics_pipeline.simulator.premises import GOODS, Premises, Product
from analytics_pipeline.simulator.records import ListedProduct, StoreState

FIRST_VERSION = 20_000_000_000
LARGEST_VERSION_GAP = 17
IN_A_FAMILY = 3
"""How many variants a family has at the opening."""

ALONE = 3
"""So many of the kinds of goods have no variants."""

COLOURS = ("Moss", "Sand", "Ink", "Rust", "Chalk")
CATEGORIES = ("Clothing", "Home", "Garden", "Paper & gifts")
BRANDS = ("Fern & Thistle", "Hollow Oak", None)
SUPPLIERS = ("Northside Wholesale", "Dale; Sons", None)


class Catalogue:
    """Lists what the shelf sells, and changes some of it on most days."""

    def __init__(self, seed: int, state: StoreState) -> None:
        """List nothing yet."""
        self._seed = seed
        self._state = state
        self._gaps = Random(f"{seed}/catalogue versions")

    @property
    def _listed(self) -> dict[str, ListedProduct]:
        return self._state.products

    def list_goods(self, premises: Premises, moment: datetime) -> None:
        """List the goods of the shelf, and what is sold without lying on it."""
        rng = Random(f"{self._seed}/catalogue")
        for number, goods in enumerate(premises.products):
            self._list_from_shelf(rng, number, goods, premises.products, moment)
        others: Mapping[str, str] = {
            "Shipping": premises.shipping_product_id,
            "Discount": premises.discount_product_id,
            "Gift card": premises.gift_card_product_id,
        }
        for name, product_id in others.items():
            self._list(product_id, name, name, name.lower(), moment)

    def _list_from_shelf(
        self,
        rng: Random,
        number: int,
        goods: Product,
        shelf: list[Product],
        moment: datetime,
    ) -> None:
        """List one of the goods: three of a kind are a family, of most kinds."""
        kind, of_kind = number % len(GOODS), number // len(GOODS)
        product = self._list(goods.id, goods.name, goods.name, goods.sku, moment)
        product.category = CATEGORIES[kind % len(CATEGORIES)]
        product.brand = BRANDS[kind % len(BRANDS)]
        product.supplier = rng.choice(SUPPLIERS)
        if kind >= len(GOODS) - ALONE:
            return
        parent = shelf[number - of_kind % IN_A_FAMILY * len(GOODS)]
        product.name = parent.name
        product.variant_name = f"{parent.name} / {COLOURS[of_kind % IN_A_FAMILY]}"
        product.parent_id = None if parent is goods else parent.id

    def _list(
        self, product_id: str, name: str, variant_name: str, sku: str, moment: datetime
    ) -> ListedProduct:
        version = self._next_version()
        product = ListedProduct(product_id, name, variant_name, sku, version, moment)
        self._listed[product_id] = product
        return product

    def change(self, day: date, moment: datetime) -> None:
        """Change what the draw of *day* says, which is nothing on some days."""
        rng = Random(f"{self._seed}/catalogue/{day.isoformat()}")
        changes: tuple[tuple[Callable[[Random, datetime], object], float], ...] = (
            (self._rename, 0.3),
            (self._add_variant, 0.15),
            (self._move, 0.1),
            (self._switch, 0.1),
            (self._delete_or_restore, 0.1),
        )
        for happens, probability in changes:
            if rng.random() < probability:
                happens(rng, moment)

    def _rename(self, rng: Random, _moment: datetime) -> None:
        """Give a whole family another name, as staff do."""
        chosen = self._draw(rng)
        name = f"{chosen.name.partition(' (')[0]} ({rng.randint(2, 99)})"
        for each in self._family_of(chosen):
            suffix = each.variant_name.partition(" / ")
            each.name, each.variant_name = name, f"{name}{suffix[1]}{suffix[2]}"
            each.version = self._next_version()

    def _add_variant(self, rng: Random, moment: datetime) -> None:
        """List one more variant, which no one has bought yet."""
        first = self._family_of(self._draw(rng))[0]
        number = len(self._listed)
        product_id = str(uuid5(UUID(self._state.retailer.id), f"product {number}"))
        variant_name = f"{first.name} / {rng.choice(COLOURS)} {number}"
        added = self._list(
            product_id, first.name, variant_name, f"NEW-{number:04d}", moment
        )
        added.parent_id = first.parent_id or first.id
        added.category, added.brand = first.category, first.brand
        added.supplier = first.supplier

    def _move(self, rng: Random, _moment: datetime) -> None:
        """Put a family into another category, and let another one supply it."""
        chosen = self._draw(rng)
        category, supplier = rng.choice(CATEGORIES), rng.choice(SUPPLIERS)
        for each in self._family_of(chosen):
            each.category, each.supplier = category, supplier
            each.version = self._next_version()

    def _switch(self, rng: Random, _moment: datetime) -> None:
        """Take a product out of the range, or back in."""
        chosen = self._draw(rng)
        chosen.is_active = not chosen.is_active
        chosen.version = self._next_version()

    def _delete_or_restore(self, rng: Random, moment: datetime) -> None:
        """Delete a product; if one is deleted already, it may come back."""
        deleted = [each for each in self._listed.values() if each.deleted_at]
        chosen = rng.choice(deleted) if deleted and rng.random() < 0.3 else None
        if chosen is None:
            chosen = self._draw(rng)
        chosen.deleted_at = None if chosen.deleted_at else moment
        chosen.version = self._next_version()

    def _draw(self, rng: Random) -> ListedProduct:
        """Draw a product that is not deleted."""
        return rng.choice(
            [each for each in self._listed.values() if each.deleted_at is None]
        )

    def _family_of(self, product: ListedProduct) -> list[ListedProduct]:
        """Return the members of a family that are not deleted, its parent first."""
        family = product.parent_id or product.id
        return [
            each
            for each in self._listed.values()
            if family in (each.id, each.parent_id) and each.deleted_at is None
        ]

    def _next_version(self) -> int:
        """Count on, with a gap, from the highest version that any product has."""
        versions = (each.version for each in self._listed.values())
        gap = 1 + int(self._gaps.random() * LARGEST_VERSION_GAP)
        return max(versions, default=FIRST_VERSION) + gap
