"""an index by which sellers' files are found that have had their time

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index("imports_created", "imports", ["created_at"])
