"""The application API's resources. Source: Panel 1.11 application transformers."""

from typing import Any

from rookery.panel.accounts.models import User
from rookery.panel.api.envelope import item, raw_time, wire_time
from rookery.panel.databases.models import Database, DatabaseHost
from rookery.panel.eggs.models import Egg, EggVariable, Nest
from rookery.panel.eggs.service import ResolvedEgg
from rookery.panel.nodes.models import Allocation, Location, Node
from rookery.panel.servers.configuration import ServerParts
from rookery.panel.servers.models import Server, Subuser
from rookery.panel.servers.startup import environment

Json = dict[str, Any]


def user(row: User) -> Json:
    """A user."""
    return item(
        "user",
        {
            "id": row.id,
            "external_id": row.external_id,
            "uuid": row.uuid,
            "username": row.username,
            "email": row.email,
            "first_name": row.name_first,
            "last_name": row.name_last,
            "language": row.language,
            "root_admin": row.root_admin,
            "2fa": row.use_totp,
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def location(row: Location) -> Json:
    """A location."""
    return item(
        "location",
        {
            "id": row.id,
            "short": row.short,
            "long": row.long,
            "updated_at": wire_time(row.updated_at),
            "created_at": wire_time(row.created_at),
        },
    )


def node(row: Node, *, memory: int, disk: int, **more: Any) -> Json:
    """A node with what its servers were promised."""
    return item(
        "node",
        {
            "id": row.id,
            "uuid": row.uuid,
            "public": row.public,
            "name": row.name,
            "description": row.description,
            "location_id": row.location_id,
            "fqdn": row.fqdn,
            "scheme": row.scheme,
            "behind_proxy": row.behind_proxy,
            "maintenance_mode": row.maintenance_mode,
            "memory": row.memory,
            "memory_overallocate": row.memory_overallocate,
            "disk": row.disk,
            "disk_overallocate": row.disk_overallocate,
            "upload_size": row.upload_size,
            "daemon_listen": row.daemon_listen,
            "daemon_sftp": row.daemon_sftp,
            "daemon_base": row.daemon_base,
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
            **more,
            "allocated_resources": {"memory": memory, "disk": disk},
        },
    )


def database(row: Database) -> Json:
    """A database of a server."""
    return item(
        "server_database",
        {
            "id": row.id,
            "server": row.server_id,
            "host": row.database_host_id,
            "database": row.database,
            "username": row.username,
            "remote": row.remote,
            "max_connections": row.max_connections,
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def database_host(row: DatabaseHost) -> Json:
    """Where databases are made."""
    return item(
        "database_host",
        {
            "id": row.id,
            "name": row.name,
            "host": row.host,
            "port": row.port,
            "username": row.username,
            "node": row.node_id,
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def allocation(row: Allocation) -> Json:
    """An address."""
    return item(
        "allocation",
        {
            "id": row.id,
            "ip": row.ip,
            "alias": row.ip_alias,
            "port": row.port,
            "notes": row.notes,
            "assigned": row.server_id is not None,
        },
    )


def nest(row: Nest) -> Json:
    """A nest."""
    return item(
        "nest",
        {
            "id": row.id,
            "uuid": row.uuid,
            "author": row.author,
            "name": row.name,
            "description": row.description,
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def egg(resolved: ResolvedEgg, own: ResolvedEgg) -> Json:
    """An egg; `own` is the same without inheritance, which the plain resource shows."""
    row: Egg = resolved.egg
    images = row.docker_images or {}
    return item(
        "egg",
        {
            "id": row.id,
            "uuid": row.uuid,
            "name": row.name,
            "nest": row.nest_id,
            "author": row.author,
            "description": row.description,
            "docker_image": next(iter(images.values()), ""),
            "docker_images": images,
            "config": {
                "files": own.files,
                "startup": own.startup or [],
                "stop": row.config_stop,
                "logs": own.logs or [],
                "file_denylist": row.file_denylist,
                "extends": row.config_from,
            },
            "startup": row.startup,
            "script": {
                "privileged": row.script_is_privileged,
                "install": row.script_install,
                "entry": row.script_entry,
                "container": row.script_container,
                "extends": row.copy_script_from,
            },
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def egg_config(resolved: ResolvedEgg) -> Json:
    """The include `config`: what an egg has with its parent's values."""
    return item(
        None,
        {"files": resolved.files, "startup": resolved.startup, "stop": resolved.stop, "logs": resolved.logs or []},
    )


def egg_script(resolved: ResolvedEgg) -> Json:
    """The include `script`."""
    row = resolved.egg
    return item(
        None,
        {
            "privileged": row.script_is_privileged,
            "install": resolved.script,
            "entry": row.script_entry,
            "container": row.script_container,
        },
    )


def variable_attributes(row: EggVariable) -> Json:
    """An egg's variable as its row."""
    return {
        "id": row.id,
        "egg_id": row.egg_id,
        "name": row.name,
        "description": row.description,
        "env_variable": row.env_variable,
        "default_value": row.default_value,
        "user_viewable": row.user_viewable,
        "user_editable": row.user_editable,
        "rules": row.rules,
        "created_at": raw_time(row.created_at),
        "updated_at": raw_time(row.updated_at),
    }


def subuser(row: Subuser) -> Json:
    """Somebody with rights on a server."""
    return item(
        "subuser",
        {
            "id": row.id,
            "user_id": row.user_id,
            "server_id": row.server_id,
            "permissions": row.permissions or [],
            "created_at": wire_time(row.created_at),
            "updated_at": wire_time(row.updated_at),
        },
    )


def server(parts: ServerParts) -> Json:
    """A server."""
    row: Server = parts.server
    return item(
        "server",
        {
            "id": row.id,
            "external_id": row.external_id,
            "uuid": row.uuid,
            "identifier": row.uuid_short,
            "name": row.name,
            "description": row.description,
            "status": row.status,
            "suspended": row.status == "suspended",
            "limits": {
                "memory": row.memory,
                "swap": row.swap,
                "disk": row.disk,
                "io": row.io,
                "cpu": row.cpu,
                "threads": row.threads,
                "oom_disabled": row.oom_disabled,
            },
            "feature_limits": {
                "databases": row.database_limit,
                "allocations": row.allocation_limit,
                "backups": row.backup_limit,
            },
            "user": row.owner_id,
            "node": row.node_id,
            "allocation": row.allocation_id,
            "nest": row.nest_id,
            "egg": row.egg_id,
            "container": {
                "startup_command": row.startup,
                "image": row.image,
                "installed": int(row.is_installed),
                "environment": environment(row, parts.variables, parts.values, location=parts.location),
            },
            "updated_at": wire_time(row.updated_at),
            "created_at": wire_time(row.created_at),
        },
    )
