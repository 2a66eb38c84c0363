"""an index by which orders are found that nobody paid for

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index("orders_never_paid", "orders", ["state", "paid_at", "released_at"])
