"""What can go wrong, as sentences for people.

::

    PipelineError               what happened, and what to do about it
    ├── WrongUse                exit 2: command, configuration or input file
    ├── GateFailed              exit 1: a table did not pass its gate
    │   └── InputFailed              nor did, before, one that it is built on
    ├── SourceError             exit 3: what is read
    │   ├── LightspeedError          the tills
    │   │   ├── LightspeedUnavailable    a later try can help
    │   │   └── LightspeedRefused        it cannot, until someone acts
    │   └── WebShopError             the web shop
    │       ├── WebShopUnavailable       as there
    │       └── WebShopRefused           as there
    ├── ChannelRefused          exit 3: a channel of alerts
    ├── StoreFailure            exit 3: the bucket that holds the tables
    │   ├── StoreUnavailable         a later try can help
    │   │   └── LeaseLost                another run may have begun meanwhile
    │   └── StoreRefused             it cannot, until someone acts
    ├── EngineUnavailable       exit 3: the cluster that computes
    ├── DirectoryInUse          exit 4: another run holds the data directory
    └── LocalFailure            exit 5: disk, permission, damaged file
        └── RunTooLong a run that made no progress, or did not end
"""

from typing import ClassVar


class PipelineError(Exception):
    """A failure that people can act on: one line of cause, one of remedy."""

    exit_code: ClassVar[int] = 5

    def __init__(self, cause: str, remedy: str) -> None:
        """Say what happened and what to do, neither with personal data nor a token."""
        super().__init__(f"{cause} {remedy}")
        self.cause = cause
        self.remedy = remedy


class WrongUse(PipelineError):
    """The command, the configuration or an input file cannot be used as it is."""

    exit_code = 2


class GateFailed(PipelineError):
    """A table did not pass its gate; what was published stays published."""

    exit_code = 1


class InputFailed(GateFailed):
    """A table that is to be built on failed its gate at its last attempt.

    ``follows`` names the check that it failed: ``table.check``, or ``table.check.day``.
    """

    def __init__(self, table: str, check: str, partition: str) -> None:
        """Say which table, or which day of it, failed which check."""
        what = f"{table} of {partition}" if partition else table
        super().__init__(
            f"The last attempt at {what} failed its gate ({check}), so nothing is "
            "built on it.",
            "Fix the cause, then run: analytics-pipeline update",
        )
        self.follows = ".".join(filter(None, (table, check, partition)))


class SourceError(PipelineError):
    """A source could not be read."""

    exit_code = 3


class LightspeedError(SourceError):
    """Lightspeed could not be read."""


class LightspeedUnavailable(LightspeedError):
    """Lightspeed did not answer as it should; a later try can help."""


class LightspeedRefused(LightspeedError):
    """Lightspeed refused; another try is useless until someone acts."""


class WebShopError(SourceError):
    """The web shop could not be read."""


class WebShopUnavailable(WebShopError):
    """The web shop did not answer as it should; a later try can help."""


class WebShopRefused(WebShopError):
    """The web shop refused; another try is useless until someone acts."""


class ChannelRefused(PipelineError):
    """A channel of alerts could not be reached, or did not accept a message."""

    exit_code = 3


class StoreFailure(PipelineError):
    """The bucket that holds the tables could not be used."""

    exit_code = 3


class StoreUnavailable(StoreFailure):
    """The bucket did not answer as it should; a later try can help."""


class LeaseLost(StoreUnavailable):
    """The run does not hold the store any more, so it must not write to it."""


class StoreRefused(StoreFailure):
    """The bucket refused; another try is useless until someone acts."""


class EngineUnavailable(PipelineError):
    """The cluster that computes could not be reached, or broke off."""

    exit_code = 3


class DirectoryInUse(PipelineError):
    """Another run holds the data directory."""

    exit_code = 4


class LocalFailure(PipelineError):
    """This machine failed: disk, permission or a damaged file."""

    exit_code = 5


class RunTooLong(LocalFailure):
    """A run made no progress, or did not end, within its time limit."""


class RunEnded(BaseException):
    """Raised in the middle of the work of a run that takes too long, or lost its lease.

    Like Ctrl-C it is no ordinary exception: work that goes on without what fails must
    not go on without this.

    Attributes:
        why: what people read.
        at_source: whether the run was waiting for a source.
    """

    def __init__(self, why: PipelineError) -> None:
        """Say why the run is ended."""
        super().__init__(why.cause)
        self.why = why
        self.at_source = False

    def as_failure(self) -> PipelineError:
        """Return the failure that it is to people."""
        if not (self.at_source and isinstance(self.why, RunTooLong)):
            return self.why
        return SourceError(self.why.cause, self.why.remedy)


_INTERRUPTIONS = frozenset({"DagsterExecutionInterruptedError", "InterruptException"})
_BY_DUCKDB = "Query interrupted"
_NOTED = False


def note_interruption(*, came: bool) -> None:
    """Note whether a signal came that ends the queries of this process."""
    global _NOTED
    _NOTED = came


def was_interrupted() -> bool:
    """Say whether such a signal was noted since a command, or its run, began."""
    return _NOTED


def is_interruption(error: BaseException) -> bool:
    """Say whether *error* is how Ctrl-C shows: Dagster and DuckDB give it other names.

    DuckDB looks for signals while it works, and reports them as an ordinary error:
    which one depends on where it was.  So whatever fails unexpectedly after a signal
    has ended the queries is the interruption.
    """
    if isinstance(error, KeyboardInterrupt):
        return True
    if type(error).__name__ in _INTERRUPTIONS or str(error) == _BY_DUCKDB:
        return True
    is_explained = isinstance(error, PipelineError)
    return _NOTED and isinstance(error, Exception) and not is_explained
