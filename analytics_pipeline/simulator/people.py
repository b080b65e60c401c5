"""The people of the simulated store: invented names, numbers and addresses.

Two records share a contact only where the story wants it: every fresh e-mail and
every fresh number is handed out once.
"""

from dataclasses import dataclass, field
from random import Random

_FIRST_NAMES = (
    "Anna Ben Carla David Emma Frank Grace Henry Iris Jonas Kate Leo Mara Noah Olga "
    "Paul Quinn Rosa Sam Tara Uma Victor Wendy Xavier Yara Zoe Alice Bruno Clara"
)
_LAST_NAMES = (
    "Abbott Baker Carter Dawson Ellis Foster Garner Hayes Ingram Jensen Keller Lowe "
    "Mercer Nolan Osborne Parker Quigley Reed Sawyer Tanner Underhill Vance Walsh "
    "Xiong Young Zeller Archer Becker"
)
FIRST_NAMES, LAST_NAMES = _FIRST_NAMES.split(), _LAST_NAMES.split()
UNICODE_NAMES = (
    ("José", "Ñandú"),
    ("Søren", "Ångström"),
    ("美咲", "田中"),
    ("Олена", "Шевченко"),
    ("محمد", "العربي"),
    ("Zoë", "O’Brien-Łukasz"),
    ("E\u0301lodie", "Dupre\u0301"),
    ("Flower", "Power 🌻👩‍🌾"),
)
HOSTILE_NAMES = (
    ('=HYPERLINK("http://example.com","click")', None),
    ("+x", "Plus"),
    ("-Dash", "Minus"),
    ("@SUM(A1:A9)", None),
    ("Robert'; DROP TABLE customers;--", "Tables"),
    ('Quote "Q"', "Comma, Jr."),
    ("Line\nBreak", "Feed"),
    ("Semi;colon", "Tab\tinside"),
    ("\u202eright to left", "עברית"),
    ("<b>Bold</b>", "&amp; Co"),
    ("Very long " * 40 + "name", None),
    ("NULL", "nan"),
)
_AREA_CODES = (
    "201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 "
    "229 231 234 239 240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 "
    "303 304 305 307 308 309 310 312 313 314 315 316 317 318 319 320 321 323 325 330 "
    "334 336 337 339 347 351 352 360 361 386 401 402 404 405 406 407 408 409 410 412 "
    "413 414 415 417 419 423 425 430 432 434 435 440 443 469 478 479 480 484 501 502 "
    "503 504 505 507 508 509 510 512 513 515 516 517 518 520 530 540 541 551 559 561 "
    "562 563 567 570 571 573 574 580 585 586 601 602 603 605 606 607 608 609 610 612 "
    "614 615 616 617 618 619 620 623 626 630 631 636 641 646 650 651 660 661 662 678 "
    "682 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 727 731 "
    "732 734 740 754 757 760 763 765 770 772 773 774 775 781 785 786 901 903 904 906"
)
AREA_CODES = _AREA_CODES.split()
NUMBERS_PER_AREA = 100
PHONE_FORMATS = (
    "({0}) {1}-{2}",
    "{0}-{1}-{2}",
    "{0}{1}{2}",
    "+1 {0} {1} {2}",
    "1-{0}-{1}-{2}",
    "+1{0}{1}{2}",
    "{0}.{1}.{2}",
    "+1 ({0}) {1}-{2}",
)
INVALID_EMAILS = ("{0}.example.com", "{0}@", "{0}@@example.com", "{0} @example.com")
PLACEHOLDER_EMAILS = (
    "noemail@example.com",
    "no-email{0}@example.com",
    "none@example.com",
    "Customer@example.com",
    "test@example.com",
    "placeholder.{0}@example.com",
    "none@",
)
REPEATED_PHONES = ("555-555-5555", "0000000000", "8888888888", "(999) 999-9999")
INVALID_PHONES = ("555-0123", "n/a", "ask at the till", "12345", "+x")


@dataclass(slots=True)
class Contact:
    """What is typed into a customer form."""

    first_name: str | None = None
    last_name: str | None = None
    company_name: str | None = None
    email: str | None = None
    phone: str | None = None
    mobile: str | None = None


@dataclass(slots=True)
class Crowd:
    """Who exists, who buys often, and which contacts were handed out."""

    regulars: list[str] = field(default_factory=list)
    occasionals: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)
    genuine: dict[str, Contact] = field(default_factory=dict)
    web_only: list[tuple[str, str]] = field(default_factory=list)
    arrived: int = 0
    emails_given: int = 0
    numbers_given: int = 0

    def fresh_email(self, first: str, last: str) -> str:
        """Hand out an unused address."""
        self.emails_given += 1
        stem = "".join(c for c in f"{first}.{last}".lower() if c in STEM_LETTERS)
        return f"{stem.strip('.') or 'guest'}{self.emails_given}@example.com"

    def fresh_number(self) -> str | None:
        """Hand out ten unused digits; None when all are taken."""
        number, area = divmod(self.numbers_given, len(AREA_CODES))
        if number >= NUMBERS_PER_AREA:
            return None
        self.numbers_given += 1
        return f"{AREA_CODES[area]}55501{number:02d}"


STEM_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz.")


def draw_name(rng: Random) -> tuple[str, str]:
    """Draw an ordinary first and last name."""
    return rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)


def type_number(rng: Random, digits: str | None) -> str | None:
    """Write ten digits in one of the ways in which people type them."""
    if digits is None:
        return None
    pattern = rng.choice(PHONE_FORMATS)
    return pattern.format(digits[:3], digits[3:6], digits[6:])


def ordinary(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody with a name, an e-mail and a number."""
    first, last = draw_name(rng)
    contact = Contact(first, last, email=crowd.fresh_email(first, last))
    number = type_number(rng, crowd.fresh_number())
    if rng.random() < 0.7:
        contact.phone = number
    else:
        contact.mobile = number
    return contact


def with_email_only(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody without a number; half of them have an empty cell, not none."""
    first, last = draw_name(rng)
    blank = rng.choice(("", None))
    return Contact(
        first, last, email=crowd.fresh_email(first, last), phone=blank, mobile=blank
    )


def with_phone_only(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody without an e-mail, with one or two numbers."""
    first, last = draw_name(rng)
    contact = Contact(first, last, phone=type_number(rng, crowd.fresh_number()))
    if rng.random() < 0.3:
        contact.mobile = type_number(rng, crowd.fresh_number())
    return contact


def without_contact(_crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody with a name at most."""
    return Contact() if rng.random() < 0.5 else Contact(*draw_name(rng))


def company_only(crowd: Crowd, rng: Random) -> Contact:
    """Draw a firm without a person's name."""
    last = rng.choice(LAST_NAMES)
    return Contact(
        company_name=f"{last} & Sons", email=crowd.fresh_email("office", last)
    )


def with_untidy_email(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose e-mail was typed with blanks and capitals."""
    first, last = draw_name(rng)
    email = crowd.fresh_email(first, last)
    typed = rng.choice((f" {email}", f"{email.upper()}  ", email.title()))
    return Contact(first, last, email=typed)


def with_invalid_email(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose e-mail cannot be one."""
    first, last = draw_name(rng)
    typed = rng.choice(INVALID_EMAILS).format(first.lower())
    return Contact(
        first, last, email=typed, phone=type_number(rng, crowd.fresh_number())
    )


def with_placeholder_email(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose e-mail was made up at the till."""
    first, last = draw_name(rng)
    typed = rng.choice(PLACEHOLDER_EMAILS).format(rng.randrange(1000))
    phone = type_number(rng, crowd.fresh_number()) if rng.random() < 0.5 else None
    return Contact(first, last, email=typed, phone=phone)


def with_shared_email(_crowd: Crowd, rng: Random) -> Contact:
    """Draw one of many who were all given the shop's own e-mail."""
    return Contact(*draw_name(rng), email="Front.desk@example.com")


def with_shared_phone(crowd: Crowd, rng: Random) -> Contact:
    """Draw one of many who were all given the shop's own number."""
    first, last = draw_name(rng)
    email = crowd.fresh_email(first, last) if rng.random() < 0.5 else None
    return Contact(first, last, email=email, phone=type_number(rng, "9075550199"))


def with_made_up_phone(_crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose number is one digit over and over."""
    return Contact(*draw_name(rng), phone=rng.choice(REPEATED_PHONES))


def with_invalid_phone(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose number cannot be called; some begin like a formula."""
    first, last = draw_name(rng)
    email = "+" + crowd.fresh_email(first, last)
    return Contact(first, last, email=email, phone=rng.choice(INVALID_PHONES))


def with_foreign_script(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose name is not plain ASCII."""
    first, last = rng.choice(UNICODE_NAMES)
    return Contact(first, last, email=crowd.fresh_email(first, last))


def with_hostile_name(crowd: Crowd, rng: Random) -> Contact:
    """Draw somebody whose name would break a careless file."""
    first, last = rng.choice(HOSTILE_NAMES)
    return Contact(first, last, email=crowd.fresh_email("guest", "book"))
