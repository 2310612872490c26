#!/bin/sh
# Makes the traces of traces/suite/stuck again: the same commands make the same bytes.
# To be run at the top of the repository, with `kubetape` on the PATH.
set -eu

cd traces/suite/stuck
rm -f ./*/trace.tape
exec 2>/dev/null

cd not-ready-node
kubetape node join trace.tape a b c
kubetape apply trace.tape -f agent-1.yaml
kubetape node silence trace.tape b --after 20s
kubetape apply trace.tape -f agent-2.yaml --after 80s

cd ../surge-host-port
kubetape node join trace.tape a b c
kubetape apply trace.tape -f agent-1.yaml
kubetape apply trace.tape -f agent-2.yaml --after 20s

cd ../no-schedule-taint
kubetape node join trace.tape a b c
kubetape apply trace.tape -f agent-1.yaml
kubetape node taint trace.tape a gpu=true:NoSchedule --after 20s
kubetape node taint trace.tape b gpu=true:NoSchedule
kubetape node taint trace.tape b gpu=true:NoExecute --after 10s
kubetape node taint trace.tape b gpu=true:NoExecute- --after 10s

cd ../cordoned-node
kubetape node join trace.tape a b
kubetape node cordon trace.tape a
kubetape apply trace.tape -f agent-1.yaml --after 10s
