"""MiniStack in this process, with the conformance patches applied before it serves its first request.

Started by `lab up` with the environment that MiniStack reads its settings from.
"""

import asyncio
import logging
import signal

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

from lab import conformance, process
from lab.settings import Settings, from_environment

# AWS closes an idle client connection after 60 s; closing later than that cannot surprise a client.
KEEP_ALIVE_SECONDS = 75
# Hypercorn ends a connection after 1000 requests by default; a load balancer does not.
REQUESTS_PER_CONNECTION = 10**9


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then let MiniStack write its state."""
    stopping = asyncio.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(kind, stopping.set)
    config = Config()
    config.bind = [f"127.0.0.1:{settings.port}", f"{settings.gateway}:{settings.port}"]
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.keep_alive_max_requests = REQUESTS_PER_CONNECTION
    config.graceful_timeout = 1
    config.loglevel = "INFO"

    async def stopped() -> None:
        await stopping.wait()

    await serve(app, config, shutdown_trigger=stopped)


def main() -> None:
    """Apply the patches, say who this process is, and serve."""
    settings = from_environment()
    conformance.apply(settings)
    # It says a line for every service whenever anything changes.
    logging.getLogger("persistence").setLevel(logging.WARNING)
    process.record(settings)
    logging.getLogger("lab").info("patches: %s", ", ".join(each.name for each in conformance.registry()))
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
