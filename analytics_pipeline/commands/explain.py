"""Why a customer's row in the master is what it is, on one or two screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from analytics_pipeline.commands.explained_day import choose_explained_day
from analytics_pipeline.commands.tables import MOST_SHOWN, narrow, print_table
from analytics_pipeline.commands.terminal import Terminal
from analytics_pipeline.lazy import lazily
from analytics_pipeline.model.money import format_cents
from analytics_pipeline.model.vocabulary import RecordKind, Tier
from analytics_pipeline.settings import Settings
from analytics_pipeline.shop import open_shop

if TYPE_CHECKING:
    from analytics_pipeline.commands import person
    from analytics_pipeline.domain import explanation as parts
    from analytics_pipeline.domain import identity
    from analytics_pipeline.domain.explanation import Explanation, Line, Member
    from analytics_pipeline.domain.tiers import Outlook, TierChange
else:
    person = lazily("analytics_pipeline.commands.person")
    parts = lazily("analytics_pipeline.domain.explanation")
    identity = lazily("analytics_pipeline.domain.identity")

# ----------------------------------------------------------------------------------
# What ``explain`` says of a person's figures, segment and tier, in sentences.


def describe_person(explanation: Explanation) -> dict[str, str]:
    """Say who it is, as the master shows it."""
    values = {
        "id": explanation.person_id,
        "e-mail": explanation.email,
        "phone": explanation.phone,
        "as of": explanation.as_of.isoformat(),
    }
    if not explanation.has_row:
        values["no row"] = (
            "The master of this day has no row: who is known from the web shop alone "
            "needs an order that counts."
        )
    return {name: value for name, value in values.items() if value}


def _describe_edge(word: str) -> str:
    """Say how an edge, whose kind has that *word*, joins a record to another one."""
    kinds = identity.EdgeKind
    return {
        kinds.FORCED.word: "declared the same as {} in identity_overrides.csv",
        kinds.EMAIL.word: "shares an e-mail with {}",
        kinds.PHONE.word: "shares a phone number with {}",
    }[word]


def explain_member(member: Member, number_of: Mapping[str, int]) -> str:
    """Say why a record is one with the others, which have a number each."""
    is_web = member.kind == RecordKind.ECOM
    if member.standing == "own":
        why = "known from the web shop alone" if is_web else "gives the person its id"
    else:
        other = f"no. {number_of[member.joined_to]}"
        how = "ordered in the web shop with the e-mail of {}"
        why = (how if is_web else _describe_edge(member.joined_by)).format(other)
    if member.standing == "deleted":
        why = f"deleted; {why}"
    if member.has_placeholder_email:
        why += "; its e-mail is a placeholder, which joins no one"
    return why


def describe_figures(explanation: Explanation) -> dict[str, str]:
    """Say how what counts adds up to the figures of the row."""
    figures = explanation.figures
    day = explanation.as_of
    refunded = figures.refunded_value_cents
    return {
        "lifetime value": _sum_up(explanation),
        "orders": _orders(explanation),
        "average order": "none, for there is no order"
        if figures.average_order_value_cents is None
        else f"{format_cents(figures.lifetime_value_cents)} / {figures.order_count} = "
        f"{format_cents(figures.average_order_value_cents)}",
        "last 90 days": f"{format_cents(figures.rolling_90_day_value_cents)} in "
        f"{_count(figures.rolling_90_day_order_count, 'order')}, "
        f"from {parts.window_start(day)} to {day}",
        "refunded": f"{format_cents(refunded)} in return lines, which the sums above "
        "have taken off already"
        if refunded
        else "nothing",
        "VIP": "yes"
        if figures.is_vip
        else "no, but high value"
        if figures.is_high_value
        else "no",
    }


def _sum_up(explanation: Explanation) -> str:
    """Return the sum of sales and of web orders that no sale has, less refunds."""
    values: dict[str, list[int]] = {}
    for line in explanation.counted:
        values.setdefault(line.kind, []).append(line.value_cents)
    total = format_cents(explanation.figures.lifetime_value_cents)
    if len(values) < 2:
        kind = next(iter(values), "sale")
        return f"{total}, the sum of {_count(len(explanation.counted), kind)}"
    back = sum(values.pop("refund of web order", []))
    parts = [
        f"{format_cents(sum(values[kind]))} of {_count(len(values[kind]), kind)}"
        for kind in ("sale", "web order")
        if kind in values
    ]
    given_back = f" - {format_cents(-back)} given back" if back else ""
    return f"{' + '.join(parts)}{given_back} = {total}"


def _orders(explanation: Explanation) -> str:
    """Return how many orders there are, of which kind, and from when to when."""
    figures = explanation.figures
    if not figures.order_count:
        return "none"
    return (
        f"{figures.order_count}: {figures.ecom_order_count} eCom, "
        f"{figures.retail_order_count} retail; "
        f"first {figures.first_order_date}, last {figures.last_order_date}"
    )


def describe_segment(outlook: Outlook) -> dict[str, str]:
    """Say which segment it is, and from when on the next one."""
    coming = outlook.next_segment
    if coming is None:
        return {"segment": f"{outlook.segment}; only an order changes it"}
    return {
        "segment": f"{outlook.segment}; {coming.segment} from {coming.day} on, if "
        "nothing is ordered"
    }


def describe_tier(outlook: Outlook, day: date) -> dict[str, str]:
    """Say which tier it is, when it changes, and what would keep or raise it."""
    values = {
        "tier": f"{outlook.tier}, on a value of {format_cents(outlook.value_cents)}",
        "if nothing is bought": _changes(outlook),
    }
    if outlook.keep_cents is not None and outlook.drop_day is not None:
        values["to keep it"] = (
            f"spend {format_cents(outlook.keep_cents)} between "
            f"{day + timedelta(days=1)} and {outlook.drop_day}, the last day too"
        )
    if outlook.next_tier is Tier.SEED:
        values["to raise it"] = "any order makes it Seed"
    elif outlook.raise_cents is not None:
        values["to raise it"] = (
            f"{outlook.next_tier} is {format_cents(outlook.raise_cents)} away"
        )
    return values


def _changes(outlook: Outlook) -> str:
    """List the changes of the tier to come."""
    if not outlook.changes:
        return "it stays"
    return "; ".join(map(_change, outlook.changes))


def _change(change: TierChange) -> str:
    return f"{change.tier} from {change.day} on ({format_cents(change.value_cents)})"


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


# ----------------------------------------------------------------------------------
# Why a customer's row in the master is what it is, on one or two screens.
#
# Shows personal data on this terminal; nothing of it is logged.


def explain(
    settings: Settings,
    terminal: Terminal,
    customer: str,
    *,
    as_of: date | None = None,
) -> None:
    """Explain the row of *customer*, as of a day or the published one.

    Reads only, so it works while a run is under way.

    Raises:
        WrongUse: no one or several people match, or the day cannot be explained.
        PipelineError: what is stored cannot be explained.
    """
    shop = open_shop(settings)
    shop.versions.refuse_newer()
    day = choose_explained_day(shop, as_of)
    with terminal.working("reading what is known", is_brief=True):
        explanation = person.explain_customer(shop, customer, day)
    terminal.facts |= asdict(explanation)
    narrow(terminal.out)
    _show(explanation, terminal)


def _show(explanation: Explanation, terminal: Terminal) -> None:
    """Print the explanation, from who it is to what comes next."""
    title = explanation.name or "A customer without a name"
    _summary(terminal, title, describe_person(explanation))
    numbers = {each.record_id: n for n, each in enumerate(explanation.members, start=1)}
    print_table(
        terminal,
        "Which records are this person",
        ("no.", "record", "code", "why"),
        [
            (
                str(numbers[member.record_id]),
                member.record_id,
                member.customer_code,
                explain_member(member, numbers),
            )
            for member in explanation.members[:MOST_SHOWN]
        ],
        more=max(0, len(explanation.members) - MOST_SHOWN),
    )
    for heading, lines in (
        ("What counts", explanation.counted),
        ("What does not count", explanation.left_out),
    ):
        _show_lines(terminal, heading, lines, explanation, numbers)
    _summary(terminal, "How it adds up", describe_figures(explanation))
    outlook = explanation.outlook
    to_come = {**describe_segment(outlook), **describe_tier(outlook, explanation.as_of)}
    _summary(terminal, "Segment and tier", to_come)
    if explanation.notes:
        print_table(terminal, "Notes", ("",), [(note,) for note in explanation.notes])


def _show_lines(
    terminal: Terminal,
    title: str,
    lines: Sequence[Line],
    explanation: Explanation,
    numbers: Mapping[str, int],
) -> None:
    """Print sales and web orders; what counts in the rolling window has a star.

    Of very many only the latest, which are what matters next.
    """
    start = parts.window_start(explanation.as_of)
    earlier = max(0, len(lines) - MOST_SHOWN)
    rows = [
        (
            line.day.isoformat() + ("*" if line.counts and line.day >= start else ""),
            format_cents(line.value_cents),
            line.id if line.kind is parts.LineKind.SALE else f"{line.kind} {line.id}",
            str(numbers.get(line.record_id, "")),
            line.why,
        )
        for line in lines[earlier:]
    ]
    if any(row[0].endswith("*") for row in rows):
        title += " (* in the last 90 days)"
    headings = ("day", "value", "sale or web order", "no.", "why")
    print_table(terminal, title, headings, rows, more=earlier, kind="earlier ones")


def _summary(terminal: Terminal, title: str, lines: Mapping[str, str]) -> None:
    """Print names and what is said of each, wrapped in a second column."""
    print_table(terminal, title, ("", ""), list(lines.items()))
