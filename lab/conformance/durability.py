"""What the control plane knows is on disk, whatever ends it."""

import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core.persistence import save_state

from lab.conformance.around import Response, around
from lab.settings import Settings

logger = logging.getLogger("lab.durability")

SETTLE_SECONDS = 0.3
READS = ("Describe", "List", "Get", "BatchGet")


def resources_outlive_a_crash(_settings: Settings) -> None:
    """A resource that an API call has made is still there after the control plane was killed."""
    changed = threading.Event()

    @around(app, "_dispatch_service_request")
    async def noting_changes(
        original: Callable[..., Awaitable[Response]],
        method: str,
        path: str,
        headers: dict[str, str],
        *args: Any,
    ) -> Response:
        answer = await original(method, path, headers, *args)
        if not _is_read(headers, args[0]):
            changed.set()
        return answer

    @around(app, "_handle_ecr_registry_request")
    async def noting_pushes(
        original: Callable[..., Awaitable[Response]], method: str, *args: Any
    ) -> Response:
        answer = await original(method, *args)
        if method in ("PUT", "DELETE"):
            changed.set()
        return answer

    def write() -> None:
        while True:
            changed.wait()
            # A burst of calls is written once.
            threading.Event().wait(SETTLE_SECONDS)
            changed.clear()
            for name, state_of in app._build_persistence_save_dict().items():
                try:
                    state = state_of()
                except RuntimeError:
                    # Changed while it was copied: the next round has it whole.
                    changed.set()
                    continue
                if state is not None:
                    save_state(name, state)

    threading.Thread(target=write, name="lab-durability", daemon=True).start()


def _is_read(headers: dict[str, str], body: bytes) -> bool:
    target = headers.get("x-amz-target", "").rpartition(".")[2]
    action = target or body.partition(b"Action=")[2].decode(errors="replace")
    return action.startswith(READS)
