#!/usr/bin/env bash
# Makes the logs that the reader's and the recovery's inputs are made from. To be run when the format changes:
#   engine/fuzz/seeds/log/make.sh path/to/kubetape
set -euo pipefail
kubetape=$(realpath "$1")
cd "$(dirname "$0")"
rm -f ./*.tape
# One batch and its close.
"$kubetape" node join nodes.tape worker-1
# Many small batches, each closed and opened again.
"$kubetape" node join batches.tape worker-1 worker-2
"$kubetape" apply batches.tape -f ../manifests/fluentd.yaml
"$kubetape" node label batches.tape worker-1 run-fluentd=true
"$kubetape" node taint batches.tape worker-2 dedicated=gpu:NoSchedule
"$kubetape" node capacity batches.tape worker-2 --cpu 8
"$kubetape" node cordon batches.tape worker-1
"$kubetape" node leave batches.tape worker-2
# A run, with events of the controllers.
"$kubetape" run batches.tape -o run.tape > /dev/null
