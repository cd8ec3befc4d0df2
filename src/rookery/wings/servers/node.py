"""What every server of this node shares."""

from dataclasses import dataclass, field

from rookery.wings.activity import Activity
from rookery.wings.config import Config, ConfigFile
from rookery.wings.panel.client import PanelClient
from rookery.wings.panel.reports import Reports
from rookery.wings.revocations import Revocations
from rookery.wings.runtime.base import Runtime
from rookery.wings.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Node:
    """The node's parts, handed to each server and route."""

    config_file: ConfigFile
    runtime: Runtime
    panel: PanelClient
    reports: Reports
    activity: Activity
    tokens: Tokens
    revocations: Revocations = field(default_factory=Revocations)

    @property
    def config(self) -> Config:
        """The configuration in force now."""
        return self.config_file.current
