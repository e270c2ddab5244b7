"""How the ledger opens PostgreSQL, where several hosts share one."""

from __future__ import annotations

from sqlalchemy import URL, Engine, create_engine

LOCK_TIMEOUT_MS = 10_000
IDLE_TIMEOUT_MS = 10_000
"""A process paused inside a transaction holds its rows until this passes: it must be far below a lease's life."""

POOL_TIMEOUT_SECONDS = 10.0


def engine(url: URL, *, read_only: bool) -> Engine:
    """An engine on psycopg 3. READ COMMITTED: a stricter isolation turns a wait for a row into an error."""
    limits = {"lock_timeout": LOCK_TIMEOUT_MS, "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS}
    return create_engine(
        url,
        isolation_level="READ COMMITTED",
        pool_timeout=POOL_TIMEOUT_SECONDS,
        connect_args={"options": " ".join(f"-c {name}={limit}" for name, limit in limits.items())},
        execution_options={"postgresql_readonly": read_only},
    )
