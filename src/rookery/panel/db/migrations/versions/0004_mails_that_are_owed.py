"""Mails that are owed.

Revision: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "owed_mails",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("recipient", sa.String(length=191), nullable=False),
        sa.Column("subject", sa.String(length=191), nullable=False),
        sa.Column("letter", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owed_mails")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("owed_mails", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_owed_mails_due_at"), ["due_at"], unique=False)
