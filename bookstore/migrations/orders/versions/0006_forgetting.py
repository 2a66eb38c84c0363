"""an index by which baskets that were left behind are found

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("baskets_to_forget", "baskets", ["person_id", "changed_at"])
