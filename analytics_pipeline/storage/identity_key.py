"""The key that hashes the contacts of customers (rule 3.1), made once for a shop."""

import secrets
from pathlib import Path

from analytics_pipeline.errors import LocalFailure
from analytics_pipeline.storage.small_notes import read_word, write_note

KEY_BYTES = 32
PUT_BACK = (
    "Put it back from a backup; if there is none, remove it and run: "
    "analytics-pipeline rebuild"
)


def read_identity_key(path: Path) -> bytes:
    """Read the hash key of the data directory; make it if there is none yet.

    Raises:
        LocalFailure: it is damaged; another one would tie no deleted record any more.
    """
    if not path.exists():
        write_note(path, secrets.token_hex(KEY_BYTES) + "\n")
    text = read_word(path, PUT_BACK) or ""
    if len(text) != 2 * KEY_BYTES or not set(text) <= set("0123456789abcdef"):
        raise LocalFailure(
            f"{path} (the identity_key) is damaged.",
            PUT_BACK,
        )
    return bytes.fromhex(text)
