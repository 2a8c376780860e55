"""The lab's command: `lab/.venv/bin/python -m lab up|down|status|images|host-flags`."""

import argparse
import json
import sys

from lab import machine, settings


def main() -> int:
    """Run one command; a LabError becomes its text and exit code 1."""
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("images", help="make the base images that are missing or out of date")
    flags = commands.add_parser("host-flags", help="how to start a host container on this machine")
    flags.add_argument("--json", action="store_true", help="for community.docker.docker_container")
    arguments = parser.parse_args()
    try:
        if arguments.command == "images":
            from lab import docker_engine, images

            images.ensure(settings.from_environment(), docker_engine.connect())
        else:
            found = machine.host_flags()
            print(json.dumps(found.as_dict()) if arguments.json else " ".join(found.as_arguments()))
    except settings.LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
