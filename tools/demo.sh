#!/usr/bin/env bash
# Deploys the sample application on the embedded cloud and says what to try next: TARGET is ecs or ec2.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
  ecs)
    inventory=(-i examples/09-finished -e @inventories/local/group_vars/lab.yml)
    inventory+=(-e app_url=http://goals-finished.alb.localhost:4566)
    look="docker ps --filter label=ministack=ecs"
    ;;
  ec2)
    inventory=(-i local)
    look="ansible app_hosts -i local -b -m ansible.builtin.command -a 'docker ps'"
    ;;
  *)
    echo "TARGET=${1:-}: expected ecs or ec2, as in: make demo TARGET=ec2" >&2
    exit 2
    ;;
esac

echo "==> ansible-playbook deploy.yml ${inventory[*]}"
.venv/bin/ansible-playbook deploy.yml "${inventory[@]}"

url=$(.venv/bin/ansible localhost "${inventory[@]}" -m ansible.builtin.debug -a 'msg={{ app_url }}' |
  sed -n "s/.*\(http[^\"' ]*\).*/\1/p" | head -n 1)
cat <<EOF

The goals application answers at

    $url

Try next, in another terminal or now (source .venv/bin/activate first):

    curl $url/goals                                        # the API, through the load balancer
    ansible-playbook deploy.yml ${inventory[*]}                   # again: nothing changes
    ansible-playbook deploy.yml ${inventory[*]} --check --diff    # the plan; changes nothing
    \$EDITOR examples/goals/backend/src/app.js              # change something, then deploy: no request is lost
    $look
    make demo-down                                         # remove every trace

EOF
