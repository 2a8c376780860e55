#!/usr/bin/env bash
# Linters, then the tests named, in one pytest run on the lab, whose summary is the last line.
set -euo pipefail
cd "$(dirname "$0")/.."
lab() { lab/.venv/bin/python -m lab "$@"; }

tools/lint.sh

# A lab that was not there before is not there afterwards.
lab status >/dev/null || trap 'lab down >.lab/down.log 2>&1' EXIT
lab up
.venv/bin/pytest "$@" --numprocesses 2 --durations 15
