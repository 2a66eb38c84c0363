"""parcels that were called off by themselves, and the money that goes back for them

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import table_options

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("shipments", sa.Column("cancelled_at", sa.BigInteger))
    op.add_column("shipments", sa.Column("cancelled_by", sa.String(16)))
    op.create_table(
        "parcel_refunds",
        sa.Column(
            "shipment_id",
            sa.BigInteger,
            sa.ForeignKey("shipments.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("order_id", sa.BigInteger, nullable=False, index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("owed_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger, nullable=True, index=True),
        **table_options(),
    )
