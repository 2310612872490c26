//! Rollouts that get stuck as people report it, each in a trace that is shipped and explains itself.

use snapbox::str;

use crate::shell::Shell;

/// A run of a shipped trace, `run.tape`.
fn stuck(case: &str, until: &str) -> Shell {
    let shell = Shell::new();
    let trace = format!("traces/suite/stuck/{case}/trace.tape");
    let (said, status) = shell.run(&format!("kubetape -q run {trace} --until {until} -o run.tape"));
    assert_eq!(status, 0, "{said}");
    shell
}

#[test]
fn a_node_that_does_not_answer_eats_the_budget() {
    stuck("not-ready-node", "+5m").check(
        "
        kubetape explain run.tape rollout agent --at 2026-01-01T00:05:00Z
        kubetape explain run.tape --daemonset agent --node b --at 2026-01-01T00:05:00Z
        ",
        str![[r#"
$ kubetape explain run.tape rollout agent --at 2026-01-01T00:05:00Z
default/agent does not roll on: 1 node holds its budget, and 2 old pods wait.
This is how it was at 2026-01-01T00:05:00Z, after event #41.
Pods: 0 of the current template (revision 2), 2 of others; 2 nodes have an available one.
The current template came with #37 at 2026-01-01T00:01:41Z: DaemonSet default/agent applied, generation 2 (user)
Budget: 2 nodes should run a pod, maxUnavailable 1, of which 1 are used up
Its pods last changed with #40 at 2026-01-01T00:01:41Z: pod default/agent-r7fsm deleted: it is of an old revision; 30 s to end (workloads/daemonset)

Who holds the budget
  b: pod default/agent-r7fsm is being deleted and should have been gone at 2026-01-01T00:02:11Z: its kubelet does not end it
      since #40 at 2026-01-01T00:01:41Z: pod default/agent-r7fsm deleted: it is of an old revision; 30 s to end (workloads/daemonset)
      its node is not ready since #28 at 2026-01-01T00:01:11Z: node b is Ready=Unknown: NodeStatusUnknown (lifecycle)
      the node does not count as one that should run a pod, but a pod on it counts against the budget

Waiting for their turn: a, c.
$ kubetape explain run.tape --daemonset agent --node b --at 2026-01-01T00:05:00Z
default/agent must not run on b: the node's taint node.kubernetes.io/unreachable:NoSchedule is not tolerated (#32 at 2026-01-01T00:01:11Z). Pod default/agent-r7fsm is being deleted.
This is how it was at 2026-01-01T00:05:00Z, after event #41.
The node is not ready since #28 at 2026-01-01T00:01:11Z: node b is Ready=Unknown: NodeStatusUnknown (lifecycle)
Its kubelet is silent since #27 at 2026-01-01T00:00:21Z: node b went silent: its kubelet stopped posting (cluster)

The rules, in the controller's order
  NO  taint node.kubernetes.io/unreachable:NoSchedule: no toleration tolerates it
        set by #32 at 2026-01-01T00:01:11Z: node b tainted node.kubernetes.io/unreachable:NoSchedule (lifecycle)
        tolerations are as they are since #7 at 2026-01-01T00:00:01Z: DaemonSet default/agent applied (user)
        node.kubernetes.io/unreachable:NoExecute does not tolerate it
  ok  taint node.kubernetes.io/unreachable:NoExecute: tolerated by node.kubernetes.io/unreachable:NoExecute
        set by #36 at 2026-01-01T00:01:15Z: node b tainted node.kubernetes.io/unreachable:NoExecute (lifecycle)
        every DaemonSet's pods have this toleration

The life of pod default/agent-r7fsm
  #11 at 2026-01-01T00:00:01Z: pod default/agent-r7fsm created for node b by DaemonSet default/agent (workloads/daemonset)
      because of #7 at 2026-01-01T00:00:01Z: DaemonSet default/agent applied (user)
  #15 at 2026-01-01T00:00:01Z: pod default/agent-r7fsm bound to node b (scheduler)
  #21 at 2026-01-01T00:00:02.500Z: pod default/agent-r7fsm is Running (kubelet)
  #22 at 2026-01-01T00:00:02.500Z: pod default/agent-r7fsm is ready (kubelet)
  #33 at 2026-01-01T00:01:11Z: pod default/agent-r7fsm is not ready (lifecycle)
      because of #28 at 2026-01-01T00:01:11Z: node b is Ready=Unknown: NodeStatusUnknown (lifecycle)
      and that because of #27 at 2026-01-01T00:00:21Z: node b went silent: its kubelet stopped posting (cluster)
  #40 at 2026-01-01T00:01:41Z: pod default/agent-r7fsm deleted: it is of an old revision; 30 s to end (workloads/daemonset)
      because of #37 at 2026-01-01T00:01:41Z: DaemonSet default/agent applied, generation 2 (user)

"#]],
    );
}

#[test]
fn a_surging_pod_waits_for_the_host_port_of_the_one_that_waits_for_it() {
    stuck("surge-host-port", "+5m").check("kubetape explain run.tape rollout agent", str![[r#"
$ kubetape explain run.tape rollout agent
default/agent does not roll on: 1 node holds its budget, and 2 old pods wait; it will not go on by itself.
This is how it was at 2026-01-01T00:00:21Z, after event #32.
Pods: 1 of the current template (revision 2), 3 of others; 3 nodes have an available one.
The current template came with #27 at 2026-01-01T00:00:21Z: DaemonSet default/agent applied, generation 2 (user)
Budget: 3 nodes should run a pod, maxSurge 1, of which 1 are used up
Its pods last changed with #30 at 2026-01-01T00:00:21Z: pod default/agent-bcxb7 created for node a by DaemonSet default/agent (workloads/daemonset)

Who holds the budget
  a: its new pod default/agent-bcxb7 is not bound to it
      since #32 at 2026-01-01T00:00:21Z: pod default/agent-bcxb7 fits no node: 0/3 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling. (scheduler)
      a host port that the pod wants is taken
      TCP 9100 is held by pod default/agent-dhlhq
      that is the old pod that it is to replace: default/agent-dhlhq goes only when the new one is available,
      and the new one cannot start before it goes. Use maxUnavailable instead of maxSurge, or delete it.

Waiting for their turn: b, c.

"#]]);
}

#[test]
fn revisions_one_after_the_other_break_the_budget() {
    let trace = "traces/suite/stuck/successive-revisions/trace.tape";
    Shell::new().check(&format!("kubetape explain {trace} rollout agent"), str![[r#"
$ kubetape explain traces/suite/stuck/successive-revisions/trace.tape rollout agent
default/agent is rolled out but for pods that are not available yet.
This is how it was at 2026-01-01T00:01:04Z, after event #149.
Pods: 4 of the current template (revision 4), 0 of others; 0 nodes have an available one.
The current template came with #104 at 2026-01-01T00:01:00Z: DaemonSet default/agent applied, generation 4 (user)
Budget: 4 nodes should run a pod, maxUnavailable 1, of which 4 are used up
Its pods last changed with #144 at 2026-01-01T00:01:03Z: pod default/agent-7f6kp is ready (kubelet)

Who holds the budget
  a: its new pod default/agent-j8n4r is not ready
      since #135 at 2026-01-01T00:01:02Z: pod default/agent-j8n4r is not ready (kubelet)
  b: its new pod default/agent-sbmlf is not ready
      since #134 at 2026-01-01T00:01:02Z: pod default/agent-sbmlf is not ready (kubelet)
  c: its new pod default/agent-xw8sn is not ready
      since #133 at 2026-01-01T00:01:02Z: pod default/agent-xw8sn is not ready (kubelet)
  d: its new pod default/agent-7f6kp is not ready
      since #147 at 2026-01-01T00:01:04Z: pod default/agent-7f6kp is not ready (kubelet)

Fewer pods were available than the strategy promises, 4 times
  2 of 4, where 3 are promised; first seen with #64 at 2026-01-01T00:00:24Z: DaemonSet default/agent status: 4 desired, 4 current, 2 ready, 2 up to date, 2 available (workloads/daemonset)
      after #62 at 2026-01-01T00:00:24Z: pod default/agent-dfwvq is not ready (kubelet)
  1 of 4, where 3 are promised; first seen with #93 at 2026-01-01T00:00:42Z: DaemonSet default/agent status: 4 desired, 3 current, 1 ready, 2 up to date, 1 available (workloads/daemonset)
      after #88 at 2026-01-01T00:00:42Z: pod default/agent-fr2mv is not ready (kubelet)
      after #89 at 2026-01-01T00:00:42Z: pod default/agent-szwzw is not ready (kubelet)
  0 of 4, where 3 are promised; first seen with #139 at 2026-01-01T00:01:02Z: DaemonSet default/agent status: 4 desired, 3 current, 0 ready, 3 up to date, 0 available (workloads/daemonset)
      after #133 at 2026-01-01T00:01:02Z: pod default/agent-xw8sn is not ready (kubelet)
      after #134 at 2026-01-01T00:01:02Z: pod default/agent-sbmlf is not ready (kubelet)
      after #135 at 2026-01-01T00:01:02Z: pod default/agent-j8n4r is not ready (kubelet)

"#]]);
}

#[test]
fn an_event_is_explained_up_to_the_moment_that_is_asked_for() {
    stuck("not-ready-node", "+5m").check(
        "
        kubetape explain run.tape event '#7'
        kubetape explain run.tape event '#7' --at '#12'
        kubetape explain run.tape event '#7' --at '#6'
        kubetape explain run.tape event '#7000'
        ",
        str![[r#"
$ kubetape explain run.tape event '#7'
#7 at 2026-01-01T00:00:01Z: DaemonSet default/agent applied (user)
It goes back to nothing in the log: it came from outside, or the log does not say.

19 events go back to it, the last at 2026-01-01T00:00:02.500Z
  #8 at 2026-01-01T00:00:01Z: DaemonSet default/agent synced (workloads/daemonset)
  #9 at 2026-01-01T00:00:01Z: revision 1 of DaemonSet default/agent created as default/agent-846fd54494 (workloads/daemonset)
  3 × PodCreated of DaemonSet default/agent on 3 nodes until 2026-01-01T00:00:01Z, first #10 at 2026-01-01T00:00:01Z: pod default/agent-dhlhq created for node a by DaemonSet default/agent (workloads/daemonset)
    3 × PodBound of DaemonSet default/agent on 3 nodes until 2026-01-01T00:00:01Z, first #14 at 2026-01-01T00:00:01Z: pod default/agent-dhlhq bound to node a (scheduler)
      3 × PodPhaseSet of DaemonSet default/agent on 3 nodes until 2026-01-01T00:00:02.500Z, first #19 at 2026-01-01T00:00:02.500Z: pod default/agent-dhlhq is Running (kubelet)
        #25 at 2026-01-01T00:00:02.500Z: DaemonSet default/agent synced (workloads/daemonset)
        #26 at 2026-01-01T00:00:02.500Z: DaemonSet default/agent status: 3 desired, 3 current, 3 ready, 3 up to date, 3 available (workloads/daemonset)
      3 × PodReady of DaemonSet default/agent on 3 nodes until 2026-01-01T00:00:02.500Z, first #20 at 2026-01-01T00:00:02.500Z: pod default/agent-dhlhq is ready (kubelet)
    #17 at 2026-01-01T00:00:01Z: DaemonSet default/agent synced (workloads/daemonset)
    #18 at 2026-01-01T00:00:01Z: DaemonSet default/agent status: 3 desired, 3 current, 0 ready, 3 up to date, 0 available (workloads/daemonset)
  #13 at 2026-01-01T00:00:01Z: DaemonSet default/agent status: 3 desired, 0 current, 0 ready, 0 up to date, 0 available (workloads/daemonset)
$ kubetape explain run.tape event '#7' --at '#12'
#7 at 2026-01-01T00:00:01Z: DaemonSet default/agent applied (user)
It goes back to nothing in the log: it came from outside, or the log does not say.

5 events go back to it, the last at 2026-01-01T00:00:01Z
  #8 at 2026-01-01T00:00:01Z: DaemonSet default/agent synced (workloads/daemonset)
  #9 at 2026-01-01T00:00:01Z: revision 1 of DaemonSet default/agent created as default/agent-846fd54494 (workloads/daemonset)
  3 × PodCreated of DaemonSet default/agent on 3 nodes until 2026-01-01T00:00:01Z, first #10 at 2026-01-01T00:00:01Z: pod default/agent-dhlhq created for node a by DaemonSet default/agent (workloads/daemonset)
$ kubetape explain run.tape event '#7' --at '#6'
error: event #7 had not happened by 2026-01-01T00:00:00Z: the last until then is #6
  --> run.tape
[exit status 2]
$ kubetape explain run.tape event '#7000'
error: there is no event #7000: the log's last is #41
  --> run.tape
[exit status 2]

"#]],
    );
}

#[test]
fn shipped_traces_give_the_same_runs_on_every_machine() {
    Shell::new().check(
        "for trace in traces/lesson.tape traces/suite/stuck/*/trace.tape; do kubetape verify $trace; done",
        str![[r#"
$ for trace in traces/lesson.tape traces/suite/stuck/*/trace.tape; do kubetape verify $trace; done
traces/lesson.tape: same: three replays (one of them resumed after event #131) gave the same 260 events, digest 746bc4393ebc24981f8f2cb664409d6c
traces/suite/stuck/cordoned-node/trace.tape: same: three replays (one of them resumed after event #16) gave the same 22 events, digest df14f7082de0a1a8a9f11db4b73ca410
traces/suite/stuck/no-schedule-taint/trace.tape: same: three replays (one of them resumed after event #26) gave the same 38 events, digest 40cab9006e7235e6790bbc554cec95ba
traces/suite/stuck/not-ready-node/trace.tape: same: three replays (one of them resumed after event #26) gave the same 41 events, digest 72828c136457468bfc8fda63008cafb6
traces/suite/stuck/successive-revisions/trace.tape: same: three replays (one of them resumed after event #106) gave the same 212 events, digest 50654bece92f9c8207a25cdce7759d70
traces/suite/stuck/surge-host-port/trace.tape: same: three replays (one of them resumed after event #18) gave the same 32 events, digest d42e3192326f984aa1c42a43672a3faa

"#]],
    );
}
