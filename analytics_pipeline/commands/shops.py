"""Which shop a command is for: the only one, the one named, or each of a chain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from analytics_pipeline.chain import Chain, find_chain, shop_in_environment
from analytics_pipeline.commands.entry import Typed
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.errors import WrongUse
from analytics_pipeline.settings import Settings, load_settings


def settings_of_one(typed: Typed, terminal: Terminal) -> Settings:
    """Return the settings of the only shop, or of the one that was named.

    Raises:
        WrongUse: there are several and none was named, or the other way round, or the
            settings cannot be used.
    """
    chain, name = find_chain(), typed.shop or shop_in_environment()
    if chain is None:
        return _settings_without_chain(name)
    if name is None:
        first = min(chain.shops, default=chain.names[0])
        raise WrongUse(
            f"This is a chain of {len(chain.names)} shops: {', '.join(chain.names)}.",
            f"Say which one: analytics-pipeline --shop {first} {typed.command}",
        )
    return _open(chain, name, terminal)


def settings_of_none(typed: Typed) -> Settings:
    """Return the settings of the environment, for a command that is about no shop.

    Raises:
        WrongUse: a shop was named, or the settings cannot be used.
    """
    if typed.shop is not None:
        raise WrongUse(
            f"{typed.command} is about no single shop, so it takes no --shop.",
            f"Run: analytics-pipeline {typed.command}",
        )
    return load_settings()


@dataclass(frozen=True, slots=True)
class Turns:
    """What opens the settings of each shop that is meant, by its name if it has one.

    ``is_chain`` says that all of a chain are meant, be they one or many.
    """

    shops: Mapping[str | None, Callable[[], Settings]]
    is_chain: bool


def shops_in_turn(typed: Typed, terminal: Terminal) -> Turns:
    """Return what opens the settings of each shop: the one named, else all.

    A shop whose settings cannot be used fails when it is opened, by itself.

    Raises:
        WrongUse: the chain has no shop.
    """
    chain, name = find_chain(), typed.shop or shop_in_environment()
    if chain is None:
        return Turns({None: partial(_settings_without_chain, name)}, is_chain=False)
    names = [name] if name else chain.names
    openers: dict[str | None, Callable[[], Settings]] = {
        each: partial(_open, chain, each, terminal) for each in names
    }
    return Turns(openers, is_chain=name is None)


def _settings_without_chain(name: str | None) -> Settings:
    if name is not None:
        raise WrongUse(
            f"A shop was named ({name}), but ANALYTICS_SHOPS is not set: there is only "
            "one shop.",
            "Leave out --shop and ANALYTICS_SHOP, or set ANALYTICS_SHOPS to the folder "
            "of the shops' files.",
        )
    return load_settings()


def _open(chain: Chain, name: str, terminal: Terminal) -> Settings:
    """Return the settings of one shop, which the terminal speaks of from now on."""
    # A shop that was told of gives no name to the fault of the next.
    terminal.shop = None
    settings = chain.settings_of(name)
    terminal.shop = name
    if settings.exposure:
        terminal.warn(settings.exposure)
    return settings
