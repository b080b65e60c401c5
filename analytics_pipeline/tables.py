"""Every table: its schema, its inputs, its checks, and what people read about it.

This is the only list of tables.  Dagster's assets, the gate, the paths, the data
dictionary, the list of checks and ``status`` follow from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from analytics_pipeline.model.checks import SCHEMA_CHECK, CheckResult, name_some

if TYPE_CHECKING:  # who only asks for names and words needs no pandas
    import pandas as pd

    from analytics_pipeline.model.schemas.table import Table

# ----------------------------------------------------------------------------------
# What a table declares.


class Group(StrEnum):
    """Where a table is in the story, from what is delivered to what is read."""

    SOURCES = "sources"
    SALES = "sales"
    CUSTOMERS = "customers"
    INSIGHTS = "insights"
    EXPORTS = "exports"
    REPORTS = "reports"


class Source(StrEnum):
    """Where what is delivered comes from."""

    LIGHTSPEED = "lightspeed"
    WEB_SHOP = "web_shop"


class Reads(StrEnum):
    """How much of an input a table reads, and who reads it."""

    WHOLE = "the whole table"
    SAME_DAY = "the same day"
    UP_TO_DAY = "every day up to the day"
    ANY_DAY = "the days that it makes, whichever they are"
    RESULT = "whether it passed its gate"
    END = "when it was last read to its end"
    EARLIER = "what an earlier run stored"


GIVEN = frozenset(Reads) - {Reads.RESULT, Reads.END}
"""What the function is given; the rest is asked by the gate alone, before it."""


@dataclass(frozen=True, slots=True)
class Input:
    """A table that another one reads, and how much of it.

    ``EARLIER`` is a comparison with the run before: it is no dependency, so the input
    may be made later in the same run, and there may be none yet.
    """

    name: str
    reads: Reads
    is_optional: bool = False

    @property
    def inputs(self) -> Sequence["Input"]:
        """The tables that are read for it: itself."""
        return (self,)

    @property
    def is_given(self) -> bool:
        """Whether the function has a parameter of its name."""
        return self.reads in GIVEN

    @property
    def is_of_day(self) -> bool:
        """Whether it differs from day to day."""
        return self.reads in {Reads.SAME_DAY, Reads.UP_TO_DAY}


@dataclass(frozen=True, slots=True)
class Intermediate:
    """What tables are made from, worked out of others and stored nowhere."""

    name: str
    inputs: Sequence[Input]
    is_of_day: bool = False
    is_given: bool = True


def whole(table: str) -> Input:
    """Declare that a table without days is read, or all days of one."""
    return Input(table, Reads.WHOLE)


def same_day(table: str, *, is_optional: bool = False) -> Input:
    """Declare that the same day of a daily table is read, if it has to be there."""
    return Input(table, Reads.SAME_DAY, is_optional)


def up_to_day(table: str) -> Input:
    """Declare that a daily table is read up to the day that is made."""
    return Input(table, Reads.UP_TO_DAY)


def any_day(table: str) -> Input:
    """Declare that a daily table is read for the days that turn out to be made."""
    return Input(table, Reads.ANY_DAY)


def passed(table: str) -> Input:
    """Declare that a table, or the same day of it, has to have passed its gate."""
    return Input(table, Reads.RESULT)


def read_to_end(table: str) -> Input:
    """Declare that it matters when a table was last read to its end."""
    return Input(table, Reads.END)


def earlier(table: str) -> Input:
    """Declare that a table, or any day of one, is read as an earlier run stored it."""
    return Input(table, Reads.EARLIER)


PURCHASES = Intermediate(
    "purchases",
    (
        up_to_day("raw_sales"),
        whole("customer_identities"),
        whole("customers"),
        whole("ecom_orders"),
    ),
    is_of_day=True,
)
"""Everything that counts up to the day, and whose it is."""

PEOPLE = Intermediate(
    "people",
    (whole("customer_identities"), whole("customers"), whole("ecom_orders")),
)
"""Every person with name and contacts, from the records as they are now."""

QUARANTINED_SALES = Intermediate(
    "quarantined_sales", (whole("sales_feed"), whole("outlets"))
)
"""The sales in quarantine, with what was last known of them."""

SOLD_ORDER_NUMBERS = Intermediate(
    "sold_order_numbers", (earlier("raw_sales"), earlier("sales_feed"))
)
"""Opens the order numbers that stored sales name, as an earlier run stored them."""

IDENTITY_OVERRIDES = Intermediate("identity_overrides", ())
"""The merges that a person forces or forbids, from the file in the data directory."""

RECONCILED_ORDERS = Intermediate(
    "reconciled_orders", (whole("ecom_reconciliation"),), is_of_day=True
)
"""``ecom_reconciliation`` if it is as of the day, or nothing."""


class Effect(StrEnum):
    """What a failed check does to its table."""

    STOPS = "stops the table"
    WARNS = "warns"
    EITHER = "warns, or stops the table where much is wrong"


@dataclass(frozen=True, slots=True)
class Check:
    """A check in plain words: what is so when it passes, and what its failure does."""

    sentence: str
    effect: Effect
    may_be_accepted: bool = False

    @property
    def blocks(self) -> bool:
        """Whether a failure can stop the table."""
        return self.effect is not Effect.WARNS

    @property
    def description(self) -> str:
        """The check as the UI shows it."""
        accepted = ", unless a person accepts it" if self.may_be_accepted else ""
        return f"{self.sentence} A failure {self.effect}{accepted}."


_SCHEMAS = "analytics_pipeline.model.schemas"

MATCHES_SCHEMA = Check("Every row and column is as the contract says.", Effect.STOPS)


class Kept(StrEnum):
    """How the rows of a table are kept in the store."""

    LOG = "in a log of every version, to which rows are only appended"
    CURRENT = "as they are now; a run makes them again where they are not there"
    HISTORY = "as they were known on each day, which cannot be worked out again"
    NOT = "not at all: the table is a file for people"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """Everything that is known of a table.

    Attributes:
        name: asset key, folder and function.
        form: where its schema is in ``model.schemas``, as ``module:Class``.
        key: the column that names a row.
        group: its place in the story.
        kinds: what it is made with and kept as, for the UI.
        inputs: what it is made from: tables, and what is worked out of them. Its
            function has a parameter for each, and loads no other table.
        checks: the checks beside that of the schema, by name.
        summary: what the table is.
        row: what one row is.
        use: what the table is for.
        when_red: what a person does about a failure.
        kept: how its rows are kept.
        begins: what a run logs when it begins to make the table.
        ends: what a run logs of the stored table, sentence by sentence, with its
            figures: ``rows`` is how many it holds, money is under its name without
            ``_cents``.
        version: of its form; raised whenever its columns, their types or what they
            may hold change.
        read_since: the version whose days are read as they are: since then a column
            may hold more words, and nothing else is new.  By default that of now.
        remade: how a run makes it again, for a table that is ``CURRENT``.
        memory: the forms of the tables that it keeps for itself, by their folder below
            its own.
        file: the file that people open, in the data directory; without one the table
            is in the store.
        is_daily: whether it has one partition for each business day.
        source: where it is read from, for a table that is delivered.
        taken_from: the table from which it takes over columns of the same name.
        renamed: columns that have another name there.
        worked_out: columns of the same name that hold something else.
    """

    name: str
    form: str
    key: str
    group: Group
    kinds: frozenset[str]
    inputs: Sequence[Input | Intermediate]
    checks: Mapping[str, Check]
    summary: str
    row: str
    use: str
    when_red: str
    kept: Kept
    begins: str
    ends: Sequence[str]
    version: int = 1
    read_since: int | None = None
    remade: str = "it is worked out again"
    memory: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None
    is_daily: bool = False
    source: Source | None = None
    taken_from: str | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    worked_out: frozenset[str] = frozenset()

    @property
    def schema(self) -> "type[Table]":
        """Its columns, as a pandera model, which is imported when it is asked for."""
        return cast("type[Table]", resolve_name(f"{_SCHEMAS}.{self.form}"))

    @property
    def all_checks(self) -> dict[str, Check]:
        """The checks by name, that of the schema first."""
        return {SCHEMA_CHECK: MATCHES_SCHEMA, **self.checks}

    @property
    def parameters(self) -> list[str]:
        """The names of the inputs that its function is given."""
        return [each.name for each in self.inputs if each.is_given]

    @property
    def tables_read(self) -> list[Input]:
        """The tables that are read for it, by itself or by the gate, each once."""
        every = (table for each in self.inputs for table in each.inputs)
        return list({table.name: table for table in every}.values())

    @property
    def is_made_by_day(self) -> bool:
        """Whether each day is made by itself, from what is known up to that day."""
        return self.is_daily and any(each.is_of_day for each in self.inputs)

    @property
    def folders(self) -> dict[str, str]:
        """The forms of what it keeps in the store, by folder; its own is the first."""
        if self.kept is Kept.NOT:
            return {}
        below = {f"{self.name}/{folder}": each for folder, each in self.memory.items()}
        return {self.name: self.form, **below}

    @property
    def columns(self) -> set[str]:
        """The names of its columns."""
        return set(self.schema.to_schema().columns)

    @property
    def taken_columns(self) -> dict[str, str]:
        """The columns that it takes over unchanged, and their names there."""
        if self.taken_from is None:
            return {}
        same = self.columns & TABLES[self.taken_from].columns - self.worked_out
        return {name: name for name in same} | dict(self.renamed)

    def audit(self, frame: "pd.DataFrame") -> "tuple[CheckResult, pd.Index]":
        """Check *frame* against the model; return the result and the offending rows."""
        from pandera.errors import SchemaErrors

        from analytics_pipeline.model.schemas.soundness import is_sound

        if not is_sound(frame, self.schema):
            try:
                self.schema.validate(frame, lazy=True)
            except SchemaErrors as errors:
                return self._explain(frame, errors.failure_cases)
        result = CheckResult(
            SCHEMA_CHECK,
            True,
            "Every row is as the contract says.",
            evidence={"rows": len(frame)},
        )
        return result, frame.index[:0]

    def _explain(
        self, frame: "pd.DataFrame", cases: "pd.DataFrame"
    ) -> "tuple[CheckResult, pd.Index]":
        """Say which rules of which columns failed, never the offending values."""
        import pandas as pd

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
        result = CheckResult(
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
        return result, rows


# ----------------------------------------------------------------------------------
# What several tables declare alike.


def stops(sentence: str, *, may_be_accepted: bool = False) -> Check:
    """Return a check whose failure keeps a table from being stored."""
    return Check(sentence, Effect.STOPS, may_be_accepted)


def warns(sentence: str) -> Check:
    """Return a check whose failure is reported, and stops nothing."""
    return Check(sentence, Effect.WARNS)


def either(sentence: str, *, may_be_accepted: bool = False) -> Check:
    """Return a check that warns of a little, and stops the table for much."""
    return Check(sentence, Effect.EITHER, may_be_accepted)


UPDATE_AGAIN = "The tab Checks says why. Fix that, then run the job `daily_update`."
LIGHTSPEED_AGAIN = (
    "The log of the run says whether Lightspeed could be reached and what it refused. "
    "Nothing is lost: the job `daily_update` reads on where it stopped."
)

_CATCH_UP = (read_to_end("sales_feed"), read_to_end("customers"), passed("outlets"))
"""When both feeds were last read to their end, and in which zones the day has ended."""

_SOUND = {
    "rows_are_sound": either(
        "Few records break a rule; those that do are rejected.",
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

_ANOMALY_CHECKS = {
    "volume_is_usual": warns(
        "The number of orders of the day is in its normal range, or above it."
    ),
    "prices_are_usual": either(
        "The median order value of the day is in its normal range.",
        may_be_accepted=True,
    ),
    "tax_is_usual": warns(
        "The share of the day's sales with tax is in its normal range."
    ),
    "hours_are_usual": warns(
        "The day's sales at the till are at the shop's normal hours."
    ),
    "sales_stand_once": warns(
        "Few sales of the day repeat another one under a second id."
    ),
}


# ----------------------------------------------------------------------------------
# The tables.


SALES_FEED = TableSpec(
    name="sales_feed",
    form="sources:SalesFeed",
    key="sale_id",
    group=Group.SOURCES,
    kinds=frozenset({"lightspeed", "parquet"}),
    source=Source.LIGHTSPEED,
    inputs=(earlier("outlets"),),
    summary="Every version of every sale that Lightspeed delivered, in an "
    "append-only log.\n\nEach run reads on from where the last one ended.",
    row="one version of one sale as delivered; of its note, one line at most",
    use="Everything that is said of sales comes from this log, so any past "
    "day can be made again without asking Lightspeed.",
    when_red=LIGHTSPEED_AGAIN,
    kept=Kept.LOG,
    version=3,
    begins="Reading on in Lightspeed's feed of sales, from where it was left.",
    ends=(
        "Read {records_read:,} sales in {requests:,} requests.",
        "{repaired:,} were repaired after the comparison with its search.",
        "The log holds {rows_in_log:,} versions now.",
    ),
    checks=_SOUND
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
)

OUTLETS = TableSpec(
    name="outlets",
    form="sources:Outlets",
    key="outlet_id",
    group=Group.SOURCES,
    kinds=frozenset({"lightspeed", "parquet"}),
    source=Source.LIGHTSPEED,
    inputs=(),
    summary="The outlets with their time zones, and the store's own.",
    row="one outlet with its time zone",
    use="It decides on which business day a sale is.",
    when_red=LIGHTSPEED_AGAIN,
    kept=Kept.CURRENT,
    version=2,
    remade="it is read again from Lightspeed",
    begins="Reading the outlets and their time zones from Lightspeed.",
    ends=("{rows:,} outlets are known.",),
    checks={
        "one_currency": stops(
            "The store and every outlet sell in one currency of at most two "
            "decimals, the same as ever (rule 1.6)."
        ),
        "time_zone_agrees": warns(
            "The store's time zone is the configured one, and every outlet's exists."
        ),
        "outlets_are_all_there": stops(
            "Nothing known before of outlets and store is gone.",
            may_be_accepted=True,
        ),
        "phone_region_is_known": warns(
            "Phone numbers without a country code can be read."
        ),
    },
)

CUSTOMERS = TableSpec(
    name="customers",
    form="sources:Customers",
    key="customer_id",
    group=Group.SOURCES,
    kinds=frozenset({"lightspeed", "parquet"}),
    source=Source.LIGHTSPEED,
    inputs=(whole("outlets"),),
    summary="The customer records; of a deleted one, only hashed keys are kept.",
    row="one customer record; of a deleted one only hashed keys",
    use="Names and contacts of the master, and the keys that join people.",
    when_red=LIGHTSPEED_AGAIN,
    kept=Kept.CURRENT,
    version=2,
    remade="it is read again from Lightspeed",
    begins="Reading the customer records that changed from Lightspeed.",
    ends=("Read {read:,} changed records.", "{rows:,} are known."),
    checks=_SOUND
    | {
        "contacts_are_valid": warns(
            "The share of valid e-mails and phone numbers is in its normal range."
        ),
    }
    | _ONE_ADDRESS
    | _ONE_SPELLING,
)

CUSTOMER_LOG = TableSpec(
    name="customer_log",
    form="sources:CustomerLog",
    key="customer_id",
    group=Group.SOURCES,
    kinds=frozenset({"pandas", "parquet"}),
    inputs=(whole("customers"),),
    summary="What was known of every customer record, version by version, in an "
    "append-only log.\n\nNo name and no contact: keyed hashes, group and consent.",
    row="one version of what was known of a customer record",
    use="What was known at an earlier moment: who was whose duplicate, in which group, "
    "and what they had agreed to. It cannot be made up later.",
    when_red="The log stays as it is, and so does everything else. "
    "The tab Checks says why.",
    kept=Kept.LOG,
    begins="Comparing the customer records with what was known of them.",
    ends=(
        "{appended:,} versions are new.",
        "The log holds {rows_in_log:,} versions now.",
    ),
    checks={
        "log_is_what_was_read": stops(
            "The last version of each record is the record as it was read (rule 15.1)."
        )
    },
    taken_from="customers",
)

PRODUCTS = TableSpec(
    name="products",
    form="sources:Products",
    key="product_id",
    group=Group.SOURCES,
    kinds=frozenset({"lightspeed", "parquet"}),
    source=Source.LIGHTSPEED,
    # Read after the sales, so that no sale names a product that came later.
    inputs=(read_to_end("sales_feed"),),
    summary="Every version of every product that Lightspeed delivered, in an "
    "append-only log.\n\nEach run reads what changed, and the first one of a week all.",
    row="one version of one product as delivered, with its family, category, brand and "
    "supplier",
    use="What a line of a sale was called on any day, and which variants are one "
    "product.",
    when_red=LIGHTSPEED_AGAIN,
    kept=Kept.LOG,
    begins="Reading the products that changed from Lightspeed.",
    ends=(
        "Read {records_read:,} products, {appended:,} of them new or changed.",
        "The log holds {rows_in_log:,} versions now.",
    ),
    checks=_SOUND
    | {
        "log_is_what_was_read": stops(
            "The last version of each product is the product as it was read "
            "(rule 15.1)."
        ),
        "known_products_are_there": warns(
            "A full read finds every known product, in no older version."
        ),
    },
)

ECOM_FEED = TableSpec(
    name="ecom_feed",
    form="sources:EcomFeed",
    key="order_number",
    group=Group.SOURCES,
    kinds=frozenset({"parquet"}),
    source=Source.WEB_SHOP,
    inputs=(earlier("ecom_orders"),),
    summary="Every version of every web order that the web shop delivered, in an "
    "append-only log.\n\nWith `ECWID_STORE_ID` and `ECWID_TOKEN` each run reads what "
    "changed from the web shop itself; else what an export changes is put in.",
    row="one version of one web order as delivered; of its buyer a keyed hash",
    use="Web orders are made from it, and what was known of them on any day.",
    when_red="The web shop could not be read as it should; the orders of the last run "
    "stay. See `analytics-pipeline doctor`, then run an update again.",
    kept=Kept.LOG,
    memory=MappingProxyType({"contacts": "sources:EcomContacts"}),
    begins="Reading the web orders that changed.",
    ends=("The log of web orders holds {rows_in_log:,} versions now.",),
    checks=_SOUND
    | {
        "known_orders_are_there": either(
            "A full walk shows every known order, or the web shop deleted it.",
            may_be_accepted=True,
        ),
    },
)

ECOM_ORDERS = TableSpec(
    name="ecom_orders",
    form="sources:EcomOrders",
    version=2,
    key="order_number",
    group=Group.SOURCES,
    kinds=frozenset({"csv", "parquet"}),
    source=Source.WEB_SHOP,
    inputs=(whole("ecom_feed"), SOLD_ORDER_NUMBERS),
    summary="The web shop's orders: the latest version of each, as it was read from "
    "the web shop itself, or its export; none without either.",
    row="one web-shop order",
    use="Web orders that never became a sale count too, each once.",
    when_red="The export cannot be used; the orders of the last good one stay. "
    "Export the orders again, put the file in place of "
    "`ecom_orders_export.csv` in the data directory, and run the job "
    "`ecom_import`.",
    kept=Kept.CURRENT,
    remade="it is read again from the export, or made from the log of web orders",
    begins="Taking the web shop's orders.",
    ends=("{rows:,} web orders are in it.", "They are worth {total}."),
    checks={
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
)

RAW_SALES = TableSpec(
    name="raw_sales",
    form="sales:RawSales",
    key="sale_id",
    group=Group.SALES,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(whole("sales_feed"), whole("outlets"), read_to_end("customers")),
    is_daily=True,
    summary="The sales of each business day, latest version, cut from the log.\n\n"
    "A late change re-opens only the day that it touches.",
    row="one sale, latest version",
    use="The sales of each business day, and whether their money counts; all "
    "figures are added up from here.",
    when_red=f"{UPDATE_AGAIN} Days that passed are stored all the same.",
    kept=Kept.CURRENT,
    version=3,
    remade="it is cut again from the log",
    begins="Cutting business days from the log of sales.",
    ends=("{rows:,} sales, {orders:,} of them orders, worth {value}.",),
    checks=_CAUGHT_UP
    | _ANOMALY_CHECKS
    | {
        "words_are_known": warns("Every state, status and attribute is a known word."),
        "starts_with_the_first_sale": warns("No sale is earlier than the first day."),
        "no_sale_is_a_little_short": warns(
            "No sale that waits for its hand-over lacks less than 1.00 of being "
            "paid (rule 2.1)."
        ),
    }
    | _ONE_SPELLING,
    taken_from="sales_feed",
    worked_out=frozenset({"state", "attributes"}),
)

SALE_LINES = TableSpec(
    name="sale_lines",
    form="sales:SaleLines",
    key="line_id",
    group=Group.SALES,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(
        whole("sales_feed"),
        whole("outlets"),
        whole("products"),
        any_day("raw_sales"),
    ),
    is_daily=True,
    summary="The lines of the sales of each business day, each of its kind.\n\n"
    "A day is made again when its sales are.",
    row="one line of a sale: product, quantity, value, cost",
    use="What was sold: goods, discounts, shipping, gift cards.",
    when_red=UPDATE_AGAIN,
    kept=Kept.CURRENT,
    remade="it is made again from the log",
    begins="Listing the lines of the sales of each day that changed.",
    ends=("{rows:,} lines, worth {value}.",),
    checks={
        "conserves_lines": stops(
            "The lines of the sales that count add up to these sales, to the cent "
            "(rule 12.3)."
        ),
        "lines_are_explained": warns(
            "The lines of each sale that counts come to its total."
        ),
        "products_are_known": warns(
            "Every product that goods of the day name is among the products."
        ),
    },
)

CUSTOMER_IDENTITIES = TableSpec(
    name="customer_identities",
    form="customers:CustomerIdentities",
    key="record_id",
    group=Group.CUSTOMERS,
    kinds=frozenset({"pandas", "parquet"}),
    inputs=(whole("customers"), whole("ecom_orders"), IDENTITY_OVERRIDES),
    summary="Which customer records and web-shop e-mails are one person, and why.",
    row="one record or web-shop e-mail, its person and why",
    use="It joins duplicates, so that everyone is in the master once.",
    when_red=f"{UPDATE_AGAIN} People joined wrongly are kept apart in "
    "`identity_overrides.csv`.",
    kept=Kept.CURRENT,
    begins="Working out which records are one person.",
    ends=("{people:,} people, {merged:,} duplicate records among them.",),
    checks={
        "every_record_has_one_person": stops(
            "Each live customer record belongs to exactly one person (rule 7.2)."
        ),
        "nothing_is_kept_apart": warns(
            "No override keeps records apart that share a key (rule 3.4)."
        ),
        "people_look_right": warns(
            "No one has many records, or names without "
            "a common word: the signs of several people in one."
        ),
        "placeholders_are_few": warns(
            "The number of records with a placeholder or shared contact is in "
            "its normal range."
        ),
    },
)

CUSTOMER_ANALYTICS = TableSpec(
    name="customer_analytics",
    form="customers:CustomerAnalytics",
    key="customer_id",
    group=Group.CUSTOMERS,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(
        PURCHASES,
        whole("customer_identities"),
        whole("ecom_orders"),
        QUARANTINED_SALES,
        *_CATCH_UP,
    ),
    is_daily=True,
    summary="The merged analytics: each person's figures as of the day.",
    row="one person's figures, without contacts",
    use="Value, orders, recency, segment and tier as of each day; the files "
    "are made from it.",
    when_red=f"{UPDATE_AGAIN} If people are really gone, accept it as the README says.",
    kept=Kept.HISTORY,
    begins="Measuring every person as of the day.",
    ends=("{rows:,} people have spent {people} in {people_orders:,} orders.",),
    checks=_CAUGHT_UP
    | {
        "sales_are_current": stops(
            "The stored sales are what the log says, each once."
        ),
        "conserves_money": stops(
            "People, unattributed and gift cards add up to sales and added "
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
            "The number of people who changed tier is in its normal range since the "
            "master before."
        ),
        "customers_have_records": warns(
            "Every customer of a sale that counts has a record (rule 3.8)."
        ),
        "walk_in_is_known": warns(
            "No record has so many orders as only the walk-in customer has (rule 3.8)."
        ),
    },
)

TIER_OUTLOOK = TableSpec(
    name="tier_outlook",
    form="insights:TierOutlook",
    key="customer_id",
    group=Group.INSIGHTS,
    kinds=frozenset({"pandas", "parquet"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        earlier("tier_outlook"),
        passed("outlets"),
    ),
    is_daily=True,
    summary="What becomes of everyone's tier if nothing more is bought.\n\n"
    "It is certain, not predicted: purchases leave the window of 90 days one by one.",
    row="one person: when the tier changes if nothing is bought, what keeps it, what "
    "raises it",
    use="Whom to remind before a tier is lost, and what is at stake.",
    when_red=UPDATE_AGAIN,
    kept=Kept.HISTORY,
    begins="Looking ahead: whose tier changes if nothing is bought.",
    ends=(
        "{drops:,} people drop a tier within 90 days unless they buy, "
        "{drops_soon:,} of them within two weeks.",
    ),
    checks={
        "tiers_are_those_of_the_day": stops(
            "Everyone's tier and value are those of the analytics (rule 9.1)."
        ),
        "forecast_came_true": warns(
            "Who bought nothing since 30 days ago has the tier that was forecast then "
            "(rule 9.3)."
        ),
    },
)

CUSTOMER_RFM = TableSpec(
    name="customer_rfm",
    form="insights:CustomerRfm",
    key="customer_id",
    group=Group.INSIGHTS,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(same_day("customer_analytics"), PURCHASES, whole("outlets")),
    is_daily=True,
    summary="Everyone by recency, frequency and value, in groups, and who has lapsed.",
    row="one person: scores and group, days between orders, lapse state, home outlet, "
    "channel",
    use="Whom to thank, whom to win back, and where to find them.",
    when_red=UPDATE_AGAIN,
    kept=Kept.HISTORY,
    begins="Scoring everyone by recency, frequency and value.",
    ends=(
        "{champions:,} people are champions, {at_risk:,} at risk, {prospects:,} "
        "prospects.",
        "{lapse_point}",
    ),
    checks={
        "scores_are_exhaustive": stops(
            "Everyone with an order has three scores, everyone is in one group, and "
            "the groups add up to the people (rule 10.2)."
        ),
    },
)

PREDICTION_MODELS = TableSpec(
    name="prediction_models",
    form="insights:PredictionModels",
    key="model",
    group=Group.INSIGHTS,
    kinds=frozenset({"pandas", "parquet"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        earlier("prediction_models"),
        passed("outlets"),
    ),
    is_daily=True,
    summary="What people are predicted from, and how far it was wrong on the past.\n\n"
    "Models are fitted on the last day of the month before. The days of a month share "
    "them, unless an order that they knew has changed.",
    row="one model: its fit, its errors on the past, and why it is not used",
    use="Whether predictions can be trusted, or why there are none.",
    when_red=UPDATE_AGAIN,
    kept=Kept.HISTORY,
    begins="Fitting models of purchases, if those of this month are not there yet.",
    ends=("{people:,} people had ordered by then. {outcome}",),
    checks={
        "models_are_sound": stops(
            "A model that is used is at an optimum, and erred less on the past than "
            "same again (rule 11.3)."
        ),
    },
)

CUSTOMER_PREDICTIONS = TableSpec(
    name="customer_predictions",
    form="insights:CustomerPredictions",
    key="customer_id",
    group=Group.INSIGHTS,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(
        same_day("prediction_models"),
        same_day("customer_analytics"),
        PURCHASES,
        earlier("customer_predictions"),
        passed("outlets"),
    ),
    is_daily=True,
    summary="What each person will probably buy next, and when.\n\n"
    "Everyone's cells are empty where no model can be trusted: `prediction_models` "
    "says why.",
    row="one person with an order: orders and value expected in a year, chance of an "
    "order, date of the next one",
    use="Who will probably be worth much, and who is due.",
    when_red=UPDATE_AGAIN,
    kept=Kept.HISTORY,
    begins="Predicting what people buy next.",
    ends=("{predicted:,} of {rows:,} people are predicted. {outcome}",),
    checks={
        "calibration_holds": warns(
            "About as many people ordered since 90 days ago as were expected then "
            "(rule 11.3)."
        ),
    },
)

FIRST_TIME_BUYERS = TableSpec(
    name="first_time_buyers",
    form="exports:FirstTimeBuyers",
    key="customer_id",
    group=Group.EXPORTS,
    kinds=frozenset({"csv"}),
    inputs=(same_day("customer_analytics"), PEOPLE, *_CATCH_UP),
    is_daily=True,
    summary="The people with exactly one order as of the day, newest first.",
    row="one person with exactly one order",
    use="Whom to win for a second order.",
    when_red=UPDATE_AGAIN,
    kept=Kept.NOT,
    begins="Listing the people with exactly one order.",
    ends=("{rows:,} people have exactly one order.",),
    file="first_time_buyers.csv",
    checks=_CAUGHT_UP,
    taken_from="customer_analytics",
    renamed=MappingProxyType(
        {
            "first_purchase_date": "first_order_date",
            "days_since_first_purchase": "days_since_last_order",
        }
    ),
)

CUSTOMER_ANALYTICS_MASTER = TableSpec(
    name="customer_analytics_master",
    form="exports:CustomerAnalyticsMaster",
    key="customer_id",
    group=Group.EXPORTS,
    kinds=frozenset({"csv"}),
    inputs=(
        same_day("customer_analytics"),
        same_day("tier_outlook"),
        same_day("customer_rfm"),
        same_day("customer_predictions"),
        PEOPLE,
        passed("first_time_buyers"),
        *_CATCH_UP,
    ),
    is_daily=True,
    summary="The master: every person once, with contact, figures, segment and tier.",
    row="one person with contact, figures, segment, tier",
    use="The file to work with. It is replaced whole or not at all.",
    when_red=f"{UPDATE_AGAIN} Until then the file is the last good one.",
    kept=Kept.NOT,
    begins="Putting the master together and publishing it.",
    ends=(
        "{rows:,} people, {orders:,} orders, lifetime value {lifetime_value}.",
        "{first_time_buyers:,} people have bought once.",
    ),
    version=2,
    file="customer_analytics_master.csv",
    checks=_CAUGHT_UP,
    taken_from="customer_analytics",
)

CUSTOMER_CHANGES = TableSpec(
    name="customer_changes",
    form="changes:CustomerChanges",
    key="customer_id",
    group=Group.EXPORTS,
    kinds=frozenset({"csv", "parquet"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        whole("customer_identities"),
        whole("sales_feed"),
        up_to_day("raw_sales"),
        whole("outlets"),
        any_day("customer_rfm"),
        passed("customer_rfm"),
        passed("customer_analytics_master"),
    ),
    is_daily=True,
    summary="What changed from one published master to the next, and what did it.",
    row="one change of a person since the master before, and its cause",
    use="Why a figure is another one than yesterday.",
    when_red=f"{UPDATE_AGAIN} The master is published already.",
    kept=Kept.HISTORY,
    version=2,
    read_since=1,
    memory=MappingProxyType({"published": CUSTOMER_ANALYTICS.form}),
    begins="Explaining what changed since the master before.",
    ends=("{rows:,} changes since the master before.",),
    file="reports/customer_changes.csv",
    checks={
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
)

ECOM_RECONCILIATION = TableSpec(
    name="ecom_reconciliation",
    form="reconciliation:EcomReconciliation",
    key="order_number",
    group=Group.EXPORTS,
    kinds=frozenset({"csv", "parquet"}),
    inputs=(
        whole("ecom_orders"),
        PURCHASES,
        whole("customer_identities"),
        passed("outlets"),
        passed("customer_analytics_master"),
    ),
    summary="Each web-shop order up to the published day, and how it was matched.",
    row="one web-shop order, its sales, and why it counts or not",
    use="Whether the web shop and the tills agree.",
    when_red=f"{UPDATE_AGAIN} The master is published already.",
    kept=Kept.CURRENT,
    version=2,
    begins="Holding the web shop's orders against the sales.",
    ends=("{rows:,} web orders are explained.",),
    file="reports/ecom_reconciliation.csv",
    checks={
        "categories_add_up": stops(
            "The categories add up to the orders of the "
            "export, in number and to the cent."
        ),
        "evidence_agrees": warns(
            "No order has evidence for two different sales (rule 4.3)."
        ),
        "orders_have_sales": warns(
            "Paid orders become sales within a week, with few exceptions."
        ),
        "refunds_reach_the_tills": warns(
            "No order that the web shop refunded, cancelled or marked returned "
            "still counts as a sale (rule 4.4)."
        ),
    },
)

CUSTOMER_COHORTS = TableSpec(
    name="customer_cohorts",
    form="insights:CustomerCohorts",
    key="cohort",
    group=Group.INSIGHTS,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        passed("outlets"),
        passed("customer_analytics_master"),
    ),
    is_daily=True,
    summary="What became of the people who first ordered in the same month.",
    row="one month of a cohort: who ordered again, and the value up to then",
    use="Whether newer customers come back as older ones did, and what they are worth.",
    when_red=f"{UPDATE_AGAIN} The master is published already.",
    kept=Kept.HISTORY,
    begins="Following everyone since the month of the first order.",
    ends=("{cohorts:,} cohorts of {members:,} people.",),
    checks={
        "cohorts_add_up": stops(
            "Members and values of the cohorts add up to the people with an order and "
            "their lifetime value, to the cent (rule 10.5)."
        )
    },
)

OUTLET_ANALYTICS = TableSpec(
    name="outlet_analytics",
    form="insights:OutletAnalytics",
    key="outlet_id",
    group=Group.INSIGHTS,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        whole("outlets"),
        passed("customer_analytics_master"),
    ),
    is_daily=True,
    summary="What each outlet and channel comes to, and how many people buy there.",
    row="one outlet by one channel: value, orders, people, how many came back",
    use="Which outlet wins new customers, which one keeps them, who buys at several.",
    when_red=f"{UPDATE_AGAIN} The master is published already.",
    kept=Kept.HISTORY,
    begins="Adding up what each outlet and channel comes to.",
    ends=("{outlets:,} outlets, worth {value}.",),
    checks={
        "outlets_add_up": stops(
            "Value and orders of the outlets add up to the shop's, to the cent, and "
            "new people to the people with an order (rule 12.2)."
        )
    },
)

PRODUCT_ANALYTICS = TableSpec(
    name="product_analytics",
    form="insights:ProductAnalytics",
    key="product_id",
    group=Group.INSIGHTS,
    kinds=frozenset({"duckdb", "parquet"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        any_day("sale_lines"),
        whole("products"),
        passed("outlets"),
        passed("customer_analytics_master"),
    ),
    is_daily=True,
    summary="What people buy first, and whether they come back for more.",
    row="one product that somebody bought first: who came back, their value, what next",
    use="Which product to show to new customers, and which one to offer next.",
    when_red=f"{UPDATE_AGAIN} The master is published already.",
    kept=Kept.HISTORY,
    begins="Following everyone since the product of the first order.",
    ends=("{rows:,} products were bought first.",),
    checks={
        "buyers_are_counted_once": stops(
            "No product has more first buyers than there are people with an order, or "
            "more who came back than first buyers (rule 12.4)."
        )
    },
)

CUSTOMER_REPORT = TableSpec(
    name="customer_report",
    form="report:CustomerReport",
    key="figure",
    group=Group.REPORTS,
    kinds=frozenset({"html"}),
    inputs=(
        same_day("customer_analytics"),
        PURCHASES,
        whole("customer_identities"),
        whole("ecom_orders"),
        same_day("customer_changes", is_optional=True),
        RECONCILED_ORDERS,
        passed("customer_analytics_master"),
        *_CATCH_UP,
    ),
    is_daily=True,
    summary="The page of the morning: figures, plots, changes, and their proof.",
    row="one number of the day's report, of people together",
    use="The page to look at in the morning: revenue, customers, who comes "
    "back, what changed, and whether it is right.",
    when_red=f"{UPDATE_AGAIN} The master is published already.",
    kept=Kept.HISTORY,
    begins="Drawing the report, and holding it against the stored figures.",
    ends=("{people:,} people, {the_day_orders:,} orders on the day.",),
    file="reports/customer_report.html",
    checks={
        "figures_add_up": stops(
            "Every list of the report adds up to the stored figures, to the cent."
        )
    },
)


TABLES: Mapping[str, TableSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            SALES_FEED,
            OUTLETS,
            CUSTOMERS,
            CUSTOMER_LOG,
            PRODUCTS,
            ECOM_FEED,
            ECOM_ORDERS,
            RAW_SALES,
            SALE_LINES,
            CUSTOMER_IDENTITIES,
            CUSTOMER_ANALYTICS,
            TIER_OUTLOOK,
            CUSTOMER_RFM,
            PREDICTION_MODELS,
            CUSTOMER_PREDICTIONS,
            FIRST_TIME_BUYERS,
            CUSTOMER_ANALYTICS_MASTER,
            CUSTOMER_CHANGES,
            ECOM_RECONCILIATION,
            CUSTOMER_COHORTS,
            OUTLET_ANALYTICS,
            PRODUCT_ANALYTICS,
            CUSTOMER_REPORT,
        )
    }
)
"""Every table by its name, in the order in which they are made."""

SNAPSHOTS = tuple(
    spec.name for spec in TABLES.values() if spec.is_daily and spec is not RAW_SALES
)
"""The tables that are made for every day and need nothing of an earlier day's."""
