"""The program that ``deploy/postgres/start`` asks which code locations there are.

It writes the workspace for webserver and daemon as services, and prints its path.
Where ``DAGSTER_HOME`` is not set, Dagster's records are kept in the same folder.
"""

import sys

from analytics_pipeline.model.errors import PipelineError, WrongUse
from analytics_pipeline.orchestration.code_location import LOOPBACK, write_workspace
from analytics_pipeline.orchestration.home import (
    home_of_chain,
    instance_home,
    refuse_pattern,
)
from analytics_pipeline.settings import find_chain, load_settings

CODE_PORT = "ANALYTICS_CODE_PORT"


def main(port: str, host: str = LOOPBACK) -> int:
    """Print the path of the workspace; return the exit code.

    The *port* is that of a process that holds the code, on *host*, or empty.
    """
    try:
        print(_write(port, host))  # noqa: T201
    except PipelineError as error:
        print(f"error: {error.cause}\n  {error.remedy}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    return 0


def _write(port: str, host: str) -> str:
    """Write the workspace of the shop, or of the chain, of the environment.

    Raises:
        WrongUse: the environment cannot be used, a chain has one code process, or
            Dagster would take the folder of its records as a pattern.
    """
    chain = find_chain()
    if port and not port.isdecimal():
        raise WrongUse(f"{CODE_PORT} is no port: {port!r}.", "Set a number, or none.")
    if chain and port:
        raise WrongUse(
            f"{CODE_PORT} is set, but each shop of a chain has a code process of its "
            "own.",
            f"Unset {CODE_PORT}: the webserver and the daemon start one a shop.",
        )
    if chain:
        home, data_dir = home_of_chain(chain), chain.data_dir
    else:
        settings = load_settings()
        home, data_dir = instance_home(settings), settings.data_dir
    refuse_pattern(home)
    code_port = int(port) if port else None
    return str(write_workspace(data_dir, chain, code_port, host))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
