"""Limits of a server that hold when many ask at the same moment."""

from sqlalchemy import update

from rookery.panel.servers.models import Server
from rookery.panel.work import Work


async def hold(work: Work, server: Server) -> None:
    """Let others who would use up something of this server wait until the transaction ends; call it before counting.

    Writing the row takes its lock on every database; what is counted then includes what those before wrote.
    """
    await work.db.execute(update(Server).where(Server.id == server.id).values(updated_at=work.now))
