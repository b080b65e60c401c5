"""What a failure of a bucket means, in sentences for people."""

from collections.abc import Mapping

from analytics_pipeline.errors import PipelineError, StoreRefused, StoreUnavailable

_REFUSALS = (
    "NoCredentials",
    "PartialCredentials",
    "CredentialRetrieval",
    "TokenRetrieval",
    "UnauthorizedSSOToken",
    "SSOTokenLoad",
    "ProfileNotFound",
)
"""How the names of botocore's errors begin that only a person can mend."""


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
