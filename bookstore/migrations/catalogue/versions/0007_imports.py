"""sellers' files that were sent in, row by row, until they are done and may not be undone any more

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from bookstore.migrations.common import big_id, compare_bytes, never_reuse_ids, table_options

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    long_text = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql")
    op.create_table(
        "imports",
        big_id(),
        sa.Column("seller_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("seller_name", sa.String(80), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("file", sa.String(80), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("options", long_text, nullable=False),
        sa.Column("told", long_text, nullable=False),
        sa.Column("read_rows", sa.Integer, nullable=False),
        sa.Column("done_rows", sa.Integer, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        # Whoever works on it says so now and then.
        sa.Column("touched_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger, nullable=True),
        **table_options(),
    )
    op.create_index("imports_state", "imports", ["state", "touched_at"])
    op.create_table(
        "import_rows",
        sa.Column("import_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("done", sa.SmallInteger, nullable=False),
        sa.Column("data", long_text, nullable=False),
        sa.Column("book_id", sa.BigInteger, nullable=True),
        sa.Column("past", long_text, nullable=True),
        **table_options(),
    )
    op.create_index("import_rows_kind", "import_rows", ["import_id", "kind", "line"])
    op.create_index("import_rows_done", "import_rows", ["import_id", "done", "line"])
    # How a seller reads files with these columns.
    op.create_table(
        "import_mappings",
        sa.Column("seller_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("header", sa.String(64), primary_key=True),
        sa.Column("options", long_text, nullable=False),
        **table_options(),
    )
    compare_bytes("import_mappings", header=(64, False))
    never_reuse_ids("imports")
