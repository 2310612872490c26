use snapbox::str;

use crate::shell::Shell;

#[test]
fn nodes_join_and_are_changed_in_kubectls_style() {
    Shell::new().check(
        "
        kubetape node join x.tape worker-1 worker-2
        kubetape node join x.tape control-plane-1 --labels node-role.kubernetes.io/control-plane= --taint node-role.kubernetes.io/control-plane:NoSchedule
        kubetape node label x.tape worker-1 run-fluentd=true pool=a
        kubetape node label x.tape worker-1 run-fluentd=True
        kubetape node label x.tape worker-1 run-fluentd=True --overwrite
        kubetape node label x.tape worker-1 run-fluentd- absent-
        kubetape node label x.tape worker-1 absent-
        kubetape node label x.tape -l pool=a zone=west
        kubetape node label x.tape --all tier=1 --after 10m
        kubetape node taint x.tape worker-2 dedicated=gpu:NoSchedule
        kubetape node taint x.tape worker-2 dedicated=gpu:NoSchedule
        kubetape node taint x.tape worker-2 dedicated-
        kubetape node taint x.tape worker-2 dedicated:NoExecute-
        kubetape node cordon x.tape worker-1
        kubetape node cordon x.tape worker-1
        kubetape node uncordon x.tape worker-1
        kubetape node condition x.tape worker-1 MemoryPressure=True
        kubetape node silence x.tape worker-2
        kubetape node return x.tape worker-2 --at 2026-01-01T01:00:00Z
        kubetape node capacity x.tape worker-2 --cpu 8 --memory 32Gi
        kubetape node leave x.tape worker-1
        kubetape show x.tape events
        ",
        str![[r#"
$ kubetape node join x.tape worker-1 worker-2
node/worker-1 joined
node/worker-2 joined
x.tape: events #1 to #4 at 2026-01-01T00:00:00Z
$ kubetape node join x.tape control-plane-1 --labels node-role.kubernetes.io/control-plane= --taint node-role.kubernetes.io/control-plane:NoSchedule
node/control-plane-1 joined
x.tape: events #5 to #6 at 2026-01-01T00:00:01Z
$ kubetape node label x.tape worker-1 run-fluentd=true pool=a
node/worker-1 labeled
x.tape: events #7 to #8 at 2026-01-01T00:00:02Z
$ kubetape node label x.tape worker-1 run-fluentd=True
error: "run-fluentd" already has a value (true), and --overwrite is false
[exit status 2]
$ kubetape node label x.tape worker-1 run-fluentd=True --overwrite
node/worker-1 labeled
x.tape: event #9 at 2026-01-01T00:00:03Z
$ kubetape node label x.tape worker-1 run-fluentd- absent-
label "absent" not found on node worker-1
node/worker-1 unlabeled
x.tape: event #10 at 2026-01-01T00:00:04Z
$ kubetape node label x.tape worker-1 absent-
label "absent" not found on node worker-1
node/worker-1 not labeled
x.tape: nothing changed, nothing was added
$ kubetape node label x.tape -l pool=a zone=west
node/worker-1 labeled
x.tape: event #11 at 2026-01-01T00:00:05Z
$ kubetape node label x.tape --all tier=1 --after 10m
node/control-plane-1 labeled
node/worker-1 labeled
node/worker-2 labeled
x.tape: events #12 to #14 at 2026-01-01T00:10:05Z
$ kubetape node taint x.tape worker-2 dedicated=gpu:NoSchedule
node/worker-2 tainted
x.tape: event #15 at 2026-01-01T00:10:06Z
$ kubetape node taint x.tape worker-2 dedicated=gpu:NoSchedule
error: node worker-2 already has dedicated taint(s) with same effect(s) and --overwrite is false
[exit status 2]
$ kubetape node taint x.tape worker-2 dedicated-
node/worker-2 untainted
x.tape: event #16 at 2026-01-01T00:10:07Z
$ kubetape node taint x.tape worker-2 dedicated:NoExecute-
error: taint "dedicated:NoExecute" not found on node worker-2
[exit status 2]
$ kubetape node cordon x.tape worker-1
node/worker-1 cordoned
x.tape: event #17 at 2026-01-01T00:10:08Z
$ kubetape node cordon x.tape worker-1
node/worker-1 already cordoned
x.tape: nothing changed, nothing was added
$ kubetape node uncordon x.tape worker-1
node/worker-1 uncordoned
x.tape: event #18 at 2026-01-01T00:10:09Z
$ kubetape node condition x.tape worker-1 MemoryPressure=True
node/worker-1 reports
x.tape: event #19 at 2026-01-01T00:10:10Z
$ kubetape node silence x.tape worker-2
node/worker-2 went silent
x.tape: event #20 at 2026-01-01T00:10:11Z
$ kubetape node return x.tape worker-2 --at 2026-01-01T01:00:00Z
node/worker-2 posts again
x.tape: event #21 at 2026-01-01T01:00:00Z
$ kubetape node capacity x.tape worker-2 --cpu 8 --memory 32Gi
node/worker-2 resized
x.tape: event #22 at 2026-01-01T01:00:01Z
$ kubetape node leave x.tape worker-1
node/worker-1 left
x.tape: event #23 at 2026-01-01T01:00:02Z
$ kubetape show x.tape events
     #  TIME                        TRACK                 CAUSE  EVENT
    #1  2026-01-01T00:00:00Z        cluster                   -  node worker-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-1,kubernetes.io/os=linux
    #2  2026-01-01T00:00:00Z        cluster                   -  node worker-1 is Ready=True: KubeletReady
    #3  2026-01-01T00:00:00Z        cluster                   -  node worker-2 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=worker-2,kubernetes.io/os=linux
    #4  2026-01-01T00:00:00Z        cluster                   -  node worker-2 is Ready=True: KubeletReady
    #5  2026-01-01T00:00:01Z        cluster                   -  node control-plane-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=control-plane-1,kubernetes.io/os=linux,node-role.kubernetes.io/control-plane=, tainted node-role.kubernetes.io/control-plane:NoSchedule
    #6  2026-01-01T00:00:01Z        cluster                   -  node control-plane-1 is Ready=True: KubeletReady
    #7  2026-01-01T00:00:02Z        cluster                   -  node worker-1 labelled run-fluentd=true
    #8  2026-01-01T00:00:02Z        cluster                   -  node worker-1 labelled pool=a
    #9  2026-01-01T00:00:03Z        cluster                   -  node worker-1 labelled run-fluentd=True
   #10  2026-01-01T00:00:04Z        cluster                   -  node worker-1 lost its label run-fluentd
   #11  2026-01-01T00:00:05Z        cluster                   -  node worker-1 labelled zone=west
   #12  2026-01-01T00:10:05Z        cluster                   -  node control-plane-1 labelled tier=1
   #13  2026-01-01T00:10:05Z        cluster                   -  node worker-1 labelled tier=1
   #14  2026-01-01T00:10:05Z        cluster                   -  node worker-2 labelled tier=1
   #15  2026-01-01T00:10:06Z        cluster                   -  node worker-2 tainted dedicated=gpu:NoSchedule
   #16  2026-01-01T00:10:07Z        cluster                   -  node worker-2 lost its taint dedicated:NoSchedule
   #17  2026-01-01T00:10:08Z        cluster                   -  node worker-1 cordoned
   #18  2026-01-01T00:10:09Z        cluster                   -  node worker-1 uncordoned
   #19  2026-01-01T00:10:10Z        cluster                   -  node worker-1 is MemoryPressure=True: KubeletHasMemoryPressure
   #20  2026-01-01T00:10:11Z        cluster                   -  node worker-2 went silent: its kubelet stopped posting
   #21  2026-01-01T01:00:00Z        cluster                   -  node worker-2 posts again
   #22  2026-01-01T01:00:01Z        cluster                   -  node worker-2 now has cpu=8,ephemeral-storage=107374182400,memory=34359738368,pods=110 allocatable
   #23  2026-01-01T01:00:02Z        cluster                   -  node worker-1 left

"#]],
    );
}

#[test]
fn what_cannot_be_is_refused_with_a_hint() {
    let shell = Shell::new();
    shell.check(
        "
        kubetape node join x.tape worker-1 worker-2
        kubetape node join x.tape worker-1
        kubetape node join x.tape Worker_3
        kubetape node label x.tape worker-11 a=b
        kubetape node label x.tape worker-1
        kubetape node label x.tape worker-1 'a=b c'
        kubetape node label x.tape a=b
        kubetape node label x.tape worker-1 a=b worker-2
        kubetape node taint x.tape worker-1 a:NoSchedul
        kubetape node join x.tape worker-3 --memory 16GB
        kubetape node cordon x.tape worker-1 --at 2025-12-31T23:59:59Z
        kubetape node cordon x.tape worker-1 --at -5m
        kubetape node cordon x.tape worker-1 --after 5
        kubetape node leave other.tape worker-1
        kubetape show x.tape
        ",
        str![[r#"
$ kubetape node join x.tape worker-1 worker-2
node/worker-1 joined
node/worker-2 joined
x.tape: events #1 to #4 at 2026-01-01T00:00:00Z
$ kubetape node join x.tape worker-1
error: node "worker-1" exists already
  --> x.tape
[exit status 2]
$ kubetape node join x.tape Worker_3
error: "Worker_3" cannot be a node's name
  hint: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit
[exit status 2]
$ kubetape node label x.tape worker-11 a=b
error: node "worker-11" does not exist at 2026-01-01T00:00:01Z
  --> x.tape
  hint: did you mean worker-1 or worker-2?
[exit status 2]
$ kubetape node label x.tape worker-1
error: no label is given
  hint: KEY=VALUE puts one on, KEY- takes it off
[exit status 2]
$ kubetape node label x.tape worker-1 'a=b c'
error: "b c" is not a label's value: up to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends, or nothing
[exit status 2]
$ kubetape node label x.tape a=b
error: no node is named
  hint: name nodes, or take --all or --selector
[exit status 2]
$ kubetape node label x.tape worker-1 a=b worker-2
error: "worker-2" is neither KEY=VALUE nor KEY-
  hint: nodes come before labels
[exit status 2]
$ kubetape node taint x.tape worker-1 a:NoSchedul
error: "NoSchedul" is not an effect: write NoSchedule, PreferNoSchedule or NoExecute
[exit status 2]
$ kubetape node join x.tape worker-3 --memory 16GB
error: invalid value '16GB' for '--memory <QUANTITY>': not a quantity such as 4, 500m or 16Gi

For more information, try '--help'.
[exit status 2]
$ kubetape node cordon x.tape worker-1 --at 2025-12-31T23:59:59Z
error: 2025-12-31T23:59:59Z lies before the last event
  --> x.tape
  hint: the last event, #4, is at 2026-01-01T00:00:00Z; a log is only ever appended to
[exit status 2]
$ kubetape node cordon x.tape worker-1 --at -5m
error: unexpected argument '-5' found

  tip: to pass '-5' as a value, use '-- -5'

Usage: kubetape node cordon [OPTIONS] <FILE> [NODE]...

For more information, try '--help'.
[exit status 2]
$ kubetape node cordon x.tape worker-1 --after 5
error: invalid value '5' for '--after <DURATION>': "5" is not a duration: write it like 90s, 1h30m, 250ms or 2d

For more information, try '--help'.
[exit status 2]
$ kubetape node leave other.tape worker-1
error: node "worker-1" does not exist at 2026-01-01T00:00:00Z
  --> other.tape
  hint: there is no node at all
[exit status 2]
$ kubetape show x.tape
x.tape: 4 events in 0s, from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z
  Shown: as of 2026-01-01T00:00:00Z, after event #4
  Tracks: cluster 4
  Nodes: 2, 2 ready
  Pods: 0, 0 running, 0 ready

"#]],
    );
    assert_eq!(shell.files(), ["x.tape"]);
}

#[test]
fn the_same_commands_make_the_same_log() {
    let (one, two) = (Shell::new(), Shell::new());
    for shell in [&one, &two] {
        shell.session("kubetape node join x.tape b a c\nkubetape node label x.tape a k=v");
    }
    let bytes = |shell: &Shell| std::fs::read(shell.path().join("x.tape")).unwrap();
    assert_eq!(bytes(&one), bytes(&two));
    assert!(!bytes(&one).is_empty());
}

const BUDGET: &str = "\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 2
  selector: {matchLabels: {app: web}}
";

#[test]
fn a_drain_asks_budgets_and_says_what_it_must_not_take() {
    Shell::new().file("budget.yaml", BUDGET).check(
        "
        cp traces/lesson.tape x.tape
        kubetape apply x.tape -f budget.yaml
        kubetape node drain x.tape worker-9
        kubetape node drain x.tape worker-3 worker-4 --ignore-daemonsets --timeout 1m --grace-period 5
        kubetape run x.tape --until +2m -o run.tape | grep -A6 '(worker-3, worker-4) cordoned'
        kubetape show run.tape events --at end | grep -E 'evict|drained'
        kubetape node join y.tape a
        kubetape node drain y.tape a --pod-selector 'app in (web)' --force
        kubetape show y.tape events --format json | tail -1
        kubetape verify x.tape
        ",
        str![[r#"
$ cp traces/lesson.tape x.tape
$ kubetape apply x.tape -f budget.yaml
poddisruptionbudget.policy/web created
x.tape: event #267 at 2026-11-24T02:19:00.117389Z
$ kubetape node drain x.tape worker-9
error: node "worker-9" does not exist at 2026-11-24T02:19:01.117389Z
  --> x.tape
  hint: did you mean worker-1 or worker-3 or worker-4?
[exit status 2]
$ kubetape node drain x.tape worker-3 worker-4 --ignore-daemonsets --timeout 1m --grace-period 5
node/worker-3 cordoned
node/worker-4 cordoned
node/worker-3 is to be drained
node/worker-4 is to be drained
x.tape: events #268 to #271 at 2026-11-24T02:19:01.117389Z
$ kubetape run x.tape --until +2m -o run.tape | grep -A6 '(worker-3, worker-4) cordoned'
 +1m58.423s    #262  2 nodes (worker-3, worker-4) cordoned
 +1m58.423s    #264  node worker-3 is to be drained with --ignore-daemonsets --grace-period 5 --timeout 60s
                     -> 1 pod of default/bare-rs deleted at once
                     -> not drained, given up after 1m: error when evicting pods/"web-868cf87b5-qwf42" -n "default": global timeout reached: 1m0s
 +1m58.423s    #265  node worker-4 is to be drained with --ignore-daemonsets --grace-period 5 --timeout 60s
                     -> 1 pod of default/bare-rs deleted within 1m
                     -> drained after 1m1s
$ kubetape show run.tape events --at end | grep -E 'evict|drained'
  #264  2026-11-24T02:19:01.117389Z user                      -  node worker-3 is to be drained with --ignore-daemonsets --grace-period 5 --timeout 60s
  #265  2026-11-24T02:19:01.117389Z user                      -  node worker-4 is to be drained with --ignore-daemonsets --grace-period 5 --timeout 60s
  #269  2026-11-24T02:19:01.117389Z lifecycle              #264  pod default/bare-rs-gwjht deleted: it was evicted; 5 s to end
  #270  2026-11-24T02:19:01.117389Z lifecycle              #264  pod default/web-868cf87b5-qwf42 is not evicted: Cannot evict pod as it would violate the pod's disruption budget.
  #274  2026-11-24T02:20:01.117389Z lifecycle              #264  node worker-3 not drained: error when evicting pods/"web-868cf87b5-qwf42" -n "default": global timeout reached: 1m0s
  #276  2026-11-24T02:20:01.117389Z lifecycle              #265  pod default/bare-rs-m7t4s deleted: it was evicted; 5 s to end
  #280  2026-11-24T02:20:02.117389Z lifecycle              #265  node worker-4 drained
$ kubetape node join y.tape a
node/a joined
y.tape: events #1 to #2 at 2026-01-01T00:00:00Z
$ kubetape node drain y.tape a --pod-selector 'app in (web)' --force
node/a cordoned
node/a is to be drained
y.tape: events #3 to #4 at 2026-01-01T00:00:01Z
$ kubetape show y.tape events --format json | tail -1
{"event":4,"time":"2026-01-01T00:00:01Z","track":"user","kind":"DrainRequested","text":"node a is to be drained with --force --pod-selector","node":"a","options":{"force":true,"podSelector":{"matchExpressions":[{"key":"app","operator":"In","values":["web"]}]}}}
$ kubetape verify x.tape
x.tape: same: three replays (one of them resumed after event #136) gave the same 273 events, digest 03f0838567850dd7885de43a2358e9ef

"#]],
    );
}
