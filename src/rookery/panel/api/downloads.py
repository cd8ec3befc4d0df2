"""Files browsers save."""

import json
import re

from starlette.responses import Response

from rookery.protocol.eggs import EggDocument, write_egg


def egg_file(egg: EggDocument) -> Response:
    """An egg as a file under its name."""
    slug = re.sub(r"[^a-z0-9]+", "-", egg.name.lower()).strip("-")
    body = json.dumps(write_egg(egg), indent=4, ensure_ascii=False)
    headers = {"Content-Disposition": f"attachment; filename=egg-{slug}.json"}
    return Response(body, media_type="application/json", headers=headers)
