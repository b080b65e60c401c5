"""Ids that look like UUIDs, millions of them in a moment."""

import numpy as np
import pyarrow as pa

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_LENGTH = 36
_DASHES = (8, 13, 18, 23)
_PLACES = [place for place in range(_LENGTH) if place not in _DASHES]


def draw_ids(rng: np.random.Generator, count: int) -> pa.Array:
    """Return *count* ids as Arrow text."""
    drawn = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    digits = np.empty((count, 32), dtype=np.uint8)
    digits[:, 0::2], digits[:, 1::2] = _DIGITS[drawn >> 4], _DIGITS[drawn & 15]
    written = np.full((count, _LENGTH), ord("-"), dtype=np.uint8)
    written[:, _PLACES] = digits
    ends = np.arange(0, (count + 1) * _LENGTH, _LENGTH, dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(written.tobytes())]
    return pa.Array.from_buffers(pa.string(), count, buffers)
