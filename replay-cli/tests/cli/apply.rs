use snapbox::str;

use crate::shell::{FLUENTD, Shell};

#[test]
fn a_scenario_made_up_in_five_commands_runs() {
    let shell = Shell::new();
    shell.file("fluentd.yaml", FLUENTD);
    shell.check(
        "
        kubetape node join x.tape worker-1 worker-2 worker-3
        kubetape apply x.tape -f fluentd.yaml
        kubetape node label x.tape worker-1 run-fluentd=true
        kubetape node label x.tape worker-2 run-fluentd=true --after 10s
        kubetape run x.tape -o run.tape
        kubetape show run.tape placements
        kubetape show run.tape daemonsets --at +5s
        ",
        str![[r#"
$ kubetape node join x.tape worker-1 worker-2 worker-3
node/worker-1 joined
node/worker-2 joined
node/worker-3 joined
x.tape: events #1 to #6 at 2026-01-01T00:00:00Z
$ kubetape apply x.tape -f fluentd.yaml
daemonset.apps/fluentd-daemon created
x.tape: event #7 at 2026-01-01T00:00:01Z
$ kubetape node label x.tape worker-1 run-fluentd=true
node/worker-1 labeled
x.tape: event #8 at 2026-01-01T00:00:02Z
$ kubetape node label x.tape worker-2 run-fluentd=true --after 10s
node/worker-2 labeled
x.tape: event #9 at 2026-01-01T00:00:12Z
$ kubetape run x.tape -o run.tape
Replayed x.tape: 9 events
  Time: 2026-01-01T00:00:00Z to 2026-01-01T00:00:12Z (12s), and 6.5s more until everything had settled
  Played back: cluster 8, user 1
  Simulated: workloads/daemonset 17, scheduler 2, kubelet 4
  At the end: 3 nodes, 2 pods, DaemonSet 1

DaemonSets
NAMESPACE   NAME             DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR      AGE
default     fluentd-daemon   2         2         2       2            2           run-fluentd=true   17s

Placements
NAMESPACE   DAEMONSET        NODE       FROM   TO    WHY IT ENDED
default     fluentd-daemon   worker-1   +2s    now   -
default     fluentd-daemon   worker-2   +12s   now   -

What changed
        +0s      #1  3 nodes (worker-1, worker-2, worker-3) joined
        +1s      #7  DaemonSet default/fluentd-daemon applied
        +2s     #11  node worker-1 labelled run-fluentd=true
                     -> 1 pod of default/fluentd-daemon created at once
       +12s     #22  node worker-2 labelled run-fluentd=true
                     -> 1 pod of default/fluentd-daemon created at once

Kept in run.tape
Digest 03078e3d1aa97a80e1f26ab7cf398634
32 events in [..] events/s
$ kubetape show run.tape placements
NAMESPACE   DAEMONSET        NODE       POD                    REVISION   STATUS   AGE
default     fluentd-daemon   worker-1   fluentd-daemon-5kdpc   1          Ready    11s
default     fluentd-daemon   worker-2   fluentd-daemon-zxs6t   1          Ready    1s
$ kubetape show run.tape daemonsets --at +5s
NAMESPACE   NAME             DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR      AGE
default     fluentd-daemon   1         1         1       1            1           run-fluentd=true   4s

"#]],
    );
}

#[test]
fn all_documents_are_applied_or_none() {
    let shell = Shell::new();
    let class =
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: high\nvalue: 1000\n";
    let outside = FLUENTD.replace("  template:", "template:");
    shell.file("good.yaml", format!("{class}---\n{FLUENTD}"));
    shell.file("bad.yaml", format!("{class}---\n{outside}"));
    shell
        .file("service.yaml", format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n---\n{FLUENTD}"));
    shell.file("kindless.yaml", "metadata:\n  name: x\n");
    shell.file("node.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: n\n");
    shell.file("empty.yaml", "# nothing\n");
    shell.file("broken.yaml", "a: [1\nb: }\n");
    shell.check(
        "
        kubetape apply x.tape -f bad.yaml
        ls x.tape
        kubetape apply x.tape -f good.yaml
        kubetape apply x.tape -f service.yaml
        kubetape apply x.tape -f kindless.yaml
        kubetape apply x.tape -f node.yaml
        kubetape apply x.tape -f empty.yaml
        kubetape apply x.tape -f broken.yaml
        kubetape apply x.tape -f absent.yaml
        cat good.yaml | sed s/1000/2000/ | kubetape apply x.tape -f -
        kubetape show x.tape events
        ",
        str![[r#"
$ kubetape apply x.tape -f bad.yaml
error: DaemonSet in version "v1" cannot be handled as a DaemonSet: strict decoding error: unknown field "template"
  --> bad.yaml:15:1
     |
  15 | template:
     | ^^^^^^^^ unknown field "template"
  hint: `template` is outside `spec`: indent it under `spec`
[exit status 2]
$ ls x.tape
ls: cannot access 'x.tape': No such file or directory
[exit status 2]
$ kubetape apply x.tape -f good.yaml
priorityclass.scheduling.k8s.io/high created
daemonset.apps/fluentd-daemon created
x.tape: events #1 to #2 at 2026-01-01T00:00:00Z
$ kubetape apply x.tape -f service.yaml
daemonset.apps/fluentd-daemon unchanged
skipped what placement does not depend on: Service 1
x.tape: nothing changed, nothing was added
$ kubetape apply x.tape -f kindless.yaml
error: a document without `kind`
  --> kindless.yaml:1:1
  hint: every Kubernetes object has `apiVersion`, `kind` and `metadata.name`
[exit status 2]
$ kubetape apply x.tape -f node.yaml
error: a Node cannot be applied to a log
  --> node.yaml:1
  hint: let it join: `kubetape node join FILE NAME --labels KEY=VALUE`
[exit status 2]
$ kubetape apply x.tape -f empty.yaml
error: there is no manifest in it
  --> empty.yaml
  hint: a manifest has `apiVersion`, `kind` and `metadata`
[exit status 2]
$ kubetape apply x.tape -f broken.yaml
error: error converting YAML to JSON: yaml: line 2: mapping values are not allowed in this context
  --> broken.yaml:2:2
    |
  2 | b: }
    |  ^ yaml: line 2: mapping values are not allowed in this context
[exit status 2]
$ kubetape apply x.tape -f absent.yaml
error: cannot read absent.yaml: no such file or directory
  hint: is the path right? it is relative to the working folder
[exit status 2]
$ cat good.yaml | sed s/1000/2000/ | kubetape apply x.tape -f -
error: PriorityClass.scheduling.k8s.io "high" is invalid: value: Forbidden: may not be changed in an update.
  --> standard input:5:8
    |
  5 | value: 2000
    |        ^^^^ Forbidden: may not be changed in an update.
[exit status 2]
$ kubetape show x.tape events
     #  TIME                        TRACK                 CAUSE  EVENT
    #1  2026-01-01T00:00:00Z        user                      -  PriorityClass high applied
    #2  2026-01-01T00:00:00Z        user                      -  DaemonSet default/fluentd-daemon applied

"#]],
    );
}

#[test]
fn objects_and_pods_are_deleted_in_kubectls_style() {
    let shell = Shell::new();
    shell.file("fluentd.yaml", FLUENTD);
    shell.check(
        "
        kubetape node join x.tape worker-1 --labels run-fluentd=true
        kubetape apply x.tape -f fluentd.yaml
        kubetape run x.tape -o run.tape -q > /dev/null
        kubetape delete run.tape daemonset/fluentd-demon
        kubetape delete run.tape thing/fluentd
        kubetape delete run.tape ds
        kubetape delete run.tape pod/nope
        kubetape delete run.tape pods $(kubetape show run.tape pods | awk 'NR==2 {print $2}')
        kubetape delete run.tape ds fluentd-daemon --cascade orphan
        kubetape delete run.tape node/worker-1
        kubetape show run.tape events --track user,cluster
        ",
        str![[r#"
$ kubetape node join x.tape worker-1 --labels run-fluentd=true
node/worker-1 joined
x.tape: events #1 to #2 at 2026-01-01T00:00:00Z
$ kubetape apply x.tape -f fluentd.yaml
daemonset.apps/fluentd-daemon created
x.tape: event #3 at 2026-01-01T00:00:01Z
$ kubetape run x.tape -o run.tape -q > /dev/null
$ kubetape delete run.tape daemonset/fluentd-demon
error: DaemonSet "fluentd-demon" does not exist in namespace "default"
  --> run.tape
  hint: did you mean fluentd-daemon?
[exit status 2]
$ kubetape delete run.tape thing/fluentd
error: no kind is called "thing"
  hint: kinds are pod, node, namespace, daemonset, deployment, replicaset, statefulset, job, priorityclass, poddisruptionbudget, service
[exit status 2]
$ kubetape delete run.tape ds
error: which DaemonSet is to be deleted?
  hint: name it: daemonsets/NAME
[exit status 2]
$ kubetape delete run.tape pod/nope
error: Pod "nope" does not exist in namespace "default"
  --> run.tape
  hint: there are fluentd-daemon-5kdpc
[exit status 2]
$ kubetape delete run.tape pods $(kubetape show run.tape pods | awk 'NR==2 {print $2}')
pod "fluentd-daemon-5kdpc" deleted
run.tape: event #15 at 2026-01-01T00:00:03.500Z
$ kubetape delete run.tape ds fluentd-daemon --cascade orphan
daemonset.apps "fluentd-daemon" deleted
run.tape: event #16 at 2026-01-01T00:00:04.500Z
$ kubetape delete run.tape node/worker-1
node "worker-1" deleted
run.tape: event #17 at 2026-01-01T00:00:05.500Z
$ kubetape show run.tape events --track user,cluster
     #  TIME                        TRACK                 CAUSE  EVENT
    #1  2026-01-01T00:00:00Z        cluster                   -  node worker-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-1,kubernetes.io/os=linux,run-fluentd=true
    #2  2026-01-01T00:00:00Z        cluster                   -  node worker-1 is Ready=True: KubeletReady
    #3  2026-01-01T00:00:01Z        user                      -  DaemonSet default/fluentd-daemon applied
   #15  2026-01-01T00:00:03.500Z    user                      -  pod default/fluentd-daemon-5kdpc deleted: somebody asked for it; 30 s to end
   #16  2026-01-01T00:00:04.500Z    user                      -  DaemonSet default/fluentd-daemon is being deleted; what it owns stays
   #17  2026-01-01T00:00:05.500Z    cluster                   -  node worker-1 left

"#]],
    );
}
