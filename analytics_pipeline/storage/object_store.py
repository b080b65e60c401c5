"""A bucket as the place of the tables: its failures, and whole objects only."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from glob import has_magic
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from urllib.parse import urlsplit
from weakref import finalize

from fsspec import AbstractFileSystem
from fsspec.asyn import AsyncFileSystem, sync
from upath import UPath

from analytics_pipeline.model.errors import (
    LocalFailure,
    PipelineError,
    StoreRefused,
    StoreUnavailable,
    WrongUse,
)
from analytics_pipeline.storage.files import AnyPath, list_states
from analytics_pipeline.storage.parquet import REBUILD, refuse_unsound

# ----------------------------------------------------------------------------------
# What a failure of a bucket means, in sentences for people.


_REFUSALS = (
    "NoCredentials",
    "PartialCredentials",
    "CredentialRetrieval",
    "TokenRetrieval",
    "UnauthorizedSSOToken",
    "SSOTokenLoad",
    "ProfileNotFound",
)
"""How the names of botocore's errors begin that only a person can fix."""


def explain_failure(error: Exception, name: str) -> PipelineError:
    """Say what a failure of a bucket means; its own message may hold a key."""
    what = code_of(error) or type(error).__name__
    if isinstance(error, PermissionError) or what.startswith(_REFUSALS):
        return StoreRefused(
            f"{name} refused ({what}).",
            "Give these credentials the right to list, read, write and delete there, "
            "or correct them; then run it again.",
        )
    return StoreUnavailable(
        f"{name} did not answer as it should ({what}).",
        "See whether it can be reached from here, then run it again.",
    )


def code_of(error: BaseException | None) -> str:
    """Return the code of S3's answer behind *error*, if there is one."""
    while error is not None:
        answer = getattr(error, "response", None)
        if isinstance(answer, Mapping):
            code = str(answer.get("Error", {}).get("Code", ""))
            return code if code.isalnum() else ""
        error = error.__cause__
    return ""


# ----------------------------------------------------------------------------------
# A bucket as the place of the tables: what its failures mean, and whole objects only.
#
# Any file system that fsspec knows is wrapped, so that each of its failures comes as
# one line of cause and one of remedy. Without that, "there is no such bucket" would
# look like "nothing is stored yet", and a time-out like a damaged file.


AT_ONCE = 32
"""How many objects are fetched at the same time."""

PATIENCE = 300
"""Seconds after which a request is given up: aiohttp would wait forever for the word
that an upload may begin."""

TRIES = 2
"""How often s3fs tries a request, each time with the tries of botocore within it."""


SHORT_PATIENCE = 60
"""As ``PATIENCE``, for the few bytes of a conditional request."""

_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""What S3 answers where an object is not, or no longer, as a condition says."""


@dataclass(frozen=True, slots=True)
class Version:
    """An object as it is now.

    Attributes:
        content: its bytes.
        etag: what identifies them.
        age: seconds since it was put there, both by the clock of the store.
    """

    content: bytes
    etag: str
    age: float


class _Content(io.BytesIO):
    """The bytes of an object, with its name for messages."""

    def __init__(self, content: bytes, name: str) -> None:
        super().__init__(content)
        self.name = name


class ObjectStore(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system of fsspec whose failures say what to do.

    An object is read and written as a whole, by one request where it is small.
    """

    cachable = False
    async_impl = False

    def __init__(self, inner: AbstractFileSystem, name: str) -> None:
        """Wrap *inner*; people know it by *name*, as ``s3://bucket``."""
        super().__init__()
        self.inner, self.name = inner, name

    @contextmanager
    def _failures_explained(self) -> Iterator[None]:
        """Turn a failure into a sentence.

        That an object is not there, or is there already, is none.

        Raises:
            WrongUse: there is no such bucket.
            StoreRefused: the bucket does not let us.
            StoreUnavailable: anything else.
        """
        try:
            yield
        except PipelineError:
            raise
        except FileExistsError:
            raise
        except FileNotFoundError as error:
            if code_of(error) == "NoSuchBucket":
                raise WrongUse(
                    f"There is no bucket {self.name}.",
                    "Make it, or correct ANALYTICS_STORE.",
                ) from error
            raise
        except Exception as error:
            raise explain_failure(error, self.name) from error

    def _call(self, operation: str, *given: Any, **named: Any) -> Any:
        """Ask the file system; whatever waits for a network is given up some time."""
        if isinstance(self.inner, AsyncFileSystem):
            named["timeout"] = PATIENCE
        return getattr(self.inner, operation)(*given, **named)

    def info(self, path: str, **more: Any) -> Mapping[str, Any]:
        """Return size and kind of one object, or of a folder."""
        with self._failures_explained():
            found: Mapping[str, Any] = self._call("info", path, **more)
            return found

    def exists(self, path: str, **more: Any) -> bool:
        """Say whether there is such an object or folder; a failure is no absence."""
        try:
            self.info(path, **more)
        except FileNotFoundError:
            return False
        return True

    def isdir(self, path: str) -> bool:
        """Say that *path* can be listed: in a bucket, any name can."""
        return bool(path)

    def ls(self, path: str, detail: bool = True, **more: Any) -> list[Any]:
        """Return what lies in a folder now; one without objects is empty."""
        try:
            with self._failures_explained():
                found: list[Any] = self._call("ls", path, detail=detail, **more)
                return found
        except FileNotFoundError:
            return []

    def glob(self, path: str, maxdepth: int | None = None, **more: Any) -> Any:
        """Return the names that fit a pattern."""
        with self._failures_explained():
            return self._call("glob", path, maxdepth=maxdepth, **more)

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **more: Any
    ) -> bytes:
        """Return the bytes of an object."""
        with self._failures_explained():
            options = {**_once(self.inner), **more}
            content: bytes = self._call("cat_file", path, start, end, **options)
            return content

    def cat_all(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the bytes of many objects, fetched at the same time where it can be.

        Raises:
            FileNotFoundError: one is not there.
        """
        with self._failures_explained():
            # To fetch many at once, fsspec takes a star in a name as a pattern.
            is_literal = not any(map(has_magic, paths))
            if not (is_literal and isinstance(self.inner, AsyncFileSystem)):
                return {path: self._call("cat_file", path) for path in paths}
            options = {"batch_size": AT_ONCE, **_once(self.inner)}
            found = self._call("cat", list(paths), **options)
            # Of a single name fsspec returns the bytes alone.
            return found if isinstance(found, dict) else {paths[0]: found}

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        """Open an object to read it; its bytes are fetched at once."""
        if mode not in ("r", "rb"):
            raise ValueError("an object is replaced whole, by pipe_file")
        content = _Content(self.cat_file(path), f"{self.name}/{path.split('/', 1)[-1]}")
        if mode == "rb":
            return content
        return io.TextIOWrapper(content, encoding=more.get("encoding") or "utf-8")

    def pipe_file(
        self, path: str, value: bytes, mode: str = "overwrite", **more: Any
    ) -> None:
        """Put an object in place, whole or not at all.

        A stream that is closed half-way would be put in place half: this is one
        request, or parts that become an object only by a last one.
        """
        check_fences(path)
        with self._failures_explained():
            if mode == "overwrite":
                self._call("pipe_file", path, value, **more)
            else:
                self._call("pipe_file", path, value, mode=mode, **more)

    def read_version(self, path: str) -> Version | None:
        """Return an object with its age, by one request; nothing if there is none.

        For S3 only, as ``put_if``.
        """
        try:
            with self._failures_explained():
                given = (self.inner, *self.inner.split_path(path)[:2])
                loop = self.inner.loop
                found: Version = sync(loop, _get, *given, timeout=SHORT_PATIENCE)
                return found
        except FileNotFoundError:
            return None

    def put_if(self, path: str, value: bytes, etag: str | None) -> str | None:
        """Put an object in place if it is still that of *etag*, or if none is there.

        Return its new ETag; nothing where somebody was faster.

        Raises:
            WrongUse: the store has no conditional writes.
        """
        bucket, key, _ = self.inner.split_path(path)
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        where = {"Bucket": bucket, "Key": key, "Body": value, **condition}
        with self._failures_explained():
            try:
                put = self.inner.call_s3("put_object", **where, timeout=SHORT_PATIENCE)
            except OSError as error:
                code = code_of(error)
                if code == "NotImplemented":
                    raise no_conditions(self.name) from error
                if code in _OVERTAKEN or (etag and code == "NoSuchKey"):
                    return None
                raise
        return str(put["ETag"])

    def rm(
        self, path: str, recursive: bool = False, maxdepth: int | None = None
    ) -> None:
        """Remove an object, or a folder with all that is in it."""
        check_fences(path)
        with self._failures_explained():
            if has_magic(path):  # fsspec would remove what fits the pattern
                for name in self._call("find", path) if recursive else [path]:
                    self._call("rm_file", name)
            else:
                self._call("rm", path, recursive=recursive, maxdepth=maxdepth)


async def _get(inner: Any, bucket: str, key: str) -> Version:
    """Fetch an object of S3, and what time it is there."""
    found = await inner._call_s3("get_object", Bucket=bucket, Key=key)
    async with found["Body"] as body:
        content = await body.read()
    now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
    return Version(
        content, found["ETag"], (now - found["LastModified"]).total_seconds()
    )


def no_conditions(name: str) -> WrongUse:
    """Say that a store cannot keep two runs apart."""
    return WrongUse(
        f"{name} does not keep to conditional writes (If-None-Match, If-Match), so it "
        "cannot keep two runs apart.",
        "Use a store that does, or keep the tables on disk: unset ANALYTICS_STORE.",
    )


def is_shared(root: AnyPath) -> bool:
    """Say whether runs of several machines may share the store under *root*.

    They may where it has conditional writes, which fsspec passes on to S3 only.
    """
    return (
        isinstance(root, UPath)
        and isinstance(root.fs, ObjectStore)
        and _is_s3(root.fs.inner)
    )


def _once(inner: AbstractFileSystem) -> dict[str, Any]:
    """Return what keeps s3fs from asking for the size of an object before it reads."""
    return {"max_concurrency": 1} if _is_s3(inner) else {}


def _is_s3(inner: AbstractFileSystem) -> bool:
    return "s3" in (inner.protocol if isinstance(inner.protocol, tuple) else ())


def open_root(url: str) -> UPath:
    """Return the folder or the place in a bucket that *url* names.

    Raises:
        WrongUse: nothing is known of such a URL, or its package is not installed.
    """
    if "://" not in url or url.startswith(("file:", "local:")):
        return UPath(url)
    kind = urlsplit(url).scheme
    # What another process has put there since must be seen, as in the UI's daemon.
    root: UPath = _known(kind, lambda: UPath(url, use_listings_cache=False))
    inner = _known(kind, lambda: root.fs)
    if _is_s3(inner):
        inner.retries = TRIES
    # The children of a path share its file system.
    root._fs_cached = ObjectStore(inner, f"{kind}://{root.path.split('/')[0]}")
    return root


def _known(kind: str, make: Callable[[], Any]) -> Any:
    """Make what needs the package for a *kind* of URL."""
    try:
        return make()
    except ImportError as error:
        extra = "analytics-pipeline[s3]" if kind in ("s3", "s3a") else kind
        raise WrongUse(
            f"ANALYTICS_STORE is a {kind}:// URL, and the package for it is missing "
            f"({error.name or 'see the documentation of fsspec'}).",
            f'Run: pip install "{extra}"'
            if kind in ("s3", "s3a")
            else f"Install the package that fsspec names for {kind}://.",
        ) from error
    except ValueError as error:
        raise WrongUse(
            f"ANALYTICS_STORE begins with {kind}://, of which nothing is known.",
            "Give a folder, or a URL such as s3://bucket/prefix.",
        ) from error


# ----------------------------------------------------------------------------------
# Whether a run may still write: one that has lost its lease must not.


_FENCES: dict[str, Callable[[], None]] = {}
"""By place in a bucket, what raises if this process may not write there any more."""


@contextmanager
def fenced(root: UPath, refuse: Callable[[], None]) -> Iterator[None]:
    """Call *refuse* before each write under *root*."""
    place = root.path.rstrip("/")
    _FENCES[place] = refuse
    try:
        yield
    finally:
        del _FENCES[place]


def check_fences(path: str) -> None:
    """Make sure that this process may write *path*."""
    for place, refuse in list(_FENCES.items()):
        if path.startswith(f"{place}/"):
            refuse()


# ----------------------------------------------------------------------------------
# Copies of objects on this machine's disk, for an engine that reads files.
#
# Thousands of small objects are fetched many at a time; an engine that opened them
# one by one would wait for each (measured: 400 days, 1.9 s instead of 13 s). Copies
# go to a folder of this process, are used again while the object is the same, and go
# with it.


IN_MEMORY = 256
"""How many objects are held in memory between the bucket and the disk."""


class LocalCopies:
    """The objects fetched by this process."""

    def __init__(self) -> None:
        """Keep them in a folder that only this user may open."""
        self._folder = mkdtemp(prefix="analytics-pipeline-")
        finalize(self, rmtree, self._folder, ignore_errors=True)
        self._held: dict[tuple[str, str], str] = {}

    def of(self, urls: Sequence[str]) -> list[str]:
        """Return a file for each of *urls*, in their order.

        Raises:
            LocalFailure: an object is gone, or damaged.
            StoreFailure: the bucket could not be used.
        """
        by_folder: dict[str, list[str]] = {}
        for url in urls:
            by_folder.setdefault(url.rpartition("/")[0], []).append(url)
        files: dict[str, str] = {}
        for folder, wanted in by_folder.items():
            files |= self._fetch(folder, wanted)
        return [files[url] for url in urls]

    def _fetch(self, folder: str, urls: Sequence[str]) -> dict[str, str]:
        """Bring the objects of one folder here, as they are now."""
        place = open_root(folder)
        states = list_states(place)
        gone = [url for url in urls if url.rpartition("/")[2] not in states]
        if gone:
            raise LocalFailure(f"{gone[0]} is gone.", REBUILD)
        keys = {url: (url, states[url.rpartition("/")[2]]) for url in urls}
        missing = [url for url in urls if keys[url] not in self._held]
        store: ObjectStore = place.fs
        for start in range(0, len(missing), IN_MEMORY):
            some = missing[start : start + IN_MEMORY]
            for url, content in _contents(store, place.path, some):
                refuse_unsound(url, content)
                self._held[keys[url]] = self._write(content)
        return {url: self._held[keys[url]] for url in urls}

    def _write(self, content: bytes) -> str:
        path = Path(self._folder, f"{len(self._held):08d}.parquet")
        path.write_bytes(content)
        return str(path)


def _contents(
    store: ObjectStore, folder: str, urls: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Fetch some objects of one folder."""
    names = {f"{folder.rstrip('/')}/{url.rpartition('/')[2]}": url for url in urls}
    for name, content in store.cat_all(list(names)).items():
        yield names[name], content


@cache
def copies_of_this_process() -> LocalCopies:
    """Return the one collection of copies."""
    return LocalCopies()
