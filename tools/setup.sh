#!/usr/bin/env bash
# Installs what `make` needs, from the lock files, into the checkout. A second run takes a second.
set -euo pipefail
cd "$(dirname "$0")/.."

uv_version=0.13.9
uv=.cache/uv/bin/uv

# Commands that the project calls, and the Debian package of each.
declare -A packages=([git]=git [ssh]=openssh-client [ssh-keygen]=openssh-client [curl]=curl [ip]=iproute2)
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null || missing+=("${packages[$command]}")
done
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if ((${#missing[@]})); then
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "Missing: ${missing[*]}. Install them with your package manager, then run this again." >&2
    exit 1
  fi
  echo "==> Installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if [[ $("$uv" --version 2>/dev/null) != "uv $uv_version"* ]]; then
  echo "==> Installing uv $uv_version into .cache/uv"
  python3 -m venv --clear .cache/uv
  .cache/uv/bin/pip install --quiet "uv==$uv_version"
fi

for project in . lab; do
  # Up to date already: nothing is printed and nothing is asked of the network.
  "$uv" sync --project "$project" --locked --check >/dev/null 2>&1 && continue
  echo "==> Installing the Python packages of $project/uv.lock"
  "$uv" sync --project "$project" --locked --quiet
done
