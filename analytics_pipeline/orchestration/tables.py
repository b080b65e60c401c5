"""Every table: its contract, its checks, and what people read about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import dagster as dg
import pandas as pd
from pandera.errors import SchemaErrors

from analytics_pipeline.model.checks import SCHEMA_CHECK, Finding, name_some
from analytics_pipeline.model.policy import Policy
from analytics_pipeline.model.schemas.changes import CustomerChanges
from analytics_pipeline.model.schemas.customers import (
    CustomerAnalytics,
    CustomerIdentities,
)
from analytics_pipeline.model.schemas.exports import (
    CustomerAnalyticsMaster,
    FirstTimeBuyers,
)
from analytics_pipeline.model.schemas.reconciliation import EcomReconciliation
from analytics_pipeline.model.schemas.report import CustomerReport
from analytics_pipeline.model.schemas.sales import RawSales
from analytics_pipeline.model.schemas.sources import (
    Customers,
    EcomOrders,
    Outlets,
    SalesFeed,
)
from analytics_pipeline.model.schemas.table import Table
from analytics_pipeline.settings import Settings
from analytics_pipeline.storage.files import is_local, local, read_if_there
from analytics_pipeline.storage.object_store import open_root
from analytics_pipeline.storage.sales_log import fingerprint

# ----------------------------------------------------------------------------------
# What a table's contract tells Dagster: its columns and its checks.


def asset_key(table: str, shop: str | None) -> dg.AssetKey:
    """Return how Dagster's records name *table*, of *shop* in a chain."""
    return dg.AssetKey([shop, table] if shop else [table])


def table_of(key: dg.AssetKey) -> str:
    """Return the table of a key, whichever shop's it is."""
    return key.path[-1]


class Weight(StrEnum):
    """What a failed check does to its table."""

    STOPS = "stops the table"
    WARNS = "warns"
    EITHER = "warns, or stops the table where much is wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """A check in plain words: what is so when it passes, and what its failure does."""

    sentence: str
    weight: Weight
    may_be_accepted: bool = False

    @property
    def blocks(self) -> bool:
        """Whether a failure can stop the table."""
        return self.weight is not Weight.WARNS

    @property
    def description(self) -> str:
        """The check as the UI shows it."""
        accepted = ", unless a person accepts it" if self.may_be_accepted else ""
        return f"{self.sentence} A failure {self.weight}{accepted}."


MATCHES_SCHEMA = Check("Every row and column is as the contract says.", Weight.STOPS)


@dataclass(frozen=True, slots=True)
class Contract:
    """A table's name, its model, its checks beside the schema, and its key column.

    ``shop`` is the shop's name in a chain of several, whose records Dagster keeps
    together; it stands before the table's name there.
    """

    name: str
    model: type[Table]
    key: str
    checks: Mapping[str, Check]
    partitions: dg.PartitionsDefinition[str] | None = None
    shop: str | None = None

    @property
    def asset_key(self) -> dg.AssetKey:
        """The table as Dagster's records name it."""
        return asset_key(self.name, self.shop)

    @property
    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """The checks that the gate reports, for the asset's decorator."""
        return [
            dg.AssetCheckSpec(
                name,
                asset=self.name,
                blocking=check.blocks,
                description=check.description,
                partitions_def=self.partitions,
            )
            for name, check in self.all_checks.items()
        ]

    @property
    def all_checks(self) -> dict[str, Check]:
        """The checks by name, that of the schema first."""
        return {SCHEMA_CHECK: MATCHES_SCHEMA, **self.checks}

    @property
    def metadata(self) -> dict[str, Any]:
        """The column catalogue that the UI shows."""
        columns = self.model.to_schema().columns
        return {
            "dagster/column_schema": dg.TableSchema(
                columns=[
                    dg.TableColumn(
                        name,
                        _in_words(name, str(column.dtype)),
                        _with_header(column.title, column.description),
                        dg.TableColumnConstraints(
                            nullable=column.nullable, unique=column.unique
                        ),
                    )
                    for name, column in columns.items()
                ]
            )
        }

    def audit(self, frame: pd.DataFrame) -> tuple[Finding, pd.Index]:
        """Judge *frame* by the model; return the finding and the offending rows."""
        try:
            self.model.validate(frame, lazy=True)
        except SchemaErrors as errors:
            return self._explain(frame, errors.failure_cases)
        finding = Finding(
            SCHEMA_CHECK,
            True,
            "Every row is as the contract says.",
            evidence={"rows": len(frame)},
        )
        return finding, frame.index[:0]

    def _explain(
        self, frame: pd.DataFrame, cases: pd.DataFrame
    ) -> tuple[Finding, pd.Index]:
        """Say which rules of which columns failed, never the offending values."""
        rows = pd.Index(cases["index"].dropna().unique())
        columns = cases["column"].fillna("the table").astype("str")
        rules = sorted(set(columns + ": " + cases["check"].astype("str").str[:80]))
        keys = (
            []
            if self.key not in frame or self.key in set(columns)
            else [
                str(key) for key in frame.loc[frame.index.intersection(rows), self.key]
            ]
        )
        keys = [key for key in keys if not key.startswith("ecom-")]
        finding = Finding(
            SCHEMA_CHECK,
            False,
            f"{len(cases)} values break the contract of {self.name}.",
            evidence={
                "rows": len(frame),
                "faults": len(cases),
                "rules": "; ".join(rules[:10]),
                "keys": name_some(keys),
            },
        )
        return finding, rows


def _in_words(name: str, dtype: str) -> str:
    """Return a column's type as a person would call it."""
    if name.endswith("_cents"):
        return "money (cents)"
    if dtype.startswith("datetime64"):
        return "timestamp (UTC)" if "UTC" in dtype else "date"
    return {"bool": "yes or no"}.get(dtype, "text" if "string" in dtype else "integer")


def _with_header(header: str | None, description: str) -> str:
    """Name the header that a column has in the file, where people know it by that."""
    return f"*{header}* in the file – {description}" if header else description


# ----------------------------------------------------------------------------------
# Every check in plain words, table by table: what is so when it passes.
#
# The UI shows them, `docs/checks.md` is made from them, and the tests trip each one.


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


# ----------------------------------------------------------------------------------
# The contract of every table, in the order in which they are made.


class Catalogue:
    """The contracts, with the daily tables divided into *days*, of one *shop*."""

    def __init__(
        self, days: dg.PartitionsDefinition[str], shop: str | None = None
    ) -> None:
        """Make every contract."""
        self.days = days
        self._shop = shop
        self.sales_feed = self._contract("sales_feed", SalesFeed, "sale_id")
        self.customers = self._contract("customers", Customers, "customer_id")
        self.outlets = self._contract("outlets", Outlets, "outlet_id")
        self.ecom_orders = self._contract("ecom_orders", EcomOrders, "order_number")
        self.raw_sales = self._contract("raw_sales", RawSales, "sale_id", days)
        self.customer_identities = self._contract(
            "customer_identities", CustomerIdentities, "record_id"
        )
        self.customer_analytics = self._contract(
            "customer_analytics", CustomerAnalytics, "customer_id", days
        )
        self.first_time_buyers = self._contract(
            "first_time_buyers", FirstTimeBuyers, "customer_id", days
        )
        self.customer_analytics_master = self._contract(
            "customer_analytics_master", CustomerAnalyticsMaster, "customer_id", days
        )
        self.customer_changes = self._contract(
            "customer_changes", CustomerChanges, "customer_id", days
        )
        self.ecom_reconciliation = self._contract(
            "ecom_reconciliation", EcomReconciliation, "order_number"
        )
        self.customer_report = self._contract(
            "customer_report", CustomerReport, "figure", days
        )

    @property
    def all(self) -> list[Contract]:
        """Every contract, in the order in which the tables are made."""
        return [
            self.sales_feed,
            self.outlets,
            self.customers,
            self.ecom_orders,
            self.raw_sales,
            self.customer_identities,
            self.customer_analytics,
            self.first_time_buyers,
            self.customer_analytics_master,
            self.customer_changes,
            self.ecom_reconciliation,
            self.customer_report,
        ]

    def _contract(
        self,
        name: str,
        model: type[Table],
        key: str,
        days: dg.PartitionsDefinition[str] | None = None,
    ) -> Contract:
        """Make the contract of a table, with its checks."""
        return Contract(name, model, key, CHECKS[name], days, self._shop)


# ----------------------------------------------------------------------------------
# What each table is to a person: what a row is, what it is for, what to do when red.
#
# The UI shows it as the description of the asset, and a run tells in the same words
# what it does; the README lists the same rows.


UPDATE_AGAIN = "The tab Checks says why. Mend that, then run the job `daily_update`."
LIGHTSPEED_AGAIN = (
    "The log of the run says whether Lightspeed could be reached and what it refused. "
    "Nothing is lost: the job `daily_update` reads on where it stopped."
)


@dataclass(frozen=True, slots=True)
class Story:
    """A table in plain words.

    Attributes:
        row: what one row is.
        use: what the table is for.
        when_red: what a person does about a failure.
        begins: what a run says when it begins to make the table.
        ends: what a run says of the stored table, sentence by sentence, with its
            figures: ``rows`` is how many it holds, money stands under its name without
            ``_cents``.
        file: the file that people open, in the data directory; without one the table
            is in the store.
    """

    row: str
    use: str
    when_red: str
    begins: str
    ends: Sequence[str]
    file: str | None = None


STORIES: Mapping[str, Story] = MappingProxyType(
    {
        "sales_feed": Story(
            row="one version of one sale as delivered; of its note, one line at most",
            use="Everything that is said of sales comes from this log, so any past "
            "day can be made again without asking Lightspeed.",
            when_red=LIGHTSPEED_AGAIN,
            begins="Reading on in Lightspeed's feed of sales, from where it was left.",
            ends=(
                "Read {records_read:,} sales in {requests:,} requests.",
                "{repaired:,} were repaired after the comparison with its search.",
                "The log holds {rows_in_log:,} versions now.",
            ),
        ),
        "outlets": Story(
            row="one outlet with its time zone",
            use="It decides on which business day a sale is.",
            when_red=LIGHTSPEED_AGAIN,
            begins="Reading the outlets and their time zones from Lightspeed.",
            ends=("{rows:,} outlets are known.",),
        ),
        "customers": Story(
            row="one customer record; of a deleted one only hashed keys",
            use="Names and contacts of the master, and what tells who is one person.",
            when_red=LIGHTSPEED_AGAIN,
            begins="Reading the customer records that changed from Lightspeed.",
            ends=("Read {read:,} changed records.", "{rows:,} are known."),
        ),
        "ecom_orders": Story(
            row="one web-shop order",
            use="Web orders that never became a sale count too, each once.",
            when_red="The export cannot be used; the orders of the last good one stay. "
            "Export the orders anew, put the file in place of "
            "`ecom_orders_export.csv` in the data directory, and run the job "
            "`ecom_import`.",
            begins="Reading the web shop's export.",
            ends=("{rows:,} web orders are in it.", "They are worth {total}."),
        ),
        "raw_sales": Story(
            row="one sale, latest version",
            use="The sales of each business day, and whether their money counts; all "
            "figures are added up from here.",
            when_red=f"{UPDATE_AGAIN} Days that passed are stored all the same.",
            begins="Cutting business days from the log of sales.",
            ends=("{rows:,} sales, {orders:,} of them orders, worth {value}.",),
        ),
        "customer_identities": Story(
            row="one record or web-shop e-mail, its person and why",
            use="It joins duplicates, so that everybody stands once in the master.",
            when_red=f"{UPDATE_AGAIN} People joined wrongly are kept apart in "
            "`identity_overrides.csv`.",
            begins="Working out which records are one person.",
            ends=("{people:,} people, {merged:,} duplicate records among them.",),
        ),
        "customer_analytics": Story(
            row="one person's figures, without contacts",
            use="Value, orders, recency, segment and tier as of each day; the files "
            "are made from it.",
            when_red=f"{UPDATE_AGAIN} If people are really gone, accept it as the "
            "README says.",
            begins="Measuring every person as of the day.",
            ends=("{rows:,} people have spent {people} in {people_orders:,} orders.",),
        ),
        "first_time_buyers": Story(
            row="one person with exactly one order",
            use="Whom to win for a second order.",
            when_red=UPDATE_AGAIN,
            begins="Listing the people with exactly one order.",
            ends=("{rows:,} people have exactly one order.",),
            file="first_time_buyers.csv",
        ),
        "customer_analytics_master": Story(
            row="one person with contact, figures, segment, tier",
            use="The file to work with. It is replaced whole or not at all.",
            when_red=f"{UPDATE_AGAIN} Until then the file is the last good one.",
            begins="Putting the master together and publishing it.",
            ends=(
                "{rows:,} people, {orders:,} orders, lifetime value {lifetime_value}.",
                "{first_time_buyers:,} people have bought once.",
            ),
            file="customer_analytics_master.csv",
        ),
        "customer_changes": Story(
            row="one change of a person since the master before, and what did it",
            use="Why a figure is another one than yesterday.",
            when_red=f"{UPDATE_AGAIN} The master is published already.",
            begins="Explaining what changed since the master before.",
            ends=("{rows:,} changes since the master before.",),
            file="reports/customer_changes.csv",
        ),
        "ecom_reconciliation": Story(
            row="one web-shop order, its sales, and why it counts or not",
            use="Whether the web shop and the tills agree.",
            when_red=f"{UPDATE_AGAIN} The master is published already.",
            begins="Holding the web shop's orders against the sales.",
            ends=("{rows:,} web orders are explained.",),
            file="reports/ecom_reconciliation.csv",
        ),
        "customer_report": Story(
            row="one number of the day's report, of people together",
            use="The page to look at in the morning: revenue, customers, who comes "
            "back, what changed, and whether it is right.",
            when_red=f"{UPDATE_AGAIN} The master is published already.",
            begins="Drawing the report, and holding it against the stored figures.",
            ends=("{people:,} people, {the_day_orders:,} orders on the day.",),
            file="reports/customer_report.html",
        ),
    }
)


# ----------------------------------------------------------------------------------
# From which columns a column comes, where it is taken over unchanged.
#
# Only what is exact is told: a column that several others are worked out from has no
# entry. The pairs follow from the contracts, by name, so they cannot fall behind
# them.


TAKEN_FROM: Mapping[str, str] = MappingProxyType(
    {
        "raw_sales": "sales_feed",
        "first_time_buyers": "customer_analytics",
        "customer_analytics_master": "customer_analytics",
    }
)
"""The table from which a table takes over columns."""

RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "first_time_buyers": {
            "first_purchase_date": "first_order_date",
            "days_since_first_purchase": "days_since_last_order",
        }
    }
)
"""Columns that bear another name there."""

WORKED_OUT: Mapping[str, frozenset[str]] = MappingProxyType(
    {"raw_sales": frozenset({"state", "attributes"})}
)
"""Columns of the same name that hold something else."""


def trace_columns(contract: Contract, above: Contract) -> dict[str, str]:
    """Return the columns that *contract* takes over from *above*, and their names."""
    ours, theirs = (set(each.model.to_schema().columns) for each in (contract, above))
    same = (ours & theirs) - WORKED_OUT.get(contract.name, frozenset())
    return {name: name for name in same} | dict(RENAMED.get(contract.name, {}))


def lineage_of(contract: Contract, above: Contract) -> dg.TableColumnLineage:
    """Return what :func:`trace_columns` says as Dagster keeps it."""
    key = asset_key(above.name, above.shop)
    return dg.TableColumnLineage(
        {
            ours: [dg.TableColumnDep(asset_key=key, column_name=theirs)]
            for ours, theirs in sorted(trace_columns(contract, above).items())
        }
    )


# ----------------------------------------------------------------------------------
# How a table is shown in the UI: its words, its place, its columns' origin.


OWNER = "team:analytics"
CONTACTS = {"email", "phone"}
"""Columns by whose values a person can be reached."""


def present(
    spec: dg.AssetSpec, catalogue: Catalogue, settings: Settings
) -> dg.AssetSpec:
    """Return *spec* with everything about its table that does not change."""
    contracts = {contract.name: contract for contract in catalogue.all}
    contract = contracts[table_of(spec.key)]
    story = STORIES[contract.name]
    above = contracts.get(TAKEN_FROM.get(contract.name, ""))
    metadata: dict[str, Any] = {
        **spec.metadata,
        "dagster/table_name": contract.name,
        "dagster/uri": _address(contract.name, story, settings),
    }
    if above is not None:
        metadata["dagster/column_lineage"] = lineage_of(contract, above)
    return spec.replace_attributes(
        code_version=code_version(contract, settings),
        description=_describe(spec.description or "", contract, story),
        owners=[OWNER],
        tags={**spec.tags, **_tags(contract)},
        metadata=metadata,
    )


def code_version(contract: Contract, settings: Settings) -> str:
    """Return what a table's form and rules are: a hash of its schema and the policy.

    The shop's file of policies goes in as it is, because one with a mistake must not
    keep the definitions from being loaded; the run then names the mistake.
    """
    columns = contract.model.to_schema().columns.values()
    parts = [
        *(f"{it.name} {it.dtype} {it.nullable} {it.unique}" for it in columns),
        repr(Policy()),
    ]
    policies = read_if_there(settings.policy_file) or b""
    return fingerprint("\n".join(parts).encode() + policies)[:16]


def _describe(beginning: str, contract: Contract, story: Story) -> str:
    """Return the description: what the asset's own words leave open comes after."""
    place = (
        f"`{story.file}` in the data directory."
        if story.file
        else f"the table `{contract.name}` in the store."
    )
    lines = {
        "One row": f"{story.row}.",
        "For": story.use,
        "File": place,
        "When it is red": story.when_red,
    }
    told = "\n".join(f"- **{name}:** {text}" for name, text in lines.items())
    return f"{beginning}\n\n{told}"


def _tags(contract: Contract) -> Mapping[str, str]:
    """Say of a table whether it holds contacts: such a file is for its owner only."""
    columns = set(contract.model.to_schema().columns)
    return {"personal_data": "yes"} if columns & CONTACTS else {}


def _address(name: str, story: Story, settings: Settings) -> str:
    """Return the address of the table, or of the file that people open."""
    if story.file:
        return (settings.data_dir.absolute() / story.file).as_uri()
    folder = open_root(settings.warehouse_url) / name
    return local(folder).absolute().as_uri() if is_local(folder) else str(folder)
