"""The catalogue of rights on a server: one table, in the wire's order."""

from types import MappingProxyType

ADMIN_PERMISSIONS = ("*", "admin.websocket.errors", "admin.websocket.install", "admin.websocket.transfer")
"""What an administrator holds on every server."""

CATALOGUE: MappingProxyType[str, tuple[str, dict[str, str]]] = MappingProxyType(
    {
        "websocket": ("Connecting to the live console.", {"connect": "See the console and live figures."}),
        "control": (
            "Starting, stopping and typing commands.",
            {
                "console": "Send commands to the console.",
                "start": "Start the server.",
                "stop": "Stop or kill the server.",
                "restart": "Restart the server.",
            },
        ),
        "user": (
            "Other people's rights on the server. Nobody can give away a right they lack.",
            {
                "create": "Invite people.",
                "read": "See who has rights.",
                "update": "Change somebody's rights.",
                "delete": "Take rights away.",
            },
        ),
        "file": (
            "The server's files.",
            {
                "create": "Create and upload files and folders.",
                "read": "List folders.",
                "read-content": "Open and download files.",
                "update": "Rename files and change their modes.",
                "delete": "Delete files and folders.",
                "archive": "Pack files into archives.",
                "sftp": "Connect by SFTP.",
            },
        ),
        "backup": (
            "Backups of the server.",
            {
                "create": "Make backups.",
                "read": "See backups.",
                "delete": "Delete backups.",
                "download": "Download backups.",
                "restore": "Put a backup back in place.",
            },
        ),
        "allocation": (
            "The server's addresses.",
            {
                "read": "See all addresses.",
                "create": "Add addresses.",
                "update": "Choose the main address and edit notes.",
                "delete": "Remove addresses.",
            },
        ),
        "startup": (
            "How the server starts.",
            {
                "read": "See the startup settings.",
                "update": "Change the startup settings.",
                "docker-image": "Choose the container image.",
            },
        ),
        "database": (
            "Databases of the server.",
            {
                "create": "Create databases.",
                "read": "See databases.",
                "update": "Give a database a new password.",
                "delete": "Delete databases.",
                "view_password": "See passwords of databases.",
            },
        ),
        "schedule": (
            "Tasks at set times.",
            {
                "create": "Create schedules.",
                "read": "See schedules.",
                "update": "Change and run schedules.",
                "delete": "Delete schedules.",
            },
        ),
        "settings": (
            "The server itself.",
            {"rename": "Rename and describe the server.", "reinstall": "Install the server anew."},
        ),
        "activity": ("What was done on the server.", {"read": "See the activity log."}),
    }
)
"""Group to its description and its keys with theirs."""

ALL_PERMISSIONS = tuple(f"{group}.{key}" for group, (_, keys) in CATALOGUE.items() for key in keys)
