"""A chain: several shops in one deployment, each with a configuration of its own.

``ANALYTICS_SHOPS`` names a folder.  Every ``NAME.env`` in it is a shop called NAME.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop_file import ShopOfChain, read_shop


class _Deployment(BaseSettings):
    """What the environment, or ``.env``, says of the deployment beside its shops."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", env_ignore_empty=True
    )

    folder: Path | None = Field(None, alias="ANALYTICS_SHOPS")
    shop: str | None = Field(None, alias="ANALYTICS_SHOP")
    data_dir: Path = Field(Path("data"), alias="ANALYTICS_DATA_DIR")


@dataclass(frozen=True, slots=True)
class Chain:
    """The shops of a deployment by name, and those that cannot be used, with why.

    ``data_dir`` holds Dagster's records and, unless a shop says otherwise, its data.
    """

    folder: Path
    data_dir: Path
    shops: Mapping[str, ShopOfChain]
    faults: Mapping[str, WrongUse]

    @property
    def names(self) -> list[str]:
        """Every shop, usable or not."""
        return sorted({*self.shops, *self.faults})

    def settings_of(self, name: str) -> ShopOfChain:
        """Return the settings of one shop.

        Raises:
            WrongUse: there is no such shop, or its file cannot be used.
        """
        if name in self.faults:
            raise self.faults[name]
        if name not in self.shops:
            raise WrongUse(
                f"There is no shop {name!r} in {self.folder}.",
                f"Choose one of these: {', '.join(self.names)}.",
            )
        return self.shops[name]


def find_chain() -> Chain | None:
    """Return the chain that the environment names; nothing for a shop by itself.

    Raises:
        WrongUse: the folder is missing or holds no shop.
    """
    deployment = _Deployment()
    if deployment.folder is None:
        return None
    return read_chain(deployment.folder, deployment.data_dir)


def shop_in_environment() -> str | None:
    """Return the shop that ``ANALYTICS_SHOP`` means, if it is set."""
    return _Deployment().shop


def read_chain(folder: Path, data_dir: Path) -> Chain:
    """Read every shop of *folder*; a file that cannot be used harms no other shop.

    Raises:
        WrongUse: the folder is missing or holds no shop.
    """
    folder, data_dir = folder.resolve(), data_dir.resolve()
    files = sorted(folder.glob("*.env"))
    if not files:
        raise WrongUse(
            f"ANALYTICS_SHOPS: {folder} holds no file NAME.env, so no shop.",
            "Write one for each shop, or unset ANALYTICS_SHOPS if there is only one.",
        )
    shops: dict[str, ShopOfChain] = {}
    faults: dict[str, WrongUse] = {}
    for file in files:
        try:
            shops[file.stem] = read_shop(file, data_dir)
        except WrongUse as fault:
            faults[file.stem] = fault
    faults |= (clashes := _find_clashes(shops))
    sound = {name: each for name, each in shops.items() if name not in clashes}
    return Chain(folder, data_dir, sound, faults)


def _find_clashes(shops: Mapping[str, ShopOfChain]) -> dict[str, WrongUse]:
    """Return the shops that are the same store, or would write into one place."""
    faults: dict[str, WrongUse] = {}
    for (left, ours), (right, theirs) in combinations(shops.items(), 2):
        for shared in _shared(ours, theirs):
            fault = WrongUse(
                f"The shops {left} and {right} have {shared}, so neither is used.",
                f"Correct {ours.file} or {theirs.file}.",
            )
            faults |= {left: fault, right: fault}
    return faults


def _shared(ours: ShopOfChain, theirs: ShopOfChain) -> Iterator[str]:
    """Say what two shops share, but may not."""
    if str(ours.domain_prefix).lower() == str(theirs.domain_prefix).lower():
        yield "the same LIGHTSPEED_DOMAIN_PREFIX"
    if any(_overlap(a, b) for a in _places(ours) for b in _places(theirs)):
        yield "the same ANALYTICS_DATA_DIR or ANALYTICS_STORE, or one in the other"


def _places(settings: Settings) -> list[str]:
    """Return the folders and URLs that a shop writes to, each ending with a slash."""
    places = (str(settings.data_dir), settings.warehouse_url)
    return [place.rstrip("/") + "/" for place in places]


def _overlap(ours: str, theirs: str) -> bool:
    """Say whether one place is the other, or lies in it."""
    return ours.startswith(theirs) or theirs.startswith(ours)
