"""The whole schema; numbers of deleted rows are never given again, on SQLite too.

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "activity_logs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("batch", sa.CHAR(length=36), nullable=True),
        sa.Column("event", sa.String(length=191), nullable=False),
        sa.Column("ip", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("actor_type", sa.String(length=191), nullable=True),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("api_key_id", sa.Integer(), nullable=True),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("timestamp", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity_logs")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("activity_logs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_activity_logs_actor_type_actor_id"), ["actor_type", "actor_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_activity_logs_event"), ["event"], unique=False)
        batch_op.create_index(batch_op.f("ix_activity_logs_timestamp"), ["timestamp"], unique=False)

    op.create_table(
        "locations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("short", sa.String(length=191), nullable=False),
        sa.Column("long", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locations")),
        sa.UniqueConstraint("short", name=op.f("uq_locations_short")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "mounts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("source", sa.String(length=191), nullable=False),
        sa.Column("target", sa.String(length=191), nullable=False),
        sa.Column("read_only", sa.SmallInteger(), nullable=False),
        sa.Column("user_mountable", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mounts")),
        sa.UniqueConstraint("name", name=op.f("uq_mounts_name")),
        sa.UniqueConstraint("uuid", name=op.f("uq_mounts_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "nests",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("author", sa.String(length=191), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nests")),
        sa.UniqueConstraint("uuid", name=op.f("uq_nests_uuid")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "password_resets",
        sa.Column("email", sa.String(length=191), nullable=False),
        sa.Column("token", sa.String(length=191), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_password_resets")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=191), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=True),
        sa.Column("ip_address", sa.String(length=45), nullable=True),
        sa.Column("user_agent", sa.Text(), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("last_activity", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sessions_last_activity"), ["last_activity"], unique=False)
        batch_op.create_index(batch_op.f("ix_sessions_user_id"), ["user_id"], unique=False)

    op.create_table(
        "settings",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=191), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings")),
        sa.UniqueConstraint("key", name=op.f("uq_settings_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("external_id", sa.String(length=191), nullable=True),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("username", sa.String(length=191), nullable=False),
        sa.Column("email", sa.String(length=191), nullable=False),
        sa.Column("name_first", sa.String(length=191), nullable=True),
        sa.Column("name_last", sa.String(length=191), nullable=True),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("remember_token", sa.String(length=191), nullable=True),
        sa.Column("language", sa.String(length=5), nullable=False),
        sa.Column("root_admin", sa.Boolean(), nullable=False),
        sa.Column("use_totp", sa.Boolean(), nullable=False),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_authenticated_at", sa.DateTime(), nullable=True),
        sa.Column("gravatar", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
        sa.UniqueConstraint("username", name=op.f("uq_users_username")),
        sa.UniqueConstraint("uuid", name=op.f("uq_users_uuid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("users", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_users_external_id"), ["external_id"], unique=False)

    op.create_table(
        "activity_log_subjects",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("activity_log_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("subject_type", sa.String(length=191), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["activity_log_id"],
            ["activity_logs.id"],
            name=op.f("fk_activity_log_subjects_activity_log_id_activity_logs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activity_log_subjects")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("activity_log_subjects", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_activity_log_subjects_activity_log_id"), ["activity_log_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_activity_log_subjects_subject_type_subject_id"), ["subject_type", "subject_id"], unique=False
        )

    op.create_table(
        "api_keys",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("key_type", sa.SmallInteger(), nullable=False),
        sa.Column("identifier", sa.CHAR(length=16), nullable=True),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("allowed_ips", sa.JSON(), nullable=True),
        sa.Column("memo", sa.Text(), nullable=True),
        sa.Column("last_used_at", sa.DateTime(), nullable=True),
        sa.Column("expires_at", sa.DateTime(), nullable=True),
        sa.Column("r_servers", sa.SmallInteger(), nullable=False),
        sa.Column("r_nodes", sa.SmallInteger(), nullable=False),
        sa.Column("r_allocations", sa.SmallInteger(), nullable=False),
        sa.Column("r_users", sa.SmallInteger(), nullable=False),
        sa.Column("r_locations", sa.SmallInteger(), nullable=False),
        sa.Column("r_nests", sa.SmallInteger(), nullable=False),
        sa.Column("r_eggs", sa.SmallInteger(), nullable=False),
        sa.Column("r_database_hosts", sa.SmallInteger(), nullable=False),
        sa.Column("r_server_databases", sa.SmallInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_api_keys_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("identifier", name=op.f("uq_api_keys_identifier")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_user_id"), ["user_id"], unique=False)

    op.create_table(
        "eggs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("nest_id", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(length=191), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("features", sa.JSON(), nullable=True),
        sa.Column("docker_images", sa.JSON(), nullable=True),
        sa.Column("file_denylist", sa.JSON(), nullable=True),
        sa.Column("update_url", sa.Text(), nullable=True),
        sa.Column(
            "config_files",
            sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=True,
        ),
        sa.Column("config_startup", sa.Text(), nullable=True),
        sa.Column("config_logs", sa.Text(), nullable=True),
        sa.Column("config_stop", sa.String(length=191), nullable=True),
        sa.Column("config_from", sa.Integer(), nullable=True),
        sa.Column("startup", sa.Text(), nullable=True),
        sa.Column("script_container", sa.String(length=191), nullable=False),
        sa.Column("copy_script_from", sa.Integer(), nullable=True),
        sa.Column("script_entry", sa.String(length=191), nullable=False),
        sa.Column("script_is_privileged", sa.Boolean(), nullable=False),
        sa.Column(
            "script_install",
            sa.Text().with_variant(mysql.LONGTEXT(), "mariadb").with_variant(mysql.LONGTEXT(), "mysql"),
            nullable=True,
        ),
        sa.Column("force_outgoing_ip", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["config_from"], ["eggs.id"], name=op.f("fk_eggs_config_from_eggs"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["copy_script_from"], ["eggs.id"], name=op.f("fk_eggs_copy_script_from_eggs"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["nest_id"], ["nests.id"], name=op.f("fk_eggs_nest_id_nests"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_eggs")),
        sa.UniqueConstraint("uuid", name=op.f("uq_eggs_uuid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("eggs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_eggs_nest_id"), ["nest_id"], unique=False)

    op.create_table(
        "nodes",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("location_id", sa.Integer(), nullable=False),
        sa.Column("fqdn", sa.String(length=191), nullable=False),
        sa.Column("scheme", sa.String(length=191), nullable=False),
        sa.Column("behind_proxy", sa.Boolean(), nullable=False),
        sa.Column("maintenance_mode", sa.Boolean(), nullable=False),
        sa.Column("memory", sa.Integer(), nullable=False),
        sa.Column("memory_overallocate", sa.Integer(), nullable=False),
        sa.Column("disk", sa.Integer(), nullable=False),
        sa.Column("disk_overallocate", sa.Integer(), nullable=False),
        sa.Column("upload_size", sa.Integer(), nullable=False),
        sa.Column("daemon_token_id", sa.CHAR(length=16), nullable=False),
        sa.Column("daemon_token", sa.Text(), nullable=False),
        sa.Column("daemonListen", sa.Integer(), nullable=False),
        sa.Column("daemonSFTP", sa.Integer(), nullable=False),
        sa.Column("daemonBase", sa.String(length=191), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"], ["locations.id"], name=op.f("fk_nodes_location_id_locations"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("daemon_token_id", name=op.f("uq_nodes_daemon_token_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_nodes_uuid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("nodes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_nodes_location_id"), ["location_id"], unique=False)

    op.create_table(
        "recovery_tokens",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=191), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_recovery_tokens_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_tokens")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("recovery_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_recovery_tokens_user_id"), ["user_id"], unique=False)

    op.create_table(
        "user_ssh_keys",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("fingerprint", sa.String(length=191), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_ssh_keys_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_ssh_keys")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("user_ssh_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_ssh_keys_user_id"), ["user_id"], unique=False)

    op.create_table(
        "allocations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("ip", sa.String(length=191), nullable=False),
        sa.Column("ip_alias", sa.Text(), nullable=True),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=True),
        sa.Column("notes", sa.String(length=256), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_allocations_node_id_nodes"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name="fk_allocations_server_id_servers", ondelete="SET NULL", use_alter=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_allocations")),
        sa.UniqueConstraint("node_id", "ip", "port", name=op.f("uq_allocations_node_id_ip_port")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("allocations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_allocations_server_id"), ["server_id"], unique=False)

    op.create_table(
        "database_hosts",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("host", sa.String(length=191), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("username", sa.String(length=191), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("max_databases", sa.Integer(), nullable=True),
        sa.Column("node_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_database_hosts_node_id_nodes"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_database_hosts")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("database_hosts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_database_hosts_node_id"), ["node_id"], unique=False)

    op.create_table(
        "egg_mount",
        sa.Column("egg_id", sa.Integer(), nullable=False),
        sa.Column("mount_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["egg_id"], ["eggs.id"], name=op.f("fk_egg_mount_egg_id_eggs"), onupdate="CASCADE", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mount_id"],
            ["mounts.id"],
            name=op.f("fk_egg_mount_mount_id_mounts"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("egg_id", "mount_id", name=op.f("uq_egg_mount_egg_id_mount_id")),
    )
    op.create_table(
        "egg_variables",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("egg_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("env_variable", sa.String(length=191), nullable=False),
        sa.Column("default_value", sa.Text(), nullable=False),
        sa.Column("user_viewable", sa.Boolean(), nullable=False),
        sa.Column("user_editable", sa.Boolean(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["egg_id"], ["eggs.id"], name=op.f("fk_egg_variables_egg_id_eggs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_egg_variables")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("egg_variables", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_egg_variables_egg_id"), ["egg_id"], unique=False)

    op.create_table(
        "mount_node",
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("mount_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mount_id"],
            ["mounts.id"],
            name=op.f("fk_mount_node_mount_id_mounts"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.id"], name=op.f("fk_mount_node_node_id_nodes"), onupdate="CASCADE", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("node_id", "mount_id", name=op.f("uq_mount_node_node_id_mount_id")),
    )
    op.create_table(
        "servers",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("external_id", sa.String(length=191), nullable=True),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("uuidShort", sa.CHAR(length=8), nullable=False),
        sa.Column("node_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=191), nullable=True),
        sa.Column("skip_scripts", sa.Boolean(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("memory", sa.Integer(), nullable=False),
        sa.Column("swap", sa.Integer(), nullable=False),
        sa.Column("disk", sa.Integer(), nullable=False),
        sa.Column("io", sa.Integer(), nullable=False),
        sa.Column("cpu", sa.Integer(), nullable=False),
        sa.Column("threads", sa.String(length=191), nullable=True),
        sa.Column("oom_disabled", sa.Boolean(), nullable=False),
        sa.Column("allocation_id", sa.Integer(), nullable=False),
        sa.Column("nest_id", sa.Integer(), nullable=False),
        sa.Column("egg_id", sa.Integer(), nullable=False),
        sa.Column("startup", sa.Text(), nullable=False),
        sa.Column("image", sa.String(length=191), nullable=False),
        sa.Column("allocation_limit", sa.Integer(), nullable=True),
        sa.Column("database_limit", sa.Integer(), nullable=True),
        sa.Column("backup_limit", sa.Integer(), nullable=False),
        sa.Column("installed_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["allocation_id"],
            ["allocations.id"],
            name=op.f("fk_servers_allocation_id_allocations"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(["egg_id"], ["eggs.id"], name=op.f("fk_servers_egg_id_eggs"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["nest_id"], ["nests.id"], name=op.f("fk_servers_nest_id_nests"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_servers_node_id_nodes"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_servers_owner_id_users"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_servers")),
        sa.UniqueConstraint("allocation_id", name=op.f("uq_servers_allocation_id")),
        sa.UniqueConstraint("external_id", name=op.f("uq_servers_external_id")),
        sa.UniqueConstraint("uuid", name=op.f("uq_servers_uuid")),
        sa.UniqueConstraint("uuidShort", name=op.f("uq_servers_uuidShort")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("servers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_servers_egg_id"), ["egg_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_servers_nest_id"), ["nest_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_servers_node_id"), ["node_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_servers_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "backups",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("uuid", sa.CHAR(length=36), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=True),
        sa.Column("is_successful", sa.Boolean(), nullable=False),
        sa.Column("is_locked", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("ignored_files", sa.JSON(), nullable=False),
        sa.Column("disk", sa.String(length=191), nullable=False),
        sa.Column("checksum", sa.String(length=191), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.DateTime(), nullable=True),
        sa.Column("deleted_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_backups_server_id_servers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
        sa.UniqueConstraint("uuid", name=op.f("uq_backups_uuid")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("backups", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backups_server_id"), ["server_id"], unique=False)

    op.create_table(
        "databases",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("database_host_id", sa.Integer(), nullable=False),
        sa.Column("database", sa.String(length=191), nullable=False),
        sa.Column("username", sa.String(length=191), nullable=False),
        sa.Column("remote", sa.String(length=191), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("max_connections", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["database_host_id"],
            ["database_hosts.id"],
            name=op.f("fk_databases_database_host_id_database_hosts"),
            ondelete="RESTRICT",
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_databases_server_id_servers"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_databases")),
        sa.UniqueConstraint(
            "database_host_id", "server_id", "database", name=op.f("uq_databases_database_host_id_server_id_database")
        ),
        sa.UniqueConstraint("database_host_id", "username", name=op.f("uq_databases_database_host_id_username")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("databases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_databases_server_id"), ["server_id"], unique=False)

    op.create_table(
        "mount_server",
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("mount_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["mount_id"],
            ["mounts.id"],
            name=op.f("fk_mount_server_mount_id_mounts"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["server_id"],
            ["servers.id"],
            name=op.f("fk_mount_server_server_id_servers"),
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("server_id", "mount_id", name=op.f("uq_mount_server_server_id_mount_id")),
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=191), nullable=False),
        sa.Column("cron_day_of_week", sa.String(length=191), nullable=False),
        sa.Column("cron_month", sa.String(length=191), nullable=False),
        sa.Column("cron_day_of_month", sa.String(length=191), nullable=False),
        sa.Column("cron_hour", sa.String(length=191), nullable=False),
        sa.Column("cron_minute", sa.String(length=191), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_processing", sa.Boolean(), nullable=False),
        sa.Column("only_when_online", sa.Boolean(), nullable=False),
        sa.Column("last_run_at", sa.DateTime(), nullable=True),
        sa.Column("next_run_at", sa.DateTime(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_schedules_server_id_servers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_schedules_is_active_next_run_at"), ["is_active", "next_run_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_schedules_server_id"), ["server_id"], unique=False)

    op.create_table(
        "server_transfers",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("successful", sa.Boolean(), nullable=True),
        sa.Column("old_node", sa.Integer(), nullable=False),
        sa.Column("new_node", sa.Integer(), nullable=False),
        sa.Column("old_allocation", sa.Integer(), nullable=False),
        sa.Column("new_allocation", sa.Integer(), nullable=False),
        sa.Column("old_additional_allocations", sa.JSON(), nullable=True),
        sa.Column("new_additional_allocations", sa.JSON(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_server_transfers_server_id_servers"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_transfers")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("server_transfers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_server_transfers_server_id"), ["server_id"], unique=False)

    op.create_table(
        "server_variables",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("variable_id", sa.Integer(), nullable=False),
        sa.Column("variable_value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_server_variables_server_id_servers"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["variable_id"],
            ["egg_variables.id"],
            name=op.f("fk_server_variables_variable_id_egg_variables"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_variables")),
        sa.UniqueConstraint("server_id", "variable_id", name=op.f("uq_server_variables_server_id_variable_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("server_variables", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_server_variables_variable_id"), ["variable_id"], unique=False)

    op.create_table(
        "subusers",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.Integer(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["servers.id"], name=op.f("fk_subusers_server_id_servers"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_subusers_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subusers")),
        sa.UniqueConstraint("user_id", "server_id", name=op.f("uq_subusers_user_id_server_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("subusers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subusers_server_id"), ["server_id"], unique=False)

    op.create_table(
        "tasks",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column("sequence_id", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=191), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("time_offset", sa.Integer(), nullable=False),
        sa.Column("is_queued", sa.Boolean(), nullable=False),
        sa.Column("continue_on_failure", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=True),
        sa.Column("updated_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["schedule_id"], ["schedules.id"], name=op.f("fk_tasks_schedule_id_schedules"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_tasks_schedule_id_sequence_id"), ["schedule_id", "sequence_id"], unique=False
        )

    if op.get_bind().dialect.name != "sqlite":
        # SQLite keeps the reference from the table's creation; the others add it once both tables are there.
        op.create_foreign_key(
            "fk_allocations_server_id_servers", "allocations", "servers", ["server_id"], ["id"], ondelete="SET NULL"
        )
