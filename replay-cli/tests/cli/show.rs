use snapbox::str;

use crate::shell::Shell;

#[test]
fn the_lesson_can_be_looked_at_from_every_side() {
    Shell::new().check(
        "
        kubetape show traces/lesson.tape
        kubetape show traces/lesson.tape nodes --wide --at +30s
        kubetape show traces/lesson.tape daemonsets --at 2026-11-24T02:17:20Z
        kubetape show traces/lesson.tape ds --wide --at -60s
        kubetape show traces/lesson.tape placements --at '#40'
        kubetape show traces/lesson.tape pods -n default -l app=web
        kubetape show traces/lesson.tape pods -n kube-system
        kubetape show traces/lesson.tape events --track user --wide
        ",
        str![[r#"
$ kubetape show traces/lesson.tape
traces/lesson.tape: 266 events in 1m56.422839s, from 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z
  Shown: as of 2026-11-24T02:18:59.117389Z, after event #266
  Tracks: cluster 38, user 8, workloads/daemonset 48, workloads/replicaset 33, workloads/deployment 18, scheduler 18, kubelet 90, lifecycle 13
  Nodes: 4, 4 ready
  Pods: 5, 5 running, 5 ready
  Objects: Deployment 1, ReplicaSet 2
$ kubetape show traces/lesson.tape nodes --wide --at +30s
NAME              STATUS   ROLES           AGE   PODS   TAINTS                                             LABELS
control-plane-1   Ready    control-plane   30s   0      node-role.kubernetes.io/control-plane:NoSchedule   beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=control-plane-1,kubernetes.io/os=linux,node-role.kubernetes.io/control-plane=,node.kubernetes.io/exclude-from-external-load-balancers=,run-fluentd=true
worker-1          Ready    <none>          30s   0      <none>                                             beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-1,kubernetes.io/os=linux
worker-2          Ready    <none>          30s   1      <none>                                             beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-2,kubernetes.io/os=linux,run-fluentd=true
worker-3          Ready    <none>          30s   0      <none>                                             beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-3,kubernetes.io/os=linux
worker-4          Ready    <none>          3s    0      <none>                                             beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-4,kubernetes.io/os=linux
$ kubetape show traces/lesson.tape daemonsets --at 2026-11-24T02:17:20Z
NAMESPACE   NAME             DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR      AGE
default     fluentd-daemon   2         2         2       2            2           run-fluentd=true   15s
$ kubetape show traces/lesson.tape ds --wide --at -60s
NAMESPACE   NAME             DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR      AGE   GENERATION   OBSERVED   IMAGES
default     fluentd-daemon   1         1         1       1            1           run-fluentd=true   54s   2            2          fluent/fluentd
$ kubetape show traces/lesson.tape placements --at '#40'
NAMESPACE   DAEMONSET        NODE       POD                    REVISION   STATUS    AGE
default     fluentd-daemon   worker-1   fluentd-daemon-lwrd6   1          Pending   0s
default     fluentd-daemon   worker-2   fluentd-daemon-7c7h7   1          Pending   0s
default     fluentd-daemon   worker-3   fluentd-daemon-q6scs   1          Pending   0s
$ kubetape show traces/lesson.tape pods -n default -l app=web
NAMESPACE   NAME                  READY   STATUS    RESTARTS   AGE   NODE
default     web-868cf87b5-nkcx2   1/1     Running   0          19s   worker-3
default     web-868cf87b5-qwf42   1/1     Running   0          19s   worker-4
$ kubetape show traces/lesson.tape pods -n kube-system
No pods in traces/lesson.tape at 2026-11-24T02:18:59.117389Z.
$ kubetape show traces/lesson.tape events --track user --wide
     #  TIME                        TRACK                 CAUSE  BY                       EVENT
   #29  2026-11-24T02:17:05.822459Z user                      -  admin                    DaemonSet default/fluentd-daemon applied
   #53  2026-11-24T02:17:11.733771Z user                      -  admin                    DaemonSet default/fluentd-daemon applied, generation 2
  #133  2026-11-24T02:18:36.498500Z user                      -  admin                    pod default/fluentd-daemon-g9wwd deleted: somebody asked for it; 30 s to end
  #146  2026-11-24T02:18:40.881368Z user                      -  admin                    Deployment default/web applied
  #174  2026-11-24T02:18:45.998665Z user                      -  admin                    Deployment default/web scaled to 7
  #209  2026-11-24T02:18:50.370990Z user                      -  admin                    Deployment default/web scaled to 2
  #235  2026-11-24T02:18:53.794282Z user                      -  admin                    ReplicaSet default/bare-rs applied
  #256  2026-11-24T02:18:58.081668Z user                      -  admin                    DaemonSet default/fluentd-daemon deleted; what it owns goes after it

"#]],
    );
}

#[test]
fn json_has_stable_names() {
    Shell::new().check(
        "
        kubetape show traces/lesson.tape --at '#60' --format json
        kubetape show traces/lesson.tape nodes --at '#8' -l kubernetes.io/hostname=control-plane-1 --format json
        kubetape show traces/lesson.tape pods --at '#60' --format json | head -40
        kubetape show traces/lesson.tape placements --at '#48' --format json | head -20
        kubetape show traces/lesson.tape events --format json | head -3
        ",
        str![[r#"
$ kubetape show traces/lesson.tape --at '#60' --format json
{
  "file": "traces/lesson.tape",
  "at": "2026-11-24T02:17:11.753015Z",
  "event": 60,
  "first": "2026-11-24T02:17:02.694550Z",
  "tracks": {
    "cluster": 24,
    "kubelet": 9,
    "lifecycle": 4,
    "scheduler": 3,
    "user": 2,
    "workloads/daemonset": 18
  },
  "nodes": 4,
  "nodesReady": 4,
  "pods": 3,
  "podsRunning": 3,
  "podsReady": 3,
  "objects": {
    "DaemonSet": 1
  },
  "daemonsets": [
    {
      "namespace": "default",
      "name": "fluentd-daemon",
      "desiredNumberScheduled": 0,
      "currentNumberScheduled": 0,
      "numberMisscheduled": 3,
      "numberReady": 0,
      "updatedNumberScheduled": 0,
      "numberAvailable": 0,
      "numberUnavailable": 0,
      "generation": 2,
      "observedGeneration": 2,
      "nodeSelector": {
        "run-fluentd": "true"
      },
      "images": [
        "fluent/fluentd"
      ],
      "created": "2026-11-24T02:17:05Z",
      "terminating": false,
      "gone": false
    }
  ]
}
$ kubetape show traces/lesson.tape nodes --at '#8' -l kubernetes.io/hostname=control-plane-1 --format json
{
  "file": "traces/lesson.tape",
  "at": "2026-11-24T02:17:02.711555Z",
  "event": 8,
  "nodes": [
    {
      "name": "control-plane-1",
      "status": "NotReady",
      "unschedulable": false,
      "silent": false,
      "roles": [
        "control-plane"
      ],
      "created": "2026-11-24T02:17:02Z",
      "pods": 0,
      "labels": {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": "control-plane-1",
        "kubernetes.io/os": "linux",
        "node-role.kubernetes.io/control-plane": "",
        "node.kubernetes.io/exclude-from-external-load-balancers": ""
      },
      "taints": [
        "node-role.kubernetes.io/control-plane:NoSchedule",
        "node.kubernetes.io/not-ready:NoSchedule"
      ],
      "allocatable": {
        "cpu": "4",
        "ephemeral-storage": "107374182400",
        "memory": "17179869184",
        "pods": "110"
      }
    }
  ]
}
$ kubetape show traces/lesson.tape pods --at '#60' --format json | head -40
{
  "file": "traces/lesson.tape",
  "at": "2026-11-24T02:17:11.753015Z",
  "event": 60,
  "pods": [
    {
      "namespace": "default",
      "name": "fluentd-daemon-7c7h7",
      "owner": "DaemonSet/fluentd-daemon",
      "node": "worker-2",
      "target": null,
      "phase": "Running",
      "terminating": true,
      "ready": true,
      "containers": 1,
      "restarts": 0,
      "created": "2026-11-24T02:17:05Z",
      "revisionHash": "5fd8747f6f",
      "labels": {
        "app": "fluentd-daemon",
        "controller-revision-hash": "5fd8747f6f",
        "pod-template-generation": "1"
      }
    },
    {
      "namespace": "default",
      "name": "fluentd-daemon-lwrd6",
      "owner": "DaemonSet/fluentd-daemon",
      "node": "worker-1",
      "target": null,
      "phase": "Running",
      "terminating": true,
      "ready": true,
      "containers": 1,
      "restarts": 0,
      "created": "2026-11-24T02:17:05Z",
      "revisionHash": "5fd8747f6f",
      "labels": {
        "app": "fluentd-daemon",
        "controller-revision-hash": "5fd8747f6f",
$ kubetape show traces/lesson.tape placements --at '#48' --format json | head -20
{
  "file": "traces/lesson.tape",
  "at": "2026-11-24T02:17:07.033965Z",
  "event": 48,
  "placements": [
    {
      "namespace": "default",
      "daemonSet": "fluentd-daemon",
      "node": "worker-1",
      "pod": "fluentd-daemon-lwrd6",
      "bound": true,
      "revision": 1,
      "revisionHash": "5fd8747f6f",
      "phase": "Running",
      "ready": true,
      "terminating": false,
      "created": "2026-11-24T02:17:05Z"
    },
    {
      "namespace": "default",
$ kubetape show traces/lesson.tape events --format json | head -3
{"event":1,"time":"2026-11-24T02:17:02.694550Z","track":"cluster","kind":"NodeJoined","text":"node control-plane-1 joined with labels beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=control-plane-1,kubernetes.io/os=linux,node-role.kubernetes.io/control-plane=,node.kubernetes.io/exclude-from-external-load-balancers=, tainted node-role.kubernetes.io/control-plane:NoSchedule,node.kubernetes.io/not-ready:NoSchedule","by":"system:node:control-plane-1","node":"control-plane-1","labels":{"beta.kubernetes.io/arch":"amd64","beta.kubernetes.io/os":"linux","kubernetes.io/arch":"amd64","kubernetes.io/hostname":"control-plane-1","kubernetes.io/os":"linux","node-role.kubernetes.io/control-plane":"","node.kubernetes.io/exclude-from-external-load-balancers":""},"taints":["node-role.kubernetes.io/control-plane:NoSchedule","node.kubernetes.io/not-ready:NoSchedule"],"unschedulable":false}
{"event":2,"time":"2026-11-24T02:17:02.694550Z","track":"cluster","kind":"NodeConditionSet","text":"node control-plane-1 is MemoryPressure=False: KubeletHasSufficientMemory","by":"system:node:control-plane-1","node":"control-plane-1","condition":"MemoryPressure","reason":"KubeletHasSufficientMemory","since":"2026-11-24T02:17:02Z","status":"False"}
{"event":3,"time":"2026-11-24T02:17:02.694550Z","track":"cluster","kind":"NodeConditionSet","text":"node control-plane-1 is DiskPressure=False: KubeletHasNoDiskPressure","by":"system:node:control-plane-1","node":"control-plane-1","condition":"DiskPressure","reason":"KubeletHasNoDiskPressure","since":"2026-11-24T02:17:02Z","status":"False"}

"#]],
    );
}

#[test]
fn moments_that_are_not_there_are_refused() {
    Shell::new().check(
        "
        kubetape show traces/lesson.tape --at '#100000'
        kubetape show traces/lesson.tape --at 2020-01-01T00:00:00Z
        kubetape show traces/lesson.tape --at noon
        kubetape show traces/lesson.tape pods --track user
        kubetape show traces/lesson.tape events -l a=b
        kubetape show traces/lesson.tape events --track kubelets
        kubetape show traces/lesson.tape nodes -n default
        ",
        str![[r#"
$ kubetape show traces/lesson.tape --at '#100000'
error: there is no event #100000
  --> traces/lesson.tape
  hint: its last event is #266
[exit status 2]
$ kubetape show traces/lesson.tape --at 2020-01-01T00:00:00Z
error: the log begins after 2020-01-01T00:00:00Z
  --> traces/lesson.tape
  hint: its first event is at 2026-11-24T02:17:02.694550Z
[exit status 2]
$ kubetape show traces/lesson.tape --at noon
error: invalid value 'noon' for '--at <MOMENT>': not a moment: write TIME (2026-11-24T02:17:02.5Z), #SEQ (after that event), -5m (before the end), +5m (after the start), start or end

For more information, try '--help'.
[exit status 2]
$ kubetape show traces/lesson.tape pods --track user
error: --track goes only with `events`
[exit status 2]
$ kubetape show traces/lesson.tape events -l a=b
error: --selector goes only with `nodes`, `pods`, `daemonsets` and `placements`
[exit status 2]
$ kubetape show traces/lesson.tape events --track kubelets
error: invalid value 'kubelets' for '--track <TRACK,...>': no such track; there are cluster, user, workloads/daemonset, workloads/replicaset, workloads/deployment, workloads/other, scheduler, kubelet, lifecycle

For more information, try '--help'.
[exit status 2]
$ kubetape show traces/lesson.tape nodes -n default
error: --namespace goes only with what has a namespace, and nodes have none
[exit status 2]

"#]],
    );
}

#[test]
fn a_closed_pipe_is_no_failure_and_a_full_one_is() {
    let shell = Shell::new();
    let (printed, status) = shell.run(
        "set -o pipefail; for i in 1 2 3 4 5; do kubetape show traces/lesson.tape events --format json; done | head -1 | cut -c1-10",
    );
    assert_eq!((printed.as_str(), status), ("{\"event\":1\n", 0));
    shell.check(
        "kubetape show traces/lesson.tape events > /dev/full",
        str![[r#"
$ kubetape show traces/lesson.tape events > /dev/full
error: cannot write to standard output: no space left on device
[exit status 2]

"#]],
    );
}

#[test]
fn colour_is_for_those_who_ask() {
    let shell = Shell::new();
    let plain = shell.run("kubetape show traces/lesson.tape nodes").0;
    assert!(!plain.contains('\x1b'), "{plain}");
    let painted = shell.run("kubetape show traces/lesson.tape nodes --color always").0;
    assert!(painted.contains("\x1b[32mReady\x1b[0m"), "{painted}");
    let stripped =
        painted.replace("\x1b[32m", "").replace("\x1b[1m", "").replace("\x1b[0m", "").replace("\x1b[2m", "");
    assert_eq!(stripped, plain);
}
