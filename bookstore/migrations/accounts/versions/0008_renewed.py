"""when somebody who works on a request last said so

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("accounts_idempotency", sa.Column("renewed_at", sa.BigInteger, nullable=True))
