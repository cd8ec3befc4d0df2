"""The activity lists: what a viewer sees of each row. Source: Panel 1.11 activity transformer."""

import hashlib
import re
from typing import Any

from rookery.panel.activity.models import ActivityLog

HIDDEN_EVENTS = ("server:file.upload",)
_ALWAYS_SHOWN = {"ip", "useragent", "using_sftp"}
PLACEHOLDERS: dict[str, set[str]] = {
    "auth:ip-blocked": {"identifier"},
    "user:account.email-changed": {"old", "new"},
    "user:api-key.create": {"identifier"},
    "user:api-key.delete": {"identifier"},
    "user:ssh-key.create": {"fingerprint"},
    "user:ssh-key.delete": {"fingerprint"},
    "server:console.command": {"command"},
    "server:settings.rename": {"old", "new"},
    "server:settings.description": {"old", "new"},
    "server:startup.edit": {"variable", "old", "new"},
    "server:startup.image": {"old", "new"},
    "server:backup.start": {"name"},
    "server:backup.download": {"name"},
    "server:backup.lock": {"name"},
    "server:backup.unlock": {"name"},
    "server:backup.delete": {"name"},
    "server:backup.restore": {"name", "truncate"},
    "server:backup.complete": {"name"},
    "server:backup.fail": {"name"},
    "server:backup.restore-complete": {"name"},
    "server.backup.restore-failed": {"name"},
    "server:database.create": {"name"},
    "server:database.rotate-password": {"name"},
    "server:database.delete": {"name"},
    "server:file.read": {"file"},
    "server:file.write": {"file"},
    "server:file.copy": {"file"},
    "server:file.download": {"file"},
    "server:file.create-directory": {"directory", "name"},
    "server:file.decompress": {"files", "directory"},
    "server:file.pull": {"url", "directory"},
    "server:file.uploaded": {"directory", "file"},
    "server:allocation.create": {"allocation"},
    "server:allocation.primary": {"allocation"},
    "server:allocation.delete": {"allocation"},
    "server:allocation.notes": {"allocation", "old", "new"},
    "server:schedule.create": {"name"},
    "server:schedule.execute": {"name"},
    "server:schedule.delete": {"name"},
    "server:schedule.update": {"name"},
    "server:task.create": {"action", "name"},
    "server:task.update": {"action", "name"},
    "server:task.delete": {"name"},
    "server:subuser.create": {"email"},
    "server:subuser.update": {"email"},
    "server:subuser.delete": {"email"},
}
"""Properties an event's sentence in the interface uses itself."""


def shown_properties(row: ActivityLog, *, viewer_id: int) -> dict[str, Any]:
    """A row's properties for a viewer: foreign addresses hidden, lists counted, folders tidied."""
    properties = row.properties if isinstance(row.properties, dict) else {}
    found: dict[str, Any] = {}
    counts = []
    for key, value in properties.items():
        shown = value
        if key == "ip" and row.actor_id != viewer_id:
            shown = "[hidden]"
        elif key == "directory":
            shown = re.sub(r"/+", "/", f"/{str(value or '').strip('/')}/")
        found[key] = shown
        if isinstance(value, list | dict):
            counts.append(f"{key}_count")
            found[counts[-1]] = len(value)
    if len(counts) == 1:
        found["count"] = found.pop(counts[0])
    return found


def has_more(row: ActivityLog) -> bool:
    """Whether a row has properties its sentence does not tell."""
    properties = row.properties if isinstance(row.properties, dict) else {}
    return bool(set(properties) - PLACEHOLDERS.get(row.event, set()) - _ALWAYS_SHOWN)


def public_id(row: ActivityLog) -> str:
    """An opaque key of a row."""
    return hashlib.sha1(str(row.id).encode(), usedforsecurity=False).hexdigest()
