"""What is checked and written before a server starts, in the wire's order."""

from typing import TYPE_CHECKING

from rookery.protocol.problems import Conflict
from rookery.wings.panel.client import PanelError
from rookery.wings.servers.eggfiles import apply
from rookery.wings.threads import in_thread

if TYPE_CHECKING:
    from rookery.wings.servers.server import Server


async def run(server: "Server") -> None:
    """Fetch the configuration, check suspension and space, write the egg's files, set ownership.

    A Panel that does not answer at all does not keep a server down: it starts with its last known configuration.

    Raises:
        SyncFailed: the Panel said no, or gave no usable answer.
        Conflict: the server is suspended or its disk is full.
    """
    from rookery.wings.servers.server import SyncFailed

    config = server.node.config
    try:
        await server.sync()
    except SyncFailed as err:
        silent = isinstance(err.cause, PanelError) and err.cause.status == 0
        if not silent or not server.configuration.image:
            raise
        server.say("The Panel does not answer; starting with the last known configuration.")
    if server.suspended:
        raise Conflict("server is currently in a suspended state")
    await in_thread(server.volume.make)
    if server.volume.limit > 0:
        server.say("Checking server disk space usage, this could take a few seconds...")
        await server.fresh_disk_use()
        if server.volume.is_full():
            raise Conflict("server does not have enough disk space to start")
    else:
        server.count_soon()
    server.say("Updating process configuration files...")
    await in_thread(
        apply.write_all,
        server.volume,
        server.configuration.process.configs,
        interface=config.docker.network.interface,
        values=apply.values_of(server.configuration),
    )
    if config.system.check_permissions_on_boot:
        server.say("Ensuring file permissions are set correctly, this could take a few seconds...")
        await in_thread(server.volume.take_ownership)
