"""the outbox of mails about orders

Revision ID: 0002
"""

from bookstore.migrations.common import create_outbox

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_outbox("orders")
