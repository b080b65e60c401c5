"""What a person sees who asks why a customer's row is what it is."""

import copy
import csv
import json
import shutil
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from analytics_pipeline.cli import app
from analytics_pipeline.commands.explain import explain
from analytics_pipeline.commands.person import find_person, read_people
from analytics_pipeline.commands.tables import print_table
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.shop import Shop, hold_directory, open_shop
from analytics_pipeline.simulator.people import Contact
from analytics_pipeline.simulator.records import Customer, Sale, WebOrder
from analytics_pipeline_tests.light_run import UP_TO_PUBLISHING
from analytics_pipeline_tests.system.histories.in_process import Pipeline, open_pipeline
from analytics_pipeline_tests.system.histories.store_by_hand import (
    BEFORE_CLOCKS_CHANGE,
    Basket,
    StoreByHand,
)

NOON = "12:00"
PAID, UNPAID = ("ACCEPTED", "SHIPPED"), ("QUEUED", "PROCESSING")
WIDEST = 100


class Asked:
    """A store by hand, the pipeline that reads it, and somebody who asks."""

    def __init__(self, data: Path) -> None:
        self.store = StoreByHand(BEFORE_CLOCKS_CHANGE[0])
        self.pipeline: Pipeline = open_pipeline(self.store, data, api_version="2026-07")

    def enrol(self, *names: str, **contacts: str) -> Customer:
        return self.store.enrol(Contact(*names, **contacts))

    def sell(
        self, buyer: Customer | None, amount: str, days_ago: int = 2, **how: Any
    ) -> Sale:
        people = list(self.store.state.customers)
        place = None if buyer is None else people.index(buyer.id)
        dated = (-days_ago, NOON)
        return self.store.sell(
            Basket(Decimal(amount), how.pop("unpaid", Decimal(0))),
            buyer=place,
            dated=dated,
            **how,
        )

    def publish(self) -> None:
        self.pipeline.export()
        self.pipeline.run(self.pipeline.yesterday, tables=UP_TO_PUBLISHING)

    def explain(self, *words: object) -> Result:
        environment = self.pipeline.settings.as_environment()
        asked = ["explain", *map(str, words)]
        return CliRunner().invoke(app, asked, env=environment)

    def reported(self, *words: object) -> str:
        """What is said, in one line, so that it matters not where lines break."""
        result = self.explain(*words)
        assert result.exit_code == 0, result.output
        assert max(map(len, result.stdout.splitlines())) <= WIDEST
        assert "\x1b" not in result.stdout
        return " ".join(result.stdout.split())

    def refused(self, *words: object, code: int = 2) -> str:
        """The error, which repeats nothing of what was typed."""
        result = self.explain(*words)
        assert result.exit_code == code, result.output
        assert result.stdout == ""
        return result.stderr

    def row(self, person: str) -> dict[str, str]:
        path = self.pipeline.data / "customer_analytics_master.csv"
        with path.open(newline="", encoding="utf-8") as stream:
            return next(r for r in csv.DictReader(stream) if r["Customer ID"] == person)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(tmp_path / "data")


LEFT_OUT_FOR = {
    ("CUSTOM_PAYMENT_STATUS_1", "SHIPPED"): (
        "its payment status is not known (CUSTOM_PAYMENT_STATUS_1)"
    ),
    ("SETTLED", "NEW"): "its payment status is not known (SETTLED)",
    ("", "SHIPPED"): "it has no payment status",
    ("DECLINED", "NEW"): "it is not paid (DECLINED)",
    ("CHARGEABLE", "NEW"): "it is not paid (CHARGEABLE)",
}
"""The payment and fulfilment words of a web order, and why it does not count."""
UNKNOWN_COURSE = ("ACCEPTED", "CUSTOM_FULFILLMENT_STATUS_2")
TOO_MANY = {"phone": "(212) 555-0177", "email": "family@example.com"}


SISTERS = "(212) 555-0166"


class Crowd(Asked):
    """Many people who have nothing in common, published once for many questions.

    A return is dated now; the clock is stepped so that its day is over.
    """

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.open_a_chain()
        self.give_back()
        self.store.step_clock(24)
        self.buyers = {
            words: self.order(f"una{number}@example.com", words)
            for number, words in enumerate([*LEFT_OUT_FOR, UNKNOWN_COURSE])
        }
        for kind, contact in TOO_MANY.items():
            for number in range(23):
                self.enrol(f"Ivy {kind} {number}", **{kind: contact})
        self.vi = self.enrol("Vi", phone="555-0123")
        self.jo = self.enrol("Jo", phone="888-888-8888")
        self.enrol("Kim")
        self.store.delete_or_restore(self.enrol("without a code any more"))
        self.odd = self.enrol(
            "[red]Tess[/red]\x1b[2J", "O\u202ewl", email="tess@example.com"
        )
        self.order_online()
        self.share_contacts()
        self.sell_on_two_days()
        self.pipeline.data.mkdir(parents=True)
        self.keep_sisters_apart()
        self.publish()

    def order(self, email: str, words: tuple[str, str]) -> tuple[Customer, WebOrder]:
        buyer = self.enrol("Una", email=email)
        return buyer, self.store.order_online(email, words, Decimal(55), (-2, NOON))

    def sync(self, order: WebOrder, euros: int, how: str, buyer: int | None) -> Sale:
        return self.store.sync(
            order, how=how, basket=Basket(Decimal(euros)), buyer=buyer
        )

    def place_of(self, record: Customer) -> int:
        return list(self.store.state.customers).index(record.id)

    def give_back(self) -> None:
        """Let Dora and Olga return something, she without saying who she is."""
        self.dora = self.enrol("Dora", "Webb", email="dora@example.com")
        self.dora_bought = self.sell(self.dora, "300.00", 101)
        self.sell(self.dora, "400.00", 20)
        self.dora_back = self.store.give_back(self.dora_bought)
        self.first_day = self.store.moment(-101, NOON, "America/New_York").date()
        self.olga = self.enrol("Olga", email="olga@example.com")
        self.olga_bought = self.sell(self.olga, "80.00", 3)
        self.olga_void = self.sell(self.olga, "5.00", 3, status="VOIDED")
        self.olga_due = self.sell(
            self.olga, "12.00", 3, status="AWAITING_PICKUP", unpaid=Decimal("7.00")
        )
        self.olga_back = self.store.give_back(self.olga_bought, nameless=True)

    def open_a_chain(self) -> None:
        """Enrol four records of one person, each with something of the next one."""
        self.chain = [
            self.enrol("Cleo", "Marsh", email="cleo@example.com"),
            self.enrol("Cleo", email="Cleo@Example.com ", phone="(310) 555-0111"),
            self.enrol("C.", "Marsh", mobile="310.555.0111", email="marsh@example.com"),
            self.enrol("Cleo", "M.", email="MARSH@example.com"),
        ]
        for euros, record in enumerate(self.chain, start=1):
            self.sell(record, f"{euros}00.00")

    def order_online(self) -> None:
        """Let Fay buy in the web shop alone, and Bea pick up what Una was repaid."""

        def order(email: str, words: tuple[str, str], euros: int, day: int) -> WebOrder:
            return self.store.order_online(email, words, Decimal(euros), (-day, NOON))

        fay = "Fay.Oak@example.com"
        self.alone = order(fay, PAID, 40, 3)
        self.unpaid = order(fay, UNPAID, 50, 3)
        self.undone = order(fay, ("PAID", "RETURNED"), 60, 2)
        self.synced = order(fay, PAID, 70, 2)
        self.synced_sale = self.sync(self.synced, 70, "source", None)
        self.at_till = order(fay, PAID, 80, 2)
        self.sync(self.at_till, 80, "note", 0)
        self.una = self.enrol("Una", email="una@example.com")
        self.bea = self.enrol("Bea", email="bea@example.com")
        self.repaid = order("una@example.com", ("REFUNDED", "SHIPPED"), 55, 2)
        bea = self.place_of(self.bea)
        self.repaid_sale = self.sync(self.repaid, 55, "source", bea)

    def share_contacts(self) -> None:
        """Enrol two who gave a placeholder, a walk-in's e-mail, and a deleted one."""
        self.holders = [
            self.enrol("Gus", "Finch", email="noemail@example.com"),
            self.enrol("Hal", "Finch", email="NoEmail@example.com"),
        ]
        self.sell(self.holders[0], "12.00")
        self.gone = self.enrol("Max", email="max@example.com")
        self.sell(self.gone, "33.00")
        self.store.delete_or_restore(self.gone)
        walk_in = self.store.state.default_customer_id
        self.store.state.customers[walk_in].email = "till@example.com"

    def sell_on_two_days(self) -> None:
        self.pia = self.enrol("Pia", email="pia@example.com")
        self.sell(self.pia, "700.00", 3)
        self.sell(self.pia, "600.00", 1)
        self.store.order_online("pia@example.com", PAID, Decimal(1), (-1, NOON))

    def keep_sisters_apart(self) -> None:
        left, right = (
            self.enrol("Lea", phone=SISTERS),
            self.enrol("Lou", mobile=SISTERS),
        )
        right.customer_code = left.customer_code
        self.sisters = sorted((left.id, right.id))
        self.code_of_sisters = left.customer_code
        (self.pipeline.data / "identity_overrides.csv").write_text(
            "left_id,right_id,rule,reason\n"
            f"{','.join(self.sisters)},different,sisters\n"
        )


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    return Crowd(tmp_path_factory.mktemp("crowd") / "data")


@pytest.fixture
def changing_crowd(crowd: Crowd, tmp_path: Path) -> Crowd:
    """The crowd again, to go on with: what happens here is seen nowhere else."""
    changing = copy.copy(crowd)
    changing.store = copy.deepcopy(crowd.store)
    data = shutil.copytree(crowd.pipeline.data, tmp_path / "data")
    settings = crowd.pipeline.settings.model_copy(update={"data_dir": data})
    changing.pipeline = Pipeline(changing.store, settings)
    return changing


def test_a_chain_of_four_duplicates_is_one_person_rules_3_4_and_3_6(
    crowd: Crowd,
) -> None:
    one, two, three, four = crowd.chain

    reported = crowd.reported(four.id)

    assert reported.startswith(f"Cleo Marsh id {one.id} e-mail cleo@example.com")
    assert f"1 {one.id} {one.customer_code} gives the person its id" in reported
    assert f"2 {two.id} {two.customer_code} shares an e-mail with no. 1" in reported
    assert (
        f"3 {three.id} {three.customer_code} shares a phone number with no. 2"
        in reported
    )
    assert f"4 {four.id} {four.customer_code} shares an e-mail with no. 3" in reported
    assert "lifetime value 1000.00, the sum of 4 sales" in reported
    assert "VIP yes" in reported
    assert "tier Bloom, on a value of 1000.00" in reported
    assert crowd.row(one.id)["Note"] == "Merged 3 duplicate records"


def test_everything_that_names_a_person_finds_it(crowd: Crowd) -> None:
    chain = crowd.chain
    names = [
        *(record.id for record in chain),
        *(record.id.upper() for record in chain),
        f" {{{chain[1].id.upper()}}} ",
        *(record.customer_code.lower() for record in chain),
        *("cleo@example.com", " Marsh@EXAMPLE.com", "+1 (310) 555-0111"),
    ]
    shop = open_shop(crowd.pipeline.settings)
    people = read_people(shop)

    assert {find_person(shop, name, people) for name in names} == {chain[0].id}


def test_a_return_counts_on_its_own_day_rules_2_4_and_5_2(crowd: Crowd) -> None:
    bought, back = crowd.dora_bought, crowd.dora_back
    assert back is not None

    reported = crowd.reported(crowd.dora.id)

    assert f"{crowd.first_day} 300.00 {bought.id} 1 closed; an order" in reported
    assert (
        f"{crowd.pipeline.yesterday}* -300.00 {back.id} 1 closed; a return of"
        in reported
    )
    assert f"sale {bought.id}, so no order" in reported
    assert "lifetime value 400.00, the sum of 3 sales" in reported
    assert "orders 2: 0 eCom, 2 retail" in reported
    assert "last 90 days 100.00 in 1 order," in reported
    assert "refunded 300.00 in return lines" in reported
    assert "tier Seed, on a value of 100.00" in reported
    assert "if nothing is bought it stays to raise it Sprout is 150.00 away" in reported


@pytest.mark.nightly
def test_an_exchange_with_a_surcharge_counts_but_is_no_order_rule_2_3(
    asked: Asked,
) -> None:
    ed = asked.enrol("Ed", "Yew", email="ed@example.com")
    bought = asked.sell(ed, "200.00", 5)
    swapped = asked.store.give_back(bought, for_amount=Decimal("275.50"))
    assert swapped is not None
    asked.store.step_clock(24)
    asked.publish()
    reported = asked.reported(ed.id)

    assert f"75.50 {swapped.id} 1 closed; an exchange against sale" in reported
    assert f"{bought.id}, so no order" in reported
    assert "lifetime value 275.50, the sum of 2 sales" in reported
    assert "average order 275.50 / 1 = 275.50" in reported
    leaves = asked.pipeline.yesterday + timedelta(days=90 - 5)
    after = asked.pipeline.yesterday + timedelta(days=1)
    assert f"if nothing is bought Seed from {leaves} on (75.50)" in reported
    assert f"to keep it spend 174.50 between {after} and {leaves}" in reported
    assert "to raise it Bloom is 474.50 away" in reported


def test_a_buyer_of_the_web_shop_alone_rules_3_7_and_4_4(crowd: Crowd) -> None:
    synced = crowd.synced.order_number

    reported = crowd.reported("fay.oak@example.com")

    person = reported.split(" e-mail")[0].split()[-1]
    assert person.startswith("ecom-")
    assert crowd.reported(person.upper()) == reported
    assert f"1 {person} known from the web shop alone" in reported
    alone = crowd.alone.order_number
    assert f"40.00 web order {alone} 1 an order that no sale has" in reported
    assert (
        f"70.00 {crowd.synced_sale.id} awaiting pickup, paid (70.00 of 70.00); an "
        f"order; without a customer, but web order {synced} was made with this "
        "person's e-mail"
    ) in reported
    _, left_out = reported.split("What does not count")
    unpaid, undone = crowd.unpaid.order_number, crowd.undone.order_number
    assert f"web order {unpaid} 1 no sale has it, and it is not" in left_out
    assert f"web order {undone} 1 no sale has it, and it came" in left_out
    assert f"70.00 web order {synced} 1 is sale" in left_out
    at_till = crowd.at_till.order_number
    assert f"walk-in customer, but web order {at_till} was made" in reported
    assert (
        "lifetime value 150.00 of 2 sales + 40.00 of 1 web order = 190.00" in reported
    )
    assert "orders 3: 3 eCom, 0 retail" in reported
    assert crowd.row(person)["Lifetime Value"] == "190.00"


@pytest.mark.nightly
def test_a_web_order_whose_sale_is_under_somebody_else_is_theirs_rule_4_4(
    asked: Asked,
) -> None:
    una = asked.enrol("Una", email="una@example.com")
    bea = asked.enrol("Bea", email="bea@example.com")
    order = asked.store.order_online(una.email, PAID, Decimal(55), (-2, NOON))
    place = list(asked.store.state.customers).index(bea.id)
    sale = asked.store.sync(
        order, how="source", basket=Basket(Decimal(55)), buyer=place
    )
    asked.publish()

    counts, left_out = asked.reported(una.id).split("What does not count")

    assert counts.endswith("What counts nothing ")
    assert f"web order {order.order_number}" in left_out
    assert f"is sale {sale.id} (the sale's source names the order), which" in left_out
    assert "which is under another customer" in left_out
    assert f"55.00 {sale.id} 1 awaiting pickup, paid" in asked.reported(bea.id)


def test_a_refund_in_the_web_shop_alone_is_reported_on_order_and_sale_rule_4_4(
    crowd: Crowd,
) -> None:
    words = "the web shop says REFUNDED, yet 55.00 still counts: the shop has to say"

    counts, left_out = crowd.reported(crowd.una.id).split("What does not count")

    assert "still counts" not in counts
    assert f"which is under another customer; {words}" in left_out
    counts, left_out = crowd.reported(crowd.bea.id).split("What does not count")
    assert f"an order; of its web order {crowd.repaid.order_number}, {words}" in counts
    assert f"55.00 {crowd.repaid_sale.id}" in counts
    assert "still counts" not in left_out


@pytest.mark.nightly
def test_a_refund_that_the_till_made_as_well_is_not_reported_rule_4_4(
    asked: Asked,
) -> None:
    una = asked.enrol("Una", email="una@example.com")
    given_back = ("REFUNDED", "RETURNED")
    order = asked.store.order_online(una.email, given_back, Decimal(55), (-4, NOON))
    basket = Basket(Decimal(55))
    sale = asked.store.sync(order, how="source", basket=basket, buyer=0)
    assert asked.store.give_back(sale) is not None
    asked.store.step_clock(24)
    asked.publish()

    assert "which is right" not in asked.reported(una.id)


@pytest.mark.parametrize(("words", "reported"), LEFT_OUT_FOR.items())
def test_an_order_left_out_for_its_payment_word_is_reported_rule_4_4(
    crowd: Crowd, words: tuple[str, str], reported: str
) -> None:
    una, order = crowd.buyers[words]

    _, left_out = crowd.reported(una.id).split("What does not count")

    assert (
        f"web order {order.order_number} 2 no sale has it, and {reported}" in left_out
    )
    assert crowd.row(una.id)["Lifetime Value"] == "0.00"


def test_an_unknown_fulfilment_word_is_reported_and_its_order_counts_rule_4_4(
    crowd: Crowd,
) -> None:
    una, _order = crowd.buyers[UNKNOWN_COURSE]

    counts, _ = crowd.reported(una.id).split("What does not count")

    assert "paid (ACCEPTED); its fulfilment status is not known (CUSTOM" in counts
    assert crowd.row(una.id)["Lifetime Value"] == "55.00"


def test_a_placeholder_e_mail_names_its_records_and_asks_for_one_rule_3_3(
    crowd: Crowd,
) -> None:
    ids = ", ".join(sorted(record.id for record in crowd.holders))

    error = crowd.refused("noemail@EXAMPLE.com")

    assert "This e-mail is a placeholder and joins no one; 2 records have it" in error
    assert f"{ids}.\n  Give one of these ids." in error
    reported = crowd.reported(crowd.holders[0].id)
    assert "gives the person its id; its e-mail is a placeholder" in reported
    assert " e-mail noemail" not in reported
    assert "0 records have it." in crowd.refused("none@example.com")


@pytest.mark.parametrize("typed", TOO_MANY.values(), ids=TOO_MANY)
def test_a_contact_of_too_many_is_a_placeholder_rule_3_3(
    crowd: Crowd, typed: str
) -> None:
    error = crowd.refused(typed)

    assert "placeholder and joins no one; 23 records have it: " in error
    assert " and 3 more.\n" in error
    assert error.count(", ") == 19, "twenty ids are enough to choose from"


def test_a_number_that_is_none_is_found_as_it_was_typed_rule_3_5(crowd: Crowd) -> None:
    reported = crowd.reported("555-0123")

    assert reported.startswith(f"Vi id {crowd.vi.id} phone 555-0123")


def test_a_number_of_one_digit_is_a_placeholder_rule_3_3(crowd: Crowd) -> None:
    error = crowd.refused("8888888888")

    assert "This phone number is a placeholder and joins no one" in error
    assert f"; 1 record has it: {crowd.jo.id}.\n" in error


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("nobody@example.com", "e-mail"),
        ("not an e-mail@", "e-mail"),
        ("(212) 555-0199", "id or customer code or phone number"),
        ("999", "id or customer code or phone number"),
        ("Nobody-0001", "id or customer code"),
        ("", "id or customer code"),
    ],
)
def test_an_unknown_person_is_wrong_use_and_not_repeated(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, typed: str, kind: str
) -> None:
    old = crowd.refused(typed)
    monkeypatch.setattr(Shop, "yesterday", crowd.pipeline.yesterday)
    fresh = crowd.refused(typed)

    assert f"error: No customer has this {kind}.\n  Give an id, a customer" in fresh
    assert "analytics-pipeline update" in old
    assert "analytics-pipeline update" not in fresh
    assert not typed or typed not in old


def test_several_people_are_listed_and_one_is_asked_for_rule_3_4(crowd: Crowd) -> None:
    for typed in (SISTERS, crowd.code_of_sisters):
        error = crowd.refused(typed)
        assert "2 people have this" in error
        ids = ", ".join(crowd.sisters)
        assert f"{ids}.\n  Give one of these ids." in error


def test_the_walk_in_and_a_deleted_record_are_no_person_rule_3_1(
    crowd: Crowd,
) -> None:
    assert "No customer has this e-mail" in crowd.refused("till@example.com")
    assert "walk-in" in crowd.refused("walkin")
    assert "walk-in" in crowd.refused(crowd.store.state.default_customer_id)
    for typed in (crowd.gone.id, "max@example.com"):
        assert "so its sales have no customer" in crowd.refused(typed)


@pytest.mark.nightly
def test_sales_of_a_deleted_duplicate_count_and_it_is_found_by_its_id_rule_3_1(
    asked: Asked,
) -> None:
    kept = asked.enrol("Nia", email="nia@example.com")
    gone = asked.enrol("Nia", email="nia@example.com")
    sale = asked.sell(gone, "44.00")
    asked.store.delete_or_restore(gone)
    asked.publish()

    reported = asked.reported(gone.id)

    assert reported.startswith(f"Nia id {kept.id}")
    assert f"2 {gone.id} deleted; shares an e-mail with no. 1" in reported
    assert f"44.00 {sale.id} 2 closed; an order" in reported


def test_what_does_not_count_says_why_and_what_is_returned_nameless_is_found(
    crowd: Crowd,
) -> None:
    sale, back = crowd.olga_bought, crowd.olga_back
    assert back is not None

    counts, left_out = crowd.reported(crowd.olga.id).split("What does not count")

    assert f"-80.00 {back.id} closed; a return of sale {sale.id}" in counts
    assert "without a customer, but it goes back to a sale of this person" in counts
    assert f"5.00 {crowd.olga_void.id} 1 voided" in left_out
    due = crowd.olga_due.id
    assert f"{due} 1 awaiting pickup, but only 5.00 of 12.00 is paid" in left_out


def test_the_json_is_the_row_of_the_master_and_more(crowd: Crowd) -> None:
    chain = crowd.chain

    result = crowd.explain(chain[2].id, "--json")

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    row = crowd.row(chain[0].id)
    assert document["person_id"] == chain[0].id
    assert document["as_of"] == crowd.pipeline.yesterday.isoformat()
    assert document["figures"]["lifetime_value"] == "1000.00"
    assert document["figures"]["last_order_date"] == row["Last Order Date"]
    assert document["outlook"]["tier"] == row["Tier"]
    assert [each["joined_by"] for each in document["members"]] == [
        "",
        "email",
        "phone",
        "email",
    ]
    assert sum(Decimal(line["value"]) for line in document["lines"]) == 1000


def test_a_past_day_is_explained_as_it_was_rule_1_1(crowd: Crowd) -> None:
    past = crowd.pipeline.yesterday - timedelta(days=1)

    reported = crowd.reported(crowd.pia.id, "--as-of", past)

    assert f"as of {past}" in reported
    assert "lifetime value 700.00, the sum of 1 sale" in reported
    assert "VIP no, but high value" in reported
    assert "tier Sprout" in reported
    assert f"Sales up to {past} count" in reported
    assert "tier Bloom, on a value of 1301.00" in crowd.reported(crowd.pia.id)


@pytest.mark.nightly
def test_a_day_that_is_not_over_is_provisional(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    wes = asked.enrol("Wes")
    asked.publish()
    assert "provisional" not in asked.reported(wes.id)

    monkeypatch.setattr(Shop, "today", asked.pipeline.yesterday)

    assert "so all of this is provisional" in asked.reported(wes.id)


@pytest.mark.parametrize("days", [1, -100])
def test_a_day_without_stored_sales_is_wrong_use(crowd: Crowd, days: int) -> None:
    day = crowd.pipeline.yesterday + timedelta(days=days)

    assert "The stored sales reach from" in crowd.refused("x", "--as-of", day)


def test_before_anything_is_published_there_is_nothing_to_explain(asked: Asked) -> None:
    assert "Master CSV not found" in asked.refused("x")
    assert not asked.pipeline.data.exists()


@pytest.mark.nightly
def test_a_person_without_a_row_is_explained_rule_3_7(asked: Asked) -> None:
    asked.store.order_online("rex@example.com", UNPAID, Decimal(9), (-2, NOON))
    asked.publish()

    reported = asked.reported("rex@example.com")

    assert "no row The master of this day has no row" in reported
    assert "What counts nothing" in reported


def test_it_only_reads_and_needs_no_turn(crowd: Crowd) -> None:
    with hold_directory(crowd.pipeline.data, wait=False):
        before = crowd.pipeline.everything()
        crowd.reported(crowd.chain[0].id)
        crowd.refused("nobody@example.com")
        after = crowd.pipeline.everything()

    assert after == before


def test_records_that_are_newer_than_who_is_who_are_not_explained(
    changing_crowd: Crowd,
) -> None:
    pipeline = changing_crowd.pipeline
    changing_crowd.enrol("New")
    pipeline.run(pipeline.yesterday, tables=("outlets", "customers"))

    error = changing_crowd.refused(changing_crowd.chain[0].id, code=1)

    assert "customer_identities are older than customers" in error
    assert "analytics-pipeline update" in error


@pytest.mark.nightly
def test_sales_that_changed_since_the_figures_were_stored_are_reported(
    asked: Asked,
) -> None:
    quin = asked.enrol("Quin", email="quin@example.com")
    sale = asked.sell(quin, "300.00")
    asked.publish()
    asked.store.reprice(sale, Basket(Decimal("90.00")))
    day = asked.pipeline.yesterday
    asked.pipeline.run(day, tables=("outlets", "sales_feed", "raw_sales"))

    reported = asked.reported(quin.id)

    assert "lifetime value 90.00" in reported
    assert "they said a lifetime value of 300.00, tier Sprout" in reported
    assert f"analytics-pipeline update --as-of {day}" in reported


def test_a_wrong_explanation_is_never_shown(changing_crowd: Crowd) -> None:
    pipeline = changing_crowd.pipeline
    warehouse = open_shop(pipeline.settings).warehouse
    day = pipeline.yesterday.isoformat()
    rows = warehouse.read("raw_sales", RawSales, day)
    warehouse.write("raw_sales", RawSales, rows.assign(is_order=False), day)

    error = changing_crowd.refused(changing_crowd.pia.id, code=5)

    assert "do not explain the figures" in error
    assert "order_count" in error
    assert "analytics-pipeline rebuild" in error


@pytest.mark.nightly
def test_a_sale_in_quarantine_is_reported_with_what_was_last_known(
    asked: Asked,
) -> None:
    sven = asked.enrol("Sven", email="sven@example.com")
    sale = asked.sell(sven, "25.00")
    asked.publish()
    sale.total_price_incl = None  # type: ignore[assignment]
    asked.store.timeline.edit(sale, asked.store.now)
    asked.publish()

    reported = asked.reported(sven.id)

    assert f"Sale {sale.id} is in quarantine and in no figure" in reported
    assert "it came to 25.00." in reported
    assert "lifetime value 0.00" in reported

    choices = asked.pipeline.data / "analytics.toml"
    choices.write_text('money_basis = "excl_tax"\n', encoding="utf-8")
    asked.publish()
    assert "it came to 22.50." in asked.reported(sven.id), (
        "all values are without tax then"
    )


@pytest.mark.nightly
def test_a_sale_that_was_never_readable_may_be_anybodys(asked: Asked) -> None:
    xia = asked.enrol("Xia", email="xia@example.com")
    asked.sell(xia, "25.00").total_price_incl = None  # type: ignore[assignment]
    asked.publish()

    assert "1 sale in quarantine could never be read" in asked.reported(xia.id)


def test_a_name_cannot_steer_the_terminal(crowd: Crowd) -> None:
    assert crowd.reported(crowd.odd.id).startswith("[red]Tess[/red][2J O wl id")

    assert crowd.explain(crowd.odd.id, "--json").stdout.isascii()


@pytest.mark.parametrize("width", [50, 60, 79])
@pytest.mark.nightly
def test_a_narrow_terminal_loses_no_reason(asked: Asked, width: int) -> None:
    zoe = asked.enrol("Zoe", email="zoe@example.com")
    asked.sell(zoe, "10.00")
    asked.publish()
    screen = Console(file=StringIO(), force_terminal=True, width=width, no_color=True)

    explain(asked.pipeline.settings, Terminal(out=screen), zoe.id)

    text = screen.file.getvalue()
    assert "gives" in text
    assert "closed" in text


def test_on_a_terminal_of_eighty_columns_no_word_is_lost() -> None:
    screen = Console(file=StringIO(), width=80, force_terminal=True, color_system=None)
    sale, why = "2f5ccd94-f652-9203-63cc-05337f4ef817", "a return, so it is no order"
    headings = ("day", "value", "sale or web order", "no.", "why")

    print_table(
        Terminal(out=screen), "T", headings, [("2026-11-25*", "-37.14", sale, "1", why)]
    )

    shown = screen.file.getvalue()  # type: ignore[attr-defined]
    assert sale in shown
    assert all(word in shown.split() for word in why.split())
