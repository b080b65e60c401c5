"""The running shop: its clock, its furniture and its people in one hand."""

from dataclasses import dataclass, field
from random import Random
from string import ascii_uppercase, digits

from analytics_pipeline.simulator.events import Timeline
from analytics_pipeline.simulator.people import Crowd
from analytics_pipeline.simulator.premises import Premises

LETTERS = ascii_uppercase + digits


@dataclass(slots=True)
class WebShop:
    """What the web shop remembers between orders."""

    last_number: int = 1000
    user_id: str = ""
    synced: list[str] = field(default_factory=list)
    prefix: str = ""
    suffix: str = ""
    digits: int = 0
    lost: int = 0
    has_random_ids: bool = False

    @property
    def order_number(self) -> str:
        """The number of the latest order, as the shop's owner wants numbers.

        Web shops made since September 2020 draw a letter and four letters or digits.
        """
        if self.has_random_ids:
            rng = Random(f"order {self.last_number}")
            drawn = [rng.choice(ascii_uppercase), *rng.choices(LETTERS, k=4)]
            return f"{self.prefix}{''.join(drawn)}{self.suffix}"
        return f"{self.prefix}{self.last_number:0{self.digits}d}{self.suffix}"


@dataclass(slots=True)
class Shop:
    """Everything that an event may need."""

    timeline: Timeline
    premises: Premises
    size: int
    crowd: Crowd = field(default_factory=Crowd)
    web: WebShop = field(default_factory=WebShop)
    invoices: dict[str, int] = field(default_factory=dict)
    recent: list[str] = field(default_factory=list)
    oddities: bool = True
    mishaps: bool = False

    def next_invoice(self, register_id: str) -> str:
        """Count a till's receipts; tills count apart, so numbers repeat (API §3.1)."""
        number = self.invoices.get(register_id, 0) + 1
        self.invoices[register_id] = number
        return str(number)
