use snapbox::str;

use crate::shell::{FLUENTD, Shell};

#[test]
fn the_lesson_is_replayed() {
    Shell::new().check(
        "
        kubetape run traces/lesson.tape -o run.tape
        kubetape diff traces/lesson.tape run.tape --at every-settled
        kubetape run traces/lesson.tape -o run.tape
        kubetape run traces/lesson.tape -o run.tape --force -q | tail -3
        ",
        str![[r#"
$ kubetape run traces/lesson.tape -o run.tape
Replayed traces/lesson.tape: 266 events
  Time: 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z (1m56.423s), and 4.964s more until everything had settled
  Played back: cluster 38, user 8, workloads/replicaset 33, workloads/deployment 18
  Simulated: workloads/daemonset 60, scheduler 18, kubelet 72, lifecycle 13
  At the end: 4 nodes, 5 pods, Deployment 1, ReplicaSet 2

DaemonSets
NAMESPACE   NAME             DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR      AGE
default     fluentd-daemon   2         2         2       2            2           run-fluentd=true   deleted

Placements
NAMESPACE   DAEMONSET        NODE       FROM         TO           WHY IT ENDED
default     fluentd-daemon   worker-1   +3.128s      +9.039s      its node must not run it any more
default     fluentd-daemon   worker-1   +13.425s     +22.712s     its node must not run it any more
default     fluentd-daemon   worker-2   +3.128s      +9.039s      its node must not run it any more
default     fluentd-daemon   worker-2   +13.515s     +1m20s       its node is gone
default     fluentd-daemon   worker-3   +3.128s      +9.039s      its node must not run it any more
default     fluentd-daemon   worker-3   +1m29.953s   +1m33.804s   somebody asked for it
default     fluentd-daemon   worker-3   +1m34.804s   +1m55.387s   its owner is gone
default     fluentd-daemon   worker-4   +1m21.777s   +1m55.387s   its owner is gone

What changed
        +0s      #1  node control-plane-1 joined, tainted node-role.kubernetes.io/control-plane:NoSchedule,node.kubernetes.io/not-ready:NoSchedule
      +17ms      #6  3 nodes (worker-3, worker-2, worker-1) joined, tainted node.kubernetes.io/not-ready:NoSchedule
    +3.128s     #29  DaemonSet default/fluentd-daemon applied
                     -> 3 pods of default/fluentd-daemon created at once
    +9.039s     #49  DaemonSet default/fluentd-daemon applied again
                     -> 3 pods of default/fluentd-daemon deleted at once
   +13.425s     #67  2 nodes (worker-1, worker-2) labelled run-fluentd=true
                     -> 2 pods of default/fluentd-daemon created within 90ms
   +18.634s     #89  node control-plane-1 labelled run-fluentd=true
   +22.712s     #90  node worker-1 lost its label run-fluentd
                     -> 1 pod of default/fluentd-daemon deleted at once
   +26.754s     #99  node worker-4 joined, tainted node.kubernetes.io/not-ready:NoSchedule
   +32.828s    #106  node worker-2 left
                     -> 1 pod of default/fluentd-daemon deleted within 47.172s
 +1m21.777s    #113  node worker-4 labelled run-fluentd=true
                     -> 1 pod of default/fluentd-daemon created at once
 +1m26.876s    #124  node worker-3 labelled run-fluentd=True
 +1m29.953s    #125  node worker-3 labelled run-fluentd=true
                     -> 1 pod of default/fluentd-daemon created at once
 +1m33.804s    #136  the pod of default/fluentd-daemon on worker-3 deleted: somebody asked for it
                     -> 1 pod of default/fluentd-daemon created, 1 deleted within 1s
 +1m38.187s    #150  Deployment default/web applied
 +1m43.304s    #175  Deployment default/web scaled to 7
 +1m47.676s    #206  Deployment default/web scaled to 2
   +1m51.1s    #232  ReplicaSet default/bare-rs applied
 +1m55.387s    #250  DaemonSet default/fluentd-daemon deleted; what it owns goes after it
                     -> 2 pods of default/fluentd-daemon deleted at once

Kept in run.tape
Digest 746bc4393ebc24981f8f2cb664409d6c
260 events in [..] events/s
$ kubetape diff traces/lesson.tape run.tape --at every-settled
2026-11-24T02:17:02.694550Z: same, 0 placements
2026-11-24T02:17:05.822458Z: same, 0 placements
2026-11-24T02:17:23.121662Z: same, 2 placements
2026-11-24T02:17:25.406994Z: same, 2 placements
2026-11-24T02:17:31.430846Z: same, 1 placement
2026-11-24T02:18:21.289131Z: same, 1 placement
2026-11-24T02:18:31.368631Z: same, 1 placement
2026-11-24T02:18:32.647146Z: same, 1 placement
traces/lesson.tape and run.tape are the same at 8 moments
$ kubetape run traces/lesson.tape -o run.tape
error: run.tape exists already
  hint: choose another name, or overwrite it with --force
[exit status 2]
$ kubetape run traces/lesson.tape -o run.tape --force -q | tail -3
Kept in run.tape
Digest 746bc4393ebc24981f8f2cb664409d6c
260 events in [..] events/s

"#]],
    );
}

#[test]
fn a_what_if_shows_in_the_diff() {
    let shell = Shell::new();
    shell
        .file("everywhere.yaml", FLUENTD.replace("      nodeSelector:\n        run-fluentd: \"true\"\n", ""));
    shell.file("bad.yaml", FLUENTD.replace("  template:", "template:"));
    shell.check(
        "
        kubetape run traces/lesson.tape -q -o before.tape > /dev/null
        kubetape run traces/lesson.tape -f everywhere.yaml --at +20s -q -o after.tape > /dev/null
        kubetape diff before.tape after.tape --at 2026-11-24T02:18:00Z
        kubetape diff before.tape before.tape --strict
        kubetape run traces/lesson.tape -f bad.yaml -o bad.tape
        ls bad.tape
        kubetape run traces/lesson.tape --at +20s
        ",
        str![[r#"
$ kubetape run traces/lesson.tape -q -o before.tape > /dev/null
$ kubetape run traces/lesson.tape -f everywhere.yaml --at +20s -q -o after.tape > /dev/null
$ kubetape diff before.tape after.tape --at 2026-11-24T02:18:00Z
2026-11-24T02:18:00Z: different
  DaemonSet default/fluentd-daemon: 1 pod -> 4
    revision 2 (7655d75c6f): 1 -> 0
    revision 3 (74d779cdb5): 0 -> 4
    + gained on 3 of 3 nodes with node-role.kubernetes.io/control-plane!=: worker-1, worker-3, worker-4
        A deleted 1 of them at 2026-11-24T02:17:25.406995Z (its node must not run it any more) because of #90 at 2026-11-24T02:17:25.406995Z: node worker-1 lost its label run-fluentd (cluster by admin)
        B created 1 of them at 2026-11-24T02:17:22.694550Z because of #90 at 2026-11-24T02:17:22.694550Z: DaemonSet default/fluentd-daemon applied, generation 3 (user)
        B created 1 of them at 2026-11-24T02:17:29.961779Z because of #136 at 2026-11-24T02:17:29.961779Z: node worker-4 is Ready=True: KubeletReady (cluster by system:node:worker-4)
    ~ another revision on 1 node: worker-2
        B created it at 2026-11-24T02:17:27.694550Z because of #90 at 2026-11-24T02:17:22.694550Z: DaemonSet default/fluentd-daemon applied, generation 3 (user)
        revision 2 (7655d75c6f), Running -> revision 3 (74d779cdb5), Running

The first event that differs is #90
  A: #90 at 2026-11-24T02:17:25.406995Z: node worker-1 lost its label run-fluentd (cluster by admin)
  B: #90 at 2026-11-24T02:17:22.694550Z: DaemonSet default/fluentd-daemon applied, generation 3 (user)

The first decision that differs is about default/fluentd-daemon on worker-3
  A: nothing more
  B: #93 at 2026-11-24T02:17:22.694550Z: pod default/fluentd-daemon-vsvz5 created for node worker-3 by DaemonSet default/fluentd-daemon (workloads/daemonset)
       because of #90 at 2026-11-24T02:17:22.694550Z: DaemonSet default/fluentd-daemon applied, generation 3 (user)

DAEMONSET                OVER TIME                  A      B
default/fluentd-daemon   updates                    0s     0s, 6.5s
                         unavailable, pods × time   7.5s   13.5s
                         pods created               5      9
                         pods deleted               4      5

before.tape and after.tape differ at 1 of 1 moment: placements 3 gained, 1 of another revision
[exit status 1]
$ kubetape diff before.tape before.tape --strict
2026-11-24T02:19:04.081668Z: same, 0 placements
before.tape and before.tape are the same at 1 moment
$ kubetape run traces/lesson.tape -f bad.yaml -o bad.tape
error: DaemonSet in version "v1" cannot be handled as a DaemonSet: strict decoding error: unknown field "template"
  --> bad.yaml:9:1
    |
  9 | template:
    | ^^^^^^^^ unknown field "template"
  hint: `template` is outside `spec`: indent it under `spec`
[exit status 2]
$ ls bad.tape
ls: cannot access 'bad.tape': No such file or directory
[exit status 2]
$ kubetape run traces/lesson.tape --at +20s
error: the following required arguments were not provided:
  --filename <MANIFEST>

Usage: kubetape run --filename <MANIFEST> --at <MOMENT> <TRACE>

For more information, try '--help'.
[exit status 2]

"#]],
    );
}

#[test]
fn runs_end_where_they_are_told_to() {
    Shell::new().check(
        "
        kubetape run traces/lesson.tape --until end | sed -n 2p
        kubetape run traces/lesson.tape --until +10s | sed -n 2p
        kubetape run traces/lesson.tape --until 2026-11-24T02:18:00Z | sed -n 2p
        kubetape run traces/lesson.tape --until later
        kubetape run traces/lesson.tape --play all | grep -E 'Played|Simulated'
        kubetape run traces/lesson.tape --play cluster,usr
        kubetape run traces/lesson.tape --play cluster,user,workloads/other | tail -1
        ",
        str![[r#"
$ kubetape run traces/lesson.tape --until end | sed -n 2p
  Time: 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z (1m56.423s), where the trace ends
$ kubetape run traces/lesson.tape --until +10s | sed -n 2p
  Time: 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z (1m56.423s), and 10s more, as asked for
$ kubetape run traces/lesson.tape --until 2026-11-24T02:18:00Z | sed -n 2p
  Time: 2026-11-24T02:17:02.694550Z to 2026-11-24T02:17:35.522112Z (32.828s), and 24.478s more, as asked for
$ kubetape run traces/lesson.tape --until later
error: invalid value 'later' for '--until <WHEN>': write `end`, `settled`, a time such as 2026-11-24T02:17:02Z, or +5m

For more information, try '--help'.
[exit status 2]
$ kubetape run traces/lesson.tape --play all | grep -E 'Played|Simulated'
warning: 1 events of the trace are about pods or revisions that the run does not have, and were left out
  Played back: cluster 38, user 8, workloads/daemonset 48, workloads/replicaset 33, workloads/deployment 18, scheduler 18, kubelet 90, lifecycle 12
  Simulated: lifecycle 1
$ kubetape run traces/lesson.tape --play cluster,usr
error: invalid value 'cluster,usr' for '--play <TRACK,...>': `usr` is not a track; tracks are cluster, user, workloads/daemonset, workloads/replicaset, workloads/deployment, workloads/other, scheduler, kubelet, lifecycle, or `all`

For more information, try '--help'.
[exit status 2]
$ kubetape run traces/lesson.tape --play cluster,user,workloads/other | tail -1
warning: traces/lesson.tape has no event on track workloads/other: playing it back plays nothing
260 events in [..] events/s

"#]],
    );
}

#[test]
fn a_summary_as_json_says_the_same() {
    let (printed, status) = Shell::new().run("kubetape run traces/lesson.tape -q --format json");
    assert_eq!(status, 0, "{printed}");
    let summary: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(summary["traceEvents"], 266);
    assert_eq!(summary["settled"], true);
    assert_eq!(summary["daemonsets"][0]["name"], "fluentd-daemon");
    assert_eq!(summary["daemonsets"][0]["gone"], true);
    assert_eq!(summary["placements"].as_array().unwrap().len(), 8);
    assert_eq!(summary["placements"][0]["why"], "node-no-longer-fits");
    assert_eq!(summary["digest"].as_str().unwrap().len(), 32);
    let tracks = summary["tracks"].as_object().unwrap();
    let sum: u64 =
        tracks.values().map(|t| t["played"].as_u64().unwrap() + t["simulated"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), summary["events"].as_u64());
}
