"""the outbox of mails about orders, and when a parcel arrives

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import create_outbox

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_outbox("orders")
    op.add_column("shipments", sa.Column("arrives_at", sa.BigInteger))
    op.create_index("shipments_arrives_at", "shipments", ["arrives_at"])
