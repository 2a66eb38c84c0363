"""keys are told apart by their bytes, ids are not given twice

Revision ID: 0005
"""

from bookstore.migrations.common import compare_bytes, never_reuse_ids

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    compare_bytes("catalogue_idempotency", scope=(64, False), key=(255, False))
    never_reuse_ids("book_changes")
