"""What ``explain`` says of a person's figures, segment and tier, in sentences."""

from collections.abc import Mapping
from datetime import date, timedelta

from analytics_pipeline.domain.explanation import Explanation, Member, window_start
from analytics_pipeline.domain.identity_edges import EdgeKind
from analytics_pipeline.domain.money import format_cents
from analytics_pipeline.domain.tier_outlook import Outlook, TierChange
from analytics_pipeline.vocabulary import RecordKind, Tier

JOINED = {
    EdgeKind.FORCED.word: "declared the same as {} in identity_overrides.csv",
    EdgeKind.EMAIL.word: "shares an e-mail with {}",
    EdgeKind.PHONE.word: "shares a phone number with {}",
}
"""How an edge of each kind joins a record to another one."""


def tell_person(explanation: Explanation) -> dict[str, str]:
    """Say who it is, as the master shows it."""
    told = {
        "id": explanation.person_id,
        "e-mail": explanation.email,
        "phone": explanation.phone,
        "as of": explanation.as_of.isoformat(),
    }
    if not explanation.has_row:
        told["no row"] = (
            "The master of this day has no row: who is known from the web shop alone "
            "needs an order that counts."
        )
    return {name: value for name, value in told.items() if value}


def tell_why_member(member: Member, number_of: Mapping[str, int]) -> str:
    """Say why a record is one with the others, which have a number each."""
    is_web = member.kind == RecordKind.ECOM
    if member.standing == "own":
        why = "known from the web shop alone" if is_web else "gives the person its id"
    else:
        other = f"no. {number_of[member.joined_to]}"
        how = "ordered in the web shop with the e-mail of {}"
        why = (how if is_web else JOINED[member.joined_by]).format(other)
    if member.standing == "deleted":
        why = f"deleted; {why}"
    if member.has_placeholder_email:
        why += "; its e-mail is a placeholder, which joins nobody"
    return why


def tell_figures(explanation: Explanation) -> dict[str, str]:
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
        f"from {window_start(day)} to {day}",
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
    """Return the sum of sales and of web orders that no sale has."""
    counted = explanation.counted
    added = [line for line in counted if line.kind == "web order"]
    sales = [line for line in counted if line.kind == "sale"]
    total = format_cents(explanation.figures.lifetime_value_cents)
    if not sales or not added:
        name = "web order" if added else "sale"
        return f"{total}, the sum of {_count(len(counted), name)}"
    parts = [
        f"{format_cents(sum(line.value_cents for line in lines))} of "
        f"{_count(len(lines), name)}"
        for name, lines in (("sale", sales), ("web order", added))
    ]
    return f"{' + '.join(parts)} = {total}"


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


def tell_segment(outlook: Outlook) -> dict[str, str]:
    """Say which segment it is, and from when on the next one."""
    coming = outlook.next_segment
    if coming is None:
        return {"segment": f"{outlook.segment}; only an order changes it"}
    return {
        "segment": f"{outlook.segment}; {coming.segment} from {coming.day} on, if "
        "nothing is ordered"
    }


def tell_tier(outlook: Outlook, day: date) -> dict[str, str]:
    """Say which tier it is, when it changes, and what would keep or raise it."""
    told = {
        "tier": f"{outlook.tier}, on a value of {format_cents(outlook.value_cents)}",
        "if nothing is bought": _changes(outlook),
    }
    if outlook.keep_cents is not None:
        told["to keep it"] = (
            f"spend {format_cents(outlook.keep_cents)} between "
            f"{day + timedelta(days=1)} and {outlook.changes[0].day}, the last day too"
        )
    if outlook.next_tier is Tier.SEED:
        told["to raise it"] = "any order makes it Seed"
    elif outlook.raise_cents is not None:
        told["to raise it"] = (
            f"{outlook.next_tier} is {format_cents(outlook.raise_cents)} away"
        )
    return told


def _changes(outlook: Outlook) -> str:
    """List the changes of the tier to come."""
    if not outlook.changes:
        return "it stays"
    return "; ".join(map(_change, outlook.changes))


def _change(change: TierChange) -> str:
    return f"{change.tier} from {change.day} on ({format_cents(change.value_cents)})"


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
