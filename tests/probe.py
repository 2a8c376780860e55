"""The load that tests put on what is released: keep-alive clients, a quarter of their requests slow.

    python -m tests.probe --seconds 30 --slow http://host/slow http://host/

The exit code is 1 when any request failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from plugins.module_utils import route_probe
from plugins.module_utils.http_answers import Question

CLIENTS = 8


class Probe(route_probe.Probe):
    """Clients that ask URLs, and every fourth time one of the slow URLs."""

    def __init__(
        self, urls: Sequence[str], *, slow: Sequence[str] = (), clients: int = CLIENTS, **options: Any
    ) -> None:
        def questions(asked: Sequence[str]) -> list[Question]:
            return [Question("", url) for url in asked]

        super().__init__(questions(urls), slow=questions(slow), clients=clients, **options)


def main() -> int:
    """Run the probe from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("urls", nargs="+", metavar="URL", help="asked by the clients in turn")
    parser.add_argument("--slow", action="append", default=[], metavar="URL", help="every fourth request")
    parser.add_argument("--clients", type=int, default=CLIENTS)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    result = Probe(options.urls, slow=options.slow, clients=options.clients, seconds=options.seconds).run()
    print(json.dumps(result.as_dict(), indent=2))
    return 1 if result.failed or not result.requests else 0


if __name__ == "__main__":
    sys.exit(main())
