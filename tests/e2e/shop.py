"""Another application than the sample, written as the README says: one service, port and image of its own."""

import os
from pathlib import Path
from typing import Any

from tests.e2e.environment import ROOT, Environment


def shop_services(context: Path, version: str, **keys: Any) -> dict[str, Any]:
    """Describe the application at a version, built in a folder; `keys` are more keys of its service."""
    web = {
        "build": {
            "context": os.path.relpath(context, ROOT),
            "args": {"NODE_IMAGE": "slipway-lab/node:24", "VERSION": version},
        },
        "port": 8000,
        "route": {"paths": ["/*"], "priority": 100},
        "stop_timeout": 10,
    }
    return {"web": {**web, **keys}}


def described_version(shop: Environment) -> str:
    """Return the version that the inventory describes."""
    return str(shop.variables["app_services"]["web"]["build"]["args"]["VERSION"])
