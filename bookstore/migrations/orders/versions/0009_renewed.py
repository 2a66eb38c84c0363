"""when somebody who works on a request last said so

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("orders_idempotency", sa.Column("renewed_at", sa.BigInteger, nullable=True))
