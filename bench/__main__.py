"""`python -m bench [NAME…]`: measures one fresh instance, each time beside a bare yardstick in the same run.

Prints one JSON object per measurement; exit status 1 when a limit is passed.
"""

import importlib
import json
import sys

from tests.e2e.machine import running

NAMES = ("console", "stats", "start", "listing")


def main() -> int:
    wanted = sys.argv[1:] or NAMES
    good = True
    with running() as machine:
        for name in wanted:
            result = importlib.import_module(f"bench.{name}").run(machine)
            keeps = keeps_limit(result)
            good = good and keeps
            rounded = {key: round(value, 4) for key, value in result.items()}
            print(json.dumps({"bench": name, **rounded, "ok": keeps}), flush=True)
    return 0 if good else 1


def keeps_limit(result: dict[str, float]) -> bool:
    """Whether the figure that is limited keeps its limit: a ratio or an addition at most, a share at least."""
    if "share" in result:
        return result["share"] >= result["limit"]
    return result.get("ratio", result.get("added_ms", 0.0)) <= result["limit"]


sys.exit(main())
