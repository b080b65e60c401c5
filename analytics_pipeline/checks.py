"""Every check in plain words, table by table: what is so when it passes.

The UI shows them, `docs/checks.md` is made from them, and the tests trip each one.
"""

from collections.abc import Mapping
from types import MappingProxyType

from analytics_pipeline.contracts import Check, Weight


def stops(sentence: str, *, may_be_accepted: bool = False) -> Check:
    """Return a check whose failure keeps a table from being stored."""
    return Check(sentence, Weight.STOPS, may_be_accepted)


def warns(sentence: str) -> Check:
    """Return a check whose failure is told, and stops nothing."""
    return Check(sentence, Weight.WARNS)


def either(sentence: str, *, may_be_accepted: bool = False) -> Check:
    """Return a check that warns of a little, and stops the table for much."""
    return Check(sentence, Weight.EITHER, may_be_accepted)


_SOUND = {
    "rows_are_sound": either(
        "Records that break a rule are turned away, and few of them.",
        may_be_accepted=True,
    )
}
_CAUGHT_UP = {
    "is_caught_up": stops(
        "Sales and customers were read to the end after the day had ended."
    )
}

_ONE_ADDRESS = {
    "contacts_hold_one_address": warns(
        "No e-mail field holds several addresses (rule 3.2)."
    )
}

_ONE_SPELLING = {
    "ids_differ_in_more_than_case": warns(
        "No two ids differ only in the case of their letters."
    )
}

_USUAL_DAY = {
    "volume_is_usual": warns(
        "The day has as many orders as such a day usually has, or more."
    ),
    "prices_are_usual": either(
        "The middle order of the day is worth about what it usually is.",
        may_be_accepted=True,
    ),
    "tax_is_usual": warns("About as many of the day's sales hold tax as usually do."),
    "hours_are_usual": warns(
        "The day's sales at the till are at hours at which the shop usually sells."
    ),
    "sales_stand_once": warns(
        "Hardly any sale of the day repeats another one under a second id."
    ),
}

CHECKS: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {
        "sales_feed": _SOUND
        | {
            "agrees_with_search": stops(
                "The log has every sale of the last days that Lightspeed's search has."
            ),
            "no_known_sale_is_lost": either(
                "A full read finds every sale that the log held before.",
                may_be_accepted=True,
            ),
            "no_sale_is_dated_later": warns(
                "No sale is dated after today, in store time (rule 1.5)."
            ),
        },
        "customers": _SOUND
        | {
            "contacts_are_valid": warns(
                "About as many of the records' e-mails and phone numbers are valid as "
                "usually are."
            ),
        }
        | _ONE_ADDRESS
        | _ONE_SPELLING,
        "outlets": {
            "one_currency": stops(
                "The store and every outlet sell in one currency of at most two "
                "decimals, the same as ever (rule 1.6)."
            ),
            "time_zone_agrees": warns(
                "The store's time zone is the configured one, and "
                "every outlet's exists."
            ),
            "outlets_are_all_there": stops(
                "Nothing known before of outlets and store is gone.",
                may_be_accepted=True,
            ),
            "phone_region_is_known": warns(
                "Phone numbers without a country code can be read."
            ),
        },
        "ecom_orders": {
            "export_is_readable": stops("The web shop's export can be read, whole."),
            "export_is_fresh": warns("The export is at most seven days old."),
            "export_is_complete": either(
                "The export has every order and column that the last good one had.",
                may_be_accepted=True,
            ),
            "order_words_are_known": warns(
                "Every payment and fulfilment status is a known word."
            ),
        }
        | _ONE_ADDRESS,
        "raw_sales": _CAUGHT_UP
        | _USUAL_DAY
        | {
            "words_are_known": warns(
                "Every state, status and attribute is a known word."
            ),
            "starts_with_the_first_sale": warns(
                "No sale is earlier than the first day."
            ),
            "no_sale_is_a_little_short": warns(
                "No sale that waits for its hand-over lacks less than 1.00 of being "
                "paid (rule 2.1)."
            ),
        }
        | _ONE_SPELLING,
        "customer_identities": {
            "every_record_has_one_person": stops(
                "Each live customer record belongs to exactly one person (rule 7.2)."
            ),
            "nothing_is_kept_apart": warns(
                "No override keeps records apart that share a key (rule 3.4)."
            ),
            "people_look_right": warns(
                "Nobody has many records, or names without a "
                "common word: the signs of several people in one."
            ),
            "placeholders_are_few": warns(
                "No more records than usual have a contact that stands for none or "
                "that many share."
            ),
        },
        "customer_analytics": _CAUGHT_UP
        | {
            "sales_are_current": stops(
                "The stored sales are what the log says, each once."
            ),
            "conserves_money": stops(
                "People and unattributed add up to sales and added "
                "web orders, to the cent (rule 7.1)."
            ),
            "no_person_vanished": either(
                "No more people are gone than merges and deletions explain.",
                may_be_accepted=True,
            ),
            "orders_are_counted_once": either(
                "No web order is added although the tills have a sale like it that is "
                "no other order's (rule 4.3).",
                may_be_accepted=True,
            ),
            "tiers_move_slowly": warns(
                "No more people than is likely have another tier than in the master "
                "before."
            ),
            "customers_have_records": warns(
                "Every customer of a sale that counts has a record (rule 3.8)."
            ),
            "walk_in_is_known": warns(
                "No record has so many orders as only the walk-in customer has (rule "
                "3.8)."
            ),
        },
        "first_time_buyers": _CAUGHT_UP,
        "customer_analytics_master": _CAUGHT_UP,
        "customer_changes": {
            "sales_are_current": stops(
                "The stored sales are what the log says, each once."
            ),
            "earlier_master_is_known": warns(
                "What the master before was made from can be read."
            ),
            "figures_are_current": stops(
                "The published figures are what sales and web orders come to."
            ),
            "changes_add_up": stops(
                "The changes add up to the difference of the two masters."
            ),
            "causes_are_known": warns(
                "Every change has a sale, order, record or day as its cause."
            ),
        },
        "ecom_reconciliation": {
            "categories_add_up": stops(
                "The categories add up to the orders of the "
                "export, in number and to the cent."
            ),
            "evidence_agrees": warns(
                "No order is tied to one sale by one piece of "
                "evidence and to another by another (rule 4.3)."
            ),
            "orders_have_sales": warns(
                "Paid orders become sales within a week, or few do not."
            ),
            "refunds_reach_the_tills": warns(
                "No order that the web shop refunded, cancelled or marked returned "
                "still counts as a sale (rule 4.4)."
            ),
        },
        "customer_report": {
            "figures_add_up": stops(
                "Every list of the report adds up to the stored figures, to the cent."
            )
        },
    }
)
"""By table and name; that of the schema, which every table has, is the contract's."""
