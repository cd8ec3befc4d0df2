"""The list of a person's 50 servers, beside a bare handler that runs the same SQL and serves the same bytes."""

import re
import subprocess
import sys
from typing import Any

from tests.e2e.machine import Machine


def run(_: Machine) -> dict[str, Any]:
    """The share of the bare handler's rate that the Panel reaches; both are started by `bench.panel_list`."""
    done = subprocess.run([sys.executable, "-m", "bench.panel_list"], capture_output=True, text=True, check=True)
    found = re.search(r"ours ([\d.]+) .* reference ([\d.]+) .* ratio ([\d.]+)", done.stdout)
    assert found is not None, done.stdout
    ours, bare, share = map(float, found.groups())
    return {"panel_per_cpu_ms": ours, "bare_per_cpu_ms": bare, "share": share, "limit": 0.5}
