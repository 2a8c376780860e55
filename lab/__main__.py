"""The lab's command: `lab/.venv/bin/python -m lab up|down|status|images|patches|host-flags`."""

import argparse
import importlib
import json
import sys

from lab import machine
from lab.settings import LabError, from_environment

INTERRUPTED = 130


def main() -> int:
    """Run one command; a LabError becomes its text and exit code 1."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "host-flags":
            flags = machine.host_flags()
            print(json.dumps(flags.as_dict()) if arguments.json else " ".join(flags.as_arguments()))
            return 0
        # Only now, because host-flags must run on any Python and the rest needs the lab's own environment.
        commands = importlib.import_module("lab.commands")
        code: int = commands.run(arguments, from_environment())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nlab: interrupted; the same command continues where this one stopped.", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the lab, or bring it up to date; changes nothing that is right")
    down = commands.add_parser("down", help="remove every trace but the base images")
    down.add_argument("--images", action="store_true", help="remove the base images too")
    commands.add_parser("status", help="say what runs; exit code 3 if the lab does not")
    commands.add_parser("images", help="make the base images that are missing or out of date")
    patches = commands.add_parser("patches", help="list the conformance patches, as in docs/lab.md")
    patches.add_argument("--json", action="store_true", help="for tests")
    flags = commands.add_parser("host-flags", help="how to start a host container on this machine")
    flags.add_argument("--json", action="store_true", help="for community.docker.docker_container")
    return parser


if __name__ == "__main__":
    sys.exit(main())
