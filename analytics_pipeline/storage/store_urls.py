"""Which URLs are no place for tables, though fsspec knows what they are."""

_KEEP_NOTHING = {
    "memory": "keeps the tables only until the process ends",
    "pyscript": "keeps the tables only until the page is closed",
    **dict.fromkeys(
        (
            "data",
            "http",
            "https",
            "git",
            "github",
            "gist",
            "reference",
            "wandb",
            "dask",
        ),
        "can be read but not written",
    ),
    **dict.fromkeys(
        ("zip", "tar", "libarchive"), "is an archive, which is not written file by file"
    ),
    **dict.fromkeys(
        ("cached", "filecache", "blockcache", "simplecache"),
        "is a copy of another place, which may be out of date",
    ),
    **dict.fromkeys(
        ("async_wrapper", "asyncwrapper", "asynclocal", "generic", "dir"),
        "says nothing of where the tables are to be",
    ),
}
"""What is wrong with the kinds of URL that fsspec knows but that keep no tables."""


def name_unfit(url: str) -> str | None:
    """Return why tables cannot be kept at *url*, to end a sentence; else nothing."""
    kind, separator, _rest = url.partition("://")
    if not separator:
        return None
    for layer in kind.strip().lower().split("::"):
        if layer in _KEEP_NOTHING:
            return f"{layer}:// {_KEEP_NOTHING[layer]}"
    return f"{kind}:// is a chain of places" if "::" in url else None
