"""baskets, orders, shipments, payments, refunds and idempotency keys

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from bookstore.migrations.common import big_id, create_idempotency, table_options

revision = "0001"
down_revision = None


def upgrade() -> None:
    _create_baskets()
    _create_orders()
    _create_payments()
    create_idempotency("orders")


def _create_baskets() -> None:
    op.create_table(
        "baskets",
        big_id(),
        sa.Column("token_hash", sa.String(64), nullable=True, unique=True),
        sa.Column("person_id", sa.BigInteger, nullable=True, unique=True),
        sa.Column("changed_at", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
    op.create_table(
        "basket_items",
        sa.Column("basket_id", sa.BigInteger, sa.ForeignKey("baskets.id"), primary_key=True),
        sa.Column("book_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("added_at", sa.BigInteger, nullable=False),
        **table_options(),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        big_id(),
        sa.Column("buyer_id", sa.BigInteger, nullable=False),
        sa.Column("checkout_key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("reference", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(16), nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("goods", sa.BigInteger, nullable=False),
        sa.Column("shipping", sa.BigInteger, nullable=False),
        sa.Column("carrier", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("placed_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("paid_at", sa.BigInteger, nullable=True),
        sa.Column("confirmed_at", sa.BigInteger, nullable=True),
        sa.Column("cancelled_at", sa.BigInteger, nullable=True),
        sa.Column("released_at", sa.BigInteger, nullable=True),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        **table_options(),
    )
    op.create_index("orders_checkout", "orders", ["buyer_id", "checkout_key"], unique=True)
    op.create_index("orders_to_expire", "orders", ["state", "expires_at"])
    op.create_index("orders_to_confirm", "orders", ["state", "confirmed_at"])
    op.create_index("orders_to_release", "orders", ["state", "released_at"])
    op.create_table(
        "shipments",
        big_id(),
        sa.Column("order_id", sa.BigInteger, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("seller_id", sa.BigInteger, nullable=False),
        sa.Column("seller_name", sa.Text, nullable=False),
        sa.Column("goods", sa.BigInteger, nullable=False),
        sa.Column("shipping", sa.BigInteger, nullable=False),
        sa.Column("tracking_code", sa.String(32), nullable=True),
        sa.Column("shipped_at", sa.BigInteger, nullable=True),
        **table_options(),
    )
    op.create_index("shipments_of_order", "shipments", ["order_id", "seller_id"], unique=True)
    op.create_index("shipments_of_seller", "shipments", ["seller_id", "shipped_at"])
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.BigInteger, sa.ForeignKey("orders.id"), primary_key=True),
        sa.Column("book_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seller_id", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("cover", sa.String(255), nullable=True),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        **table_options(),
    )


def _create_payments() -> None:
    op.create_table(
        "payment_intents",
        sa.Column("id", sa.String(40), primary_key=True),
        sa.Column(
            "order_id", sa.BigInteger, sa.ForeignKey("orders.id"), nullable=False, unique=True
        ),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(64), nullable=True),
        sa.Column("decline_code", sa.String(64), nullable=True),
        sa.Column("brand", sa.String(16), nullable=True),
        sa.Column("last4", sa.String(4), nullable=True),
        sa.Column("settles_at", sa.BigInteger, nullable=True),
        **table_options(),
    )
    op.create_index("payment_intents_to_settle", "payment_intents", ["state", "settles_at"])
    op.create_table(
        "payment_events",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False, index=True),
        **table_options(),
    )
    op.create_table(
        "refunds",
        sa.Column(
            "order_id",
            sa.BigInteger,
            sa.ForeignKey("orders.id"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("owed_at", sa.BigInteger, nullable=False),
        sa.Column("done_at", sa.BigInteger, nullable=True, index=True),
        **table_options(),
    )
