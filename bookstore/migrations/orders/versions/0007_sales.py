"""where a seller's page shows a parcel, so that its lists and sums are found by an index

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # 0 nowhere: not paid for, or called off; 1 among those to send; 2 among those sent.
    op.add_column(
        "shipments", sa.Column("stage", sa.SmallInteger, nullable=False, server_default="0")
    )
    op.add_column(
        "shipments", sa.Column("currency", sa.String(3), nullable=False, server_default="")
    )
    op.execute(
        "UPDATE shipments SET stage = CASE WHEN shipped_at IS NULL THEN 1 ELSE 2 END,"
        " currency = (SELECT o.currency FROM orders o WHERE o.id = shipments.order_id)"
        " WHERE stage = 0 AND cancelled_at IS NULL AND order_id IN"
        " (SELECT id FROM orders WHERE state = 'paid' AND confirmed_at IS NOT NULL)"
    )
    op.create_index("shipments_shown", "shipments", ["seller_id", "stage", "id"])
    op.create_index("shipments_earned", "shipments", ["seller_id", "stage", "currency", "goods"])
