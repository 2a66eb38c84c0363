"""What the migrations of every context have in common."""

from typing import Any

import sqlalchemy as sa
import sqlalchemy.dialects.mysql
from alembic import op


def table_options() -> dict[str, Any]:
    """Return the table options: InnoDB and full Unicode on MySQL, nothing on SQLite."""
    return {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4"}


def big_id() -> sa.Column[int]:
    """Return an `id` column that counts up by itself on every engine and never reuses a number."""
    return sa.Column(
        "id",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    )


def create_idempotency(context: str) -> None:
    """Create the table in which a context keeps the answers to requests with a key."""
    op.create_table(
        f"{context}_idempotency",
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("status", sa.Integer, nullable=True),
        sa.Column("headers", sa.Text, nullable=True),
        sa.Column("body", sa.Text().with_variant(sa.dialects.mysql.MEDIUMTEXT(), "mysql")),
        **table_options(),
    )


def create_outbox(context: str) -> None:
    """Create the table in which the mails of a context wait to be sent."""
    op.create_table(
        f"{context}_outbox",
        big_id(),
        sa.Column("mail_key", sa.String(120), nullable=False, unique=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String(254)),
        sa.Column("language", sa.String(8)),
        sa.Column("thread", sa.String(120)),
        sa.Column("data", sa.Text().with_variant(sa.dialects.mysql.MEDIUMTEXT(), "mysql")),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, index=True),  # none once it was sent or given up
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("closed_at", sa.BigInteger, index=True),
        sa.Column("problem", sa.String(255)),
        **table_options(),
    )


def compare_bytes(table: str, **columns: tuple[int, bool]) -> None:
    """Let MySQL tell keys apart by their bytes, as SQLite does: its usual comparison takes ana and
    ANÁ, and what ends in blanks, for one. Each column comes with its length and whether it may be
    NULL. Every text in a unique index needs this; a test looks."""
    dialect = op.get_bind().dialect
    if dialect.name != "mysql":
        return
    collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
    changes = ", ".join(
        f"MODIFY `{name}` VARCHAR({length}) CHARACTER SET utf8mb4 COLLATE {collation}"
        f"{'' if nullable else ' NOT'} NULL"
        for name, (length, nullable) in columns.items()
    )
    op.execute(f"ALTER TABLE {table} {changes}")


def never_reuse_ids(*tables: str) -> None:
    """Let SQLite count on after rows were deleted, as MySQL does: it would give the number of the
    last row again."""
    if op.get_bind().dialect.name != "sqlite":
        return
    for table in tables:
        with op.batch_alter_table(
            table, recreate="always", table_kwargs={"sqlite_autoincrement": True}
        ):
            pass
