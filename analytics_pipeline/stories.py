"""What each table is to a person: what a row is, what it is for, what to do when red.

The UI shows it as the description of the asset, and a run tells in the same words what
it does; the README lists the same rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

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
