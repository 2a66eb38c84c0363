"""when somebody who works on a request last said so

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("catalogue_idempotency", sa.Column("renewed_at", sa.BigInteger, nullable=True))
