"""Links under which somebody sets a new password: mailed, kept as a hash, good for an hour and for once."""

import hashlib
from urllib.parse import quote

from sqlalchemy import delete

from rookery.panel.accounts.models import PasswordReset, User
from rookery.panel.secrets import hash_password, random_text
from rookery.panel.settings import PanelSettings
from rookery.panel.work import Work


async def reset_link(work: Work, settings: PanelSettings, user: User) -> str:
    """A fresh link; the one before is void."""
    token = hashlib.sha256(random_text(40).encode()).hexdigest()
    await work.db.execute(delete(PasswordReset).where(PasswordReset.email == user.email))
    work.add(PasswordReset(email=user.email, token=await hash_password(token, 4), created_at=work.now))
    return f"{settings.url}/auth/password/reset/{token}?email={quote(user.email)}"
