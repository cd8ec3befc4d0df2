"""Every setting of the Panel: read once from `ROOKERY_*` variables, frozen, handed in.

Paths default to files below `home`, so that one directory holds all that must be kept.
"""

import os
import secrets
from base64 import b64encode
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class PanelSettings(BaseSettings):
    """The Panel's settings."""

    model_config = SettingsConfigDict(env_prefix="ROOKERY_", frozen=True, extra="ignore")

    home: Path = Path("/var/lib/rookery")
    """Where the database and the application key are kept."""
    url: str = "http://127.0.0.1:8000"
    """Address under which browsers and nodes reach the Panel; no slash at the end."""
    panel_listen: str = "127.0.0.1:8000"
    """Host and port the web server listens on."""
    database: str = ""
    """SQLAlchemy URL; empty: a SQLite file below `home`."""
    key: str = ""
    """Application key, `base64:` and 32 bytes; empty: kept in a file below `home`."""
    name: str = "Rookery"
    """Name of the installation, as users see it."""
    locale: str = "en"
    """Language told to the interface; only English is there."""
    captcha: bool = False
    """Whether the interface is told to show a captcha; its solution is not checked here yet."""
    captcha_site_key: str = "6LcJcjwUAAAAAO_Xqjrtj9wWufUpYRnK6BW8lnfn"
    """Public key of the captcha; as the original ships it."""
    captcha_secret: str = ""
    """Secret key of the captcha."""
    timezone: str = "UTC"
    """Zone of times in the client API."""
    hashids_salt: str = ""
    """Salt of database identifiers in the client API; empty: derived from the application key."""
    hashids_length: int = 8
    """Least length of those identifiers."""
    service_author: str = "unknown@unknown.com"
    """Author of nests and eggs made here."""
    session_minutes: int = Field(720, ge=1)
    """How long a session lasts after its last request."""
    session_cookie: str = "pterodactyl_session"
    """Name of the session cookie."""
    secure_cookie: bool | None = None
    """Whether cookies are for HTTPS only; unset: as the Panel's address says."""
    trusted_proxies: str = ""
    """Addresses or networks, with commas, whose `X-Forwarded-*` headers count; `*` for all."""
    bcrypt_rounds: int = Field(10, ge=4, le=15)
    """Cost of password hashes."""
    two_factor_required: int = Field(0, ge=0, le=2)
    """Who must use a second factor: 0 nobody, 1 administrators, 2 everybody."""
    limit_client: int = Field(720, ge=0)
    """Client API requests per user and minute."""
    limit_application: int = Field(240, ge=0)
    """Application API requests per user and minute."""
    limits: bool = True
    """Whether request limits apply; tests turn them off."""
    node_timeout: float = 15.0
    """Seconds a node may take for an answer."""
    node_connect_timeout: float = 5.0
    """Seconds a node may take to accept a connection."""
    client_allocations: bool = False
    """Whether users may add addresses to their servers themselves."""
    client_allocation_start: int = 0
    """First port of addresses made for users."""
    client_allocation_end: int = 0
    """Last port of addresses made for users."""
    backup_driver: str = Field("wings", pattern="^(wings|s3)$")
    """Where new backups are kept: `wings` on the node, or `s3`."""
    backup_throttle: bool = True
    """Whether backups of a server are throttled; tests turn it off."""
    backup_throttle_limit: int = 2
    """Backups of a server within the period."""
    backup_throttle_period: int = 600
    """Seconds; 0 switches the throttle off."""
    backup_part_size: int = 5 * 1024**3
    """Bytes of a part of an upload to a bucket."""
    backup_presigned_url_lifespan: int = 60
    """Minutes a node has to put a part."""
    aws_default_region: str = ""
    """Region of the bucket."""
    aws_access_key_id: str = ""
    """Key of the bucket; empty: as the environment of the process says."""
    aws_secret_access_key: str = ""
    """Secret of that key."""
    aws_backups_bucket: str = ""
    """Name of the bucket for backups."""
    aws_endpoint: str = ""
    """Address of an S3 service other than Amazon's."""
    aws_use_path_style_endpoint: bool = False
    """Whether the bucket's name is in the path of its address."""
    aws_backups_use_accelerate: bool = False
    """Whether transfer acceleration is used."""
    aws_backups_storage_class: str = ""
    """Storage class of backups."""
    backup_prune_minutes: int = 360
    """Minutes after which a backup nobody reported on counts as failed; 0: never."""
    mail_mailer: str = Field("log", pattern="^(log|smtp|file)$")
    """How mail leaves: `smtp`, `file` (appended to `mail_file`), or `log`, which only notes that there was one."""
    mail_file: str = ""
    """Where the mailer `file` writes."""
    mail_host: str = "127.0.0.1"
    """Mail server."""
    mail_port: int = 25
    """Its port."""
    mail_encryption: str = Field("tls", pattern="^(|tls|ssl)$")
    """`tls` upgrades the connection, `ssl` begins encrypted, empty is neither."""
    mail_username: str = ""
    """Account at the mail server."""
    mail_password: str = ""
    """Its password."""
    mail_from_address: str = "no-reply@example.com"
    """Sender of mails."""
    mail_from_name: str = ""
    """Name of the sender; empty: that of the installation."""
    mail_install: bool = True
    """Whether owners are told when a new server is installed."""
    mail_reinstall: bool = True
    """Whether they are told when one was installed anew."""
    transfer_hours: int = 24
    """Hours after which a move between nodes nobody reported on counts as failed; 0: never."""
    schedule_task_limit: int = 10
    """Most tasks of a schedule."""
    jobs: str = Field("here", pattern="^(here|worker)$")
    """Where schedules run: `here` in the web processes, or only in `rookery panel worker`."""
    client_databases: bool = True
    """Whether users may make databases themselves."""
    client_databases_any_host: bool = True
    """Whether a database may be made on any host when the server's node has none."""
    activity_days: int = 90
    """After how many days activity is deleted."""
    hide_admin_activity: bool = False
    """Whether what administrators do on a server is hidden from its users."""
    max_edit_bytes: int = 4 * 1024 * 1024
    """Largest file the editor opens."""

    @field_validator("url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def database_url(self) -> str:
        """The URL the engine is made from."""
        return self.database or f"sqlite+aiosqlite:///{self.home / 'panel.sqlite'}"

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the Panel by HTTPS."""
        return self.url.startswith("https://")

    def app_key(self) -> str:
        """The application key; made and kept on first use."""
        if self.key:
            return self.key
        path = self.home / "app.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = "base64:" + b64encode(secrets.token_bytes(32)).decode()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as out:
                out.write(fresh)
        return path.read_text().strip()
