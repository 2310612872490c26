#!/usr/bin/env bash
# Makes the logs that the reader's and the recovery's inputs are made from. To be run when the format changes:
#   engine/fuzz/seeds/log/make.sh path/to/kubetape
# batches-1.tape and batches-2.tape are what batches.tape was in the first two versions of the format, and are kept.
set -euo pipefail
kubetape=$(realpath "$1")
cd "$(dirname "$0")"
rm -f nodes.tape batches.tape run.tape died.tape
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
# What the header and the frames are while a log is being written, or when its writer died: state 1, no length, no close.
python3 - <<'END'
import zlib
log = bytearray(open("batches.tape", "rb").read())
log[20:32] = (1).to_bytes(4, "little") + bytes(8)
log[60:64] = zlib.crc32(log[:60]).to_bytes(4, "little")
open("died.tape", "wb").write(log[:-128])
END
