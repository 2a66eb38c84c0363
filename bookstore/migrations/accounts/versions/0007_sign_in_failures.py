"""the table of failed sign-ins goes: tries are counted in throttles

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.drop_table("sign_in_failures")
