"""keys are told apart by their bytes, ids are not given twice

Revision ID: 0005
"""

from bookstore.migrations.common import compare_bytes, never_reuse_ids

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    compare_bytes("baskets", token_hash=(64, True))
    compare_bytes("orders", checkout_key=(255, False), reference=(64, False))
    compare_bytes("payment_intents", id=(40, False))
    compare_bytes("payment_events", id=(255, False))
    compare_bytes("orders_outbox", mail_key=(120, False))
    compare_bytes("orders_idempotency", scope=(64, False), key=(255, False))
    never_reuse_ids("baskets", "orders", "shipments", "orders_outbox")
