#!/usr/bin/env bash
# Removes what demo-down leaves: the base images, the environments and caches in the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/demo-down.sh --images
rm -rf .venv lab/.venv bench/.venv .cache .slipway .mypy_cache .ruff_cache .pytest_cache
