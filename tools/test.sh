#!/usr/bin/env bash
# Linters, then the tests named, in one pytest run on the lab, whose summary is the last line.
set -euo pipefail
cd "$(dirname "$0")/.."
lab() { lab/.venv/bin/python -m lab "$@"; }

# A lab that was not there before is not there afterwards.
lab status >/dev/null && was_there=yes || was_there=no
linters=
finish() {
  if [[ -n $linters ]]; then kill "$linters" 2>/dev/null || true; fi
  if [[ $was_there == no ]]; then lab down >.lab/down.log 2>&1; fi
}
trap finish EXIT

# The lab's images take as long as the linters, and wait for downloads most of the time.
tools/lint.sh &
linters=$!
lab up
wait "$linters" || { linters='' && exit 1; }
linters=

.venv/bin/pytest "$@" --numprocesses 4 --durations 15
