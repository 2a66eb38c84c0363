"""an index by which sellers' files are found that have had their time

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_index("imports_created", "imports", ["created_at"])
