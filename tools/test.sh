#!/usr/bin/env bash
# Everything: linters, then all tests in one pytest run, whose summary is the last line.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/lint.sh
exec .venv/bin/pytest tests --numprocesses 2 --dist loadgroup "$@"
