"""A typed contact finds its person, however it was typed (rules 3.2, 3.5)."""

from pathlib import Path

import pytest

from analytics_pipeline.commands.person import find_person, read_people
from analytics_pipeline.shop import open_shop
from analytics_pipeline.simulator.records import Customer
from analytics_pipeline_tests.system.commands.test_explain import Asked

ENTERED = {"una": "una@example.com", "zora": "\ufeffZora <ZORA@example.com>;"}
"""E-mails as they were entered, by the name before the @."""


class Typists(Asked):
    """People whose contacts were entered in many ways, published once."""

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.by_email = {
            name: self.enrol(name, email=entered) for name, entered in ENTERED.items()
        }
        self.of_spreadsheet = self.enrol("Ada", phone="2125550171.0")
        self.extension_5 = self.enrol("Cora", phone="212-555-0172 ext. 5")
        self.extension_7 = self.enrol("Bob", mobile="(212) 555-0172 x7")
        self.enrol("Dora", phone="212-555-0173 ext. 5")
        self.front = self.enrol("Front", phone="212-555-0173")
        self.enrol("Jo", phone="212 222 2222 ext. 3", email="noemail@example.com")
        self.publish()

    def found_by(self, *typed: str) -> set[str]:
        """Return whom `explain` finds by these words, one of which is typed to it."""
        shop = open_shop(self.pipeline.settings)
        people = read_people(shop)
        found = {find_person(shop, each, people) for each in typed}
        assert all(f" id {person} " in self.reported(typed[-1]) for person in found)
        return found


@pytest.fixture(scope="module")
def typists(tmp_path_factory: pytest.TempPathFactory) -> Typists:
    return Typists(tmp_path_factory.mktemp("typists") / "data")


@pytest.mark.nightly
@pytest.mark.parametrize("name", ENTERED)
def test_an_e_mail_is_found_under_any_decoration_rule_3_2(
    typists: Typists, name: str
) -> None:
    found = typists.found_by(
        f"{name}@example.com",
        f"{name.title()} Reed <{name}@example.com>",
        f"mailto:{name.upper()}@example.com",
        f"{name[:2]}\u200b{name[2:]}@example.com.",
        f"{name}＠example.com",
    )

    assert found == {typists.by_email[name].id}


def test_a_number_is_found_as_a_spreadsheet_left_it_rule_3_2(typists: Typists) -> None:
    found = typists.found_by(
        "(212) 555-0171",
        "2125550171.0",
        "'+12125550171",
        "\u202d+1 212 555 0171\u202c",
        "212-555-0171;",
    )

    assert found == {typists.of_spreadsheet.id}


def test_colleagues_are_found_by_their_extensions_rules_3_2_and_3_5(
    typists: Typists,
) -> None:
    cora, bob = typists.extension_5, typists.extension_7

    typed = ("2125550172x5", "+1 212 555 0172;ext=5", "'+12125550172 ext. 5")
    assert typists.found_by(*typed) == {cora.id}
    assert typists.reported("+12125550172 ext. 7").startswith(f"Bob id {bob.id} ")
    assert several(cora, bob) in typists.refused("212-555-0172")
    assert "No customer has this" in typists.refused("212-555-0172 x9")
    assert typists.row(cora.id)["Phone"] == "'+12125550172 ext. 5"


def several(*records: Customer) -> str:
    ids = ", ".join(sorted(record.id for record in records))
    return f"2 people have this id or customer code or phone number: {ids}."


def test_the_number_itself_is_of_anyone_who_has_no_extension_rule_3_2(
    typists: Typists,
) -> None:
    reported = typists.reported("2125550173")

    assert reported.startswith(f"Front id {typists.front.id} ")


@pytest.mark.parametrize("typed", ["<NoEmail@example.com>", "+1 212 222 2222 x3"])
def test_a_placeholder_is_one_under_its_decoration_rule_3_3(
    typists: Typists, typed: str
) -> None:
    error = typists.refused(typed)

    assert "is a placeholder and joins no one; 1 record has it" in error
