"""A typed contact finds its person, however it was typed (rules 3.2, 3.5)."""

from pathlib import Path

import pytest

from analytics_pipeline.commands.person import find_person, read_people
from analytics_pipeline.shop import open_shop
from analytics_pipeline_tests.system.commands.test_explain import Asked


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path / "data")


def found_by(asked: Asked, *typed: str) -> set[str]:
    """The people that `explain` finds by these words, one of which is typed to it."""
    shop = open_shop(asked.pipeline.settings)
    people = read_people(shop)
    found = {find_person(shop, each, people) for each in typed}
    assert all(f" id {person} " in asked.reported(typed[-1]) for person in found)
    return found


@pytest.mark.parametrize(
    "entered",
    [
        pytest.param("zora@example.com", marks=pytest.mark.nightly),
        "\ufeffZora <ZORA@example.com>;",
    ],
)
def test_an_e_mail_is_found_under_any_decoration_rule_3_2(
    asked: Asked, entered: str
) -> None:
    zora = asked.enrol("Zora", email=entered)
    asked.publish()

    found = found_by(
        asked,
        "zora@example.com",
        "Zora Reed <zora@example.com>",
        "mailto:ZORA@example.com",
        "zo\u200bra@example.com.",
        "zora＠example.com",
    )

    assert found == {zora.id}


def test_a_number_is_found_as_a_spreadsheet_left_it_rule_3_2(asked: Asked) -> None:
    zora = asked.enrol("Zora", phone="2125550171.0")
    asked.publish()

    found = found_by(
        asked,
        "(212) 555-0171",
        "2125550171.0",
        "'+12125550171",
        "\u202d+1 212 555 0171\u202c",
        "212-555-0171;",
    )

    assert found == {zora.id}


def test_colleagues_are_found_by_their_extensions_rules_3_2_and_3_5(
    asked: Asked,
) -> None:
    zora = asked.enrol("Zora", phone="212-555-0171 ext. 5")
    bob = asked.enrol("Bob", mobile="(212) 555-0171 x7")
    asked.publish()

    typed = ("2125550171x5", "+1 212 555 0171;ext=5", "'+12125550171 ext. 5")
    assert found_by(asked, *typed) == {zora.id}
    assert asked.reported("+12125550171 ext. 7").startswith(f"Bob id {bob.id} ")
    both = ", ".join(sorted((zora.id, bob.id)))
    assert f"2 people have this id or customer code or phone number: {both}." in (
        asked.refused("212-555-0171")
    )
    assert "No customer has this" in asked.refused("212-555-0171 x9")
    assert asked.row(zora.id)["Phone"] == "'+12125550171 ext. 5"


def test_the_number_itself_is_of_anyone_who_has_no_extension_rule_3_2(
    asked: Asked,
) -> None:
    asked.enrol("Zora", phone="212-555-0171 ext. 5")
    front = asked.enrol("Front", phone="212-555-0171")
    asked.publish()

    assert asked.reported("2125550171").startswith(f"Front id {front.id} ")


@pytest.mark.parametrize("typed", ["<NoEmail@example.com>", "+1 212 222 2222 x3"])
def test_a_placeholder_is_one_under_its_decoration_rule_3_3(
    asked: Asked, typed: str
) -> None:
    asked.enrol("Jo", phone="212 222 2222 ext. 3", email="noemail@example.com")
    asked.publish()

    assert "is a placeholder and joins no one; 1 record has it" in asked.refused(typed)
