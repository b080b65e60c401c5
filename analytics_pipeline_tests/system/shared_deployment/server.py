"""A PostgreSQL server of the tests' own: in a temporary folder, on a free port."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADMIN, ACCOUNT, HOST = "postgres", "dagster", "127.0.0.1"
SPEED = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs; nothing where they are not installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((each.parent for each in versions), default=None)


@dataclass
class Server:
    """A running server, and the passwords of its two accounts.

    The account that Dagster uses has a password that must be nowhere to be seen.
    """

    programs: Path
    folder: Path
    port: int
    admin_password: str
    password: str
    made: int = 0

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses={HOST} -k {self.folder} {SPEED}"
        log = self.folder / "log"
        self._control("start", "-w", "-l", str(log), "-o", options)

    def stop(self) -> None:
        """Stop at once, as a machine that goes down would."""
        self._control("stop", "-m", "immediate")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def make_database(self) -> str:
        """Make a database that no one else uses; return its name."""
        self.made += 1
        name = f"dagster_{self.made}"
        self.ask(f"CREATE DATABASE {name} OWNER {ACCOUNT}")
        return name

    def ask(self, sentence: str, database: str = ADMIN) -> list[tuple[Any, ...]]:
        """Say something in SQL as the administrator; return the rows of the answer."""
        import psycopg2  # not everywhere installed

        with closing(
            psycopg2.connect(
                host=HOST,
                port=self.port,
                user=ADMIN,
                password=self.admin_password,
                dbname=database,
            )
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(sentence)
                return cursor.fetchall() if cursor.description else []

    def environment(self, database: str) -> dict[str, str]:
        """What deploy/postgres/dagster.yaml wants to know."""
        return {
            "DAGSTER_PG_HOST": HOST,
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_USERNAME": ACCOUNT,
            "DAGSTER_PG_PASSWORD": self.password,
            "DAGSTER_PG_DB": database,
        }

    def _control(self, *words: str) -> None:
        run_unprivileged([self.programs / "pg_ctl", "-D", self.folder / "data", *words])


def run_unprivileged(words: Sequence[str | Path]) -> None:
    """Run a program that refuses root, as the server's account where we are root."""
    drop = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        drop = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    subprocess.run(
        [str(word) for word in words],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        **drop,  # type: ignore[call-overload]
    )


@contextmanager
def open_server(programs: Path) -> Iterator[Server]:
    """Start a server; stop it and remove its folder at the end."""
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    try:
        server = Server(
            programs, folder, free_port(), secrets.token_hex(8), secrets.token_hex(8)
        )
        secret = folder / "secret"
        secret.write_text(server.admin_password, encoding="utf-8")
        if os.geteuid() == 0:
            for path in (folder, secret):
                shutil.chown(path, "postgres", "postgres")
        run_unprivileged(
            [programs / "initdb", "-D", folder / "data", "-U", ADMIN, "-N",
             "-A", "scram-sha-256", "--pwfile", secret]
        )  # fmt: skip
        server.start()
        try:
            server.ask(f"CREATE ROLE {ACCOUNT} LOGIN PASSWORD '{server.password}'")
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        return int(listening.getsockname()[1])
