#!/usr/bin/env bash
# Runs after demo-down: removes the environments and caches in the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf .venv lab/.venv .cache .slipway .mypy_cache .ruff_cache .pytest_cache
