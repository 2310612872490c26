//! diff in every form, on a small cluster of which one pool loses its pods.

use snapbox::{Assert, Data, file, str};

use crate::shell::Shell;

const AGENT: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: agent
  namespace: logging
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
      - {name: agent, image: example/agent:1}
";

/// `before.tape` and `after.tape`: in the second somebody taints the nodes of pool gpu.
fn two_runs() -> Shell {
    let shell = Shell::new();
    shell.file("agent.yaml", AGENT);
    let (text, status) = shell.run(
        "set -e
        kubetape -q node join x.tape web-1 web-2 web-3 --labels pool=web
        kubetape -q node join x.tape gpu-1 gpu-2 gpu-3 gpu-4 --labels pool=gpu
        kubetape -q apply x.tape -f agent.yaml
        cp x.tape y.tape
        kubetape -q node taint y.tape gpu-1 gpu-2 gpu-3 gpu-4 gpu=true:NoExecute --at 2026-01-01T00:05:00Z
        kubetape -q run x.tape -o before.tape
        kubetape -q run y.tape -o after.tape",
    );
    assert_eq!(status, 0, "{text}");
    shell
}

#[test]
fn groups_causes_and_costs_are_told() {
    two_runs().check(
        "
        kubetape diff before.tape after.tape
        kubetape diff before.tape after.tape --by node
        kubetape diff before.tape after.tape --at timeline
        kubetape diff before.tape after.tape --at +1m
        kubetape diff before.tape after.tape --at -1s
        kubetape diff before.tape after.tape --at '#7'
        ",
        str![[r#"
$ kubetape diff before.tape after.tape
2026-01-01T00:05:06Z: different
  DaemonSet logging/agent: 7 pods -> 3
    revision 1 (846fd54494): 7 -> 3
    - lost on 4 of 4 nodes with pool=gpu: gpu-1, gpu-2, gpu-3, gpu-4
        B deleted them at 2026-01-01T00:05:00Z (its node must not run it any more) because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster), and 3 more like it

The first event that differs is #51
  A: nothing more
  B: #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

The first decision that differs is about logging/agent on gpu-1
  A: nothing more
  B: #56 at 2026-01-01T00:05:00Z: pod logging/agent-c8fpr deleted: its node must not run it any more; 30 s to end (workloads/daemonset)
       because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

DAEMONSET       OVER TIME      A   B
logging/agent   pods deleted   0   4

before.tape and after.tape differ at 1 of 1 moment: placements 4 lost
[exit status 1]
$ kubetape diff before.tape after.tape --by node
2026-01-01T00:05:06Z: different
  4 nodes: gpu-1, gpu-2, gpu-3, gpu-4
    - logging/agent lost

The first event that differs is #51
  A: nothing more
  B: #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

The first decision that differs is about logging/agent on gpu-1
  A: nothing more
  B: #56 at 2026-01-01T00:05:00Z: pod logging/agent-c8fpr deleted: its node must not run it any more; 30 s to end (workloads/daemonset)
       because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

DAEMONSET       OVER TIME      A   B
logging/agent   pods deleted   0   4

before.tape and after.tape differ at 1 of 1 moment: placements 4 lost
[exit status 1]
$ kubetape diff before.tape after.tape --at timeline
2026-01-01T00:05:00Z to the end
  - lost logging/agent on 4 of 4 nodes with pool=gpu: gpu-1, gpu-2, gpu-3, gpu-4
      in B: the node's taint gpu=true:NoExecute is not tolerated (4 nodes)
        B deleted them at 2026-01-01T00:05:00Z because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster), and 3 more like it

The first event that differs is #51
  A: nothing more
  B: #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

The first decision that differs is about logging/agent on gpu-1
  A: nothing more
  B: #56 at 2026-01-01T00:05:00Z: pod logging/agent-c8fpr deleted: its node must not run it any more; 30 s to end (workloads/daemonset)
       because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

DAEMONSET       OVER TIME      A   B
logging/agent   pods deleted   0   4

before.tape and after.tape differ for a time: placements 4 lost
[exit status 1]
$ kubetape diff before.tape after.tape --at +1m
2026-01-01T00:01:00Z: same, 7 placements
before.tape and after.tape are the same at 1 moment
$ kubetape diff before.tape after.tape --at -1s
2026-01-01T00:00:02.500Z and 2026-01-01T00:05:00Z: different
  DaemonSet logging/agent: 7 pods -> 3
    revision 1 (846fd54494): 7 -> 3
    - lost on 4 of 4 nodes with pool=gpu: gpu-1, gpu-2, gpu-3, gpu-4
        B deleted them at 2026-01-01T00:05:00Z (its node must not run it any more) because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster), and 3 more like it
    ~ another state on 3 of 3 nodes with pool=web: web-1, web-2, web-3
        B created them at 2026-01-01T00:00:02Z because of #15 at 2026-01-01T00:00:02Z: DaemonSet logging/agent applied (user)
        revision 1 (846fd54494), Pending -> revision 1 (846fd54494), Running

The first event that differs is #35
  A: nothing more
  B: #35 at 2026-01-01T00:00:03.500Z: pod logging/agent-c8fpr is Running (kubelet)
       because of #26 at 2026-01-01T00:00:02Z: pod logging/agent-c8fpr bound to node gpu-1 (scheduler)
       and that because of #18 at 2026-01-01T00:00:02Z: pod logging/agent-c8fpr created for node gpu-1 by DaemonSet logging/agent (workloads/daemonset)
       and that because of #15 at 2026-01-01T00:00:02Z: DaemonSet logging/agent applied (user)

The first decision that differs is about logging/agent on gpu-1
  A: nothing more
  B: #56 at 2026-01-01T00:05:00Z: pod logging/agent-c8fpr deleted: its node must not run it any more; 30 s to end (workloads/daemonset)
       because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster)

DAEMONSET       OVER TIME                  A              B
logging/agent   first rollout              not complete   1.5s
                unavailable at most        0              7
                unavailable, pods × time   0s             10.5s
                pods deleted               0              4

before.tape and after.tape differ at 1 of 1 moment: placements 4 lost, 3 in another state
[exit status 1]
$ kubetape diff before.tape after.tape --at '#7'
error: invalid value '#7' for '--at <WHEN>': events have other numbers in each log: write a time, or +5m after the start

For more information, try '--help'.
[exit status 2]

"#]],
    );
}

#[test]
fn two_manifests_are_compared_on_one_trace() {
    let shell = Shell::new();
    shell.file("old.yaml", AGENT);
    let container = "      containers:";
    let on_web = AGENT.replace(container, &format!("      nodeSelector: {{pool: web}}\n{container}"));
    shell.file("web.yaml", on_web);
    let greedy = AGENT.replace("agent:1}", "agent:1, resources: {requests: {cpu: \"64\"}}}");
    shell.file("greedy.yaml", greedy);
    shell.check(
        "
        kubetape -q node join x.tape web-1 web-2 --labels pool=web --cpu 8
        kubetape -q node join x.tape gpu-1 --labels pool=gpu --cpu 96
        kubetape diff x.tape -f old.yaml --against web.yaml
        kubetape diff x.tape --against old.yaml -q
        kubetape diff x.tape -f old.yaml --against greedy.yaml -q
        kubetape diff x.tape -f old.yaml
        kubetape diff x.tape y.tape --against old.yaml
        ",
        str![[r#"
$ kubetape -q node join x.tape web-1 web-2 --labels pool=web --cpu 8
node/web-1 joined
node/web-2 joined
$ kubetape -q node join x.tape gpu-1 --labels pool=gpu --cpu 96
node/gpu-1 joined
$ kubetape diff x.tape -f old.yaml --against web.yaml
daemonset.apps/agent created
daemonset.apps/agent created
2026-01-01T00:00:07.500Z: different
  DaemonSet logging/agent: 3 pods -> 2
    revision 1 (76dd9d7c86): 0 -> 2
    revision 1 (846fd54494): 3 -> 0
    - lost on 1 of 1 node with pool!=web: gpu-1
        A created it at 2026-01-01T00:00:01Z because of #15 at 2026-01-01T00:00:01Z: node gpu-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=gpu-1,kubernetes.io/os=linux,pool=gpu (cluster)
        in B: its node selector wants pool=web, and the node has pool=gpu
    ~ another revision on 2 of 2 nodes with pool=web: web-1, web-2
        B created them at 2026-01-01T00:00:00Z because of #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)
        revision 1 (846fd54494), Running -> revision 1 (76dd9d7c86), Running

The first event that differs is #1
  A: #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)
  B: #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)
  with another manifest each

The first decision that differs is about logging/agent on gpu-1
  A: #18 at 2026-01-01T00:00:01Z: pod logging/agent-c8fpr created for node gpu-1 by DaemonSet logging/agent (workloads/daemonset)
       because of #15 at 2026-01-01T00:00:01Z: node gpu-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=gpu-1,kubernetes.io/os=linux,pool=gpu (cluster)
  B: nothing more

DAEMONSET       OVER TIME                  A      B
logging/agent   first rollout              2.5s   1.5s
                unavailable at most        3      2
                unavailable, pods × time   4.5s   3s
                pods created               3      2

x.tape with old.yaml and x.tape with web.yaml differ at 1 of 1 moment: placements 1 lost, 2 of another revision
[exit status 1]
$ kubetape diff x.tape --against old.yaml -q
2026-01-01T00:00:07.500Z: different
  DaemonSet logging/agent: 0 pods -> 3
    revision 1 (846fd54494): 0 -> 3
    + gained on all 3 nodes: gpu-1, web-1, web-2
        B created them from 2026-01-01T00:00:00Z to 2026-01-01T00:00:01Z because of #2 at 2026-01-01T00:00:00Z: node web-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=web-1,kubernetes.io/os=linux,pool=web (cluster), and 2 more like it

The first event that differs is #1
  A: #1 at 2026-01-01T00:00:00Z: node web-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=web-1,kubernetes.io/os=linux,pool=web (cluster)
  B: #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)

The first decision that differs is about logging/agent on web-1
  A: nothing more
  B: #8 at 2026-01-01T00:00:00Z: pod logging/agent-2jwkl created for node web-1 by DaemonSet logging/agent (workloads/daemonset)
       because of #2 at 2026-01-01T00:00:00Z: node web-1 joined with labels kubernetes.io/arch=amd64,kubernetes.io/hostname=web-1,kubernetes.io/os=linux,pool=web (cluster)

DAEMONSET       OVER TIME                  A   B
logging/agent   first rollout              -   2.5s
                unavailable at most        -   3
                unavailable, pods × time   -   4.5s
                pods created               -   3

x.tape as it is and x.tape with old.yaml differ at 1 of 1 moment: placements 3 gained
[exit status 1]
$ kubetape diff x.tape -f old.yaml --against greedy.yaml -q
2026-01-01T00:00:07.500Z: different
  DaemonSet logging/agent: 3 pods -> 3
    revision 1 (5f94c65d44): 0 -> 3
    revision 1 (846fd54494): 3 -> 0
    ~ another revision on all 3 nodes: gpu-1, web-1, web-2
        B created them from 2026-01-01T00:00:00Z to 2026-01-01T00:00:01Z because of #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)
        in B: its pod waits: too little cpu: the pod asks for 64, the node has 8, of which 0 are given (2 nodes)
        2 nodes: revision 1 (846fd54494), Running -> revision 1 (5f94c65d44), unbound
        1 node: revision 1 (846fd54494), Running -> revision 1 (5f94c65d44), Running

The first event that differs is #1
  A: #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)
  B: #1 at 2026-01-01T00:00:00Z: DaemonSet logging/agent applied (user)
  with another manifest each

DAEMONSET       OVER TIME                  A      B
logging/agent   first rollout              2.5s   not complete
                unavailable, pods × time   4.5s   6.5s

x.tape with old.yaml and x.tape with greedy.yaml differ at 1 of 1 moment: placements 3 of another revision, 2 of these pending
[exit status 1]
$ kubetape diff x.tape -f old.yaml
error: the following required arguments were not provided:
  --against <MANIFEST>
  <B>

Usage: kubetape diff --against <MANIFEST> --filename <MANIFEST> <A> <B>

For more information, try '--help'.
[exit status 2]
$ kubetape diff x.tape y.tape --against old.yaml
error: the argument '[B]' cannot be used with '--against <MANIFEST>'

Usage: kubetape diff <A> <B>

For more information, try '--help'.
[exit status 2]

"#]],
    );
}

#[test]
fn gates_say_what_fails() {
    two_runs().check(
        "
        kubetape diff before.tape after.tape --max-lost 4 | tail -2
        kubetape diff before.tape after.tape --max-lost 3 --fail-on pending,budget | tail -4; exit ${PIPESTATUS[0]}
        kubetape diff before.tape after.tape --fail-on lost --format junit; exit ${PIPESTATUS[0]}
        kubetape diff before.tape before.tape --fail-on lost,pending,budget
        ",
        str![[r#"
$ kubetape diff before.tape after.tape --max-lost 4 | tail -2
before.tape and after.tape differ at 1 of 1 moment: placements 4 lost
gate max-lost: holds, 4 placements lost, 4 allowed
$ kubetape diff before.tape after.tape --max-lost 3 --fail-on pending,budget | tail -4; exit ${PIPESTATUS[0]}
before.tape and after.tape differ at 1 of 1 moment: placements 4 lost
gate max-lost: BROKEN, 4 placements lost, 3 allowed
gate pending: holds, 0 placements pending
gate budget: holds, 0 budgets breached
[exit status 1]
$ kubetape diff before.tape after.tape --fail-on lost --format junit; exit ${PIPESTATUS[0]}
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="kubetape diff" tests="2" failures="1" errors="0">
  <testsuite name="before.tape against after.tape" tests="2" failures="1" errors="0">
    <testcase name="DaemonSet logging/agent" classname="2026-01-01T00:05:06Z">
      <system-out>7 pods, then 3: 4 lost
- lost on 4 of 4 nodes with pool=gpu: gpu-1, gpu-2, gpu-3, gpu-4
    B deleted them at 2026-01-01T00:05:00Z (its node must not run it any more) because of #51 at 2026-01-01T00:05:00Z: node gpu-1 tainted gpu=true:NoExecute (cluster), and 3 more like it
    in B: the node&#39;s taint gpu=true:NoExecute is not tolerated</system-out>
    </testcase>
    <testcase name="lost" classname="gate">
      <failure message="4 placements lost"></failure>
    </testcase>
  </testsuite>
</testsuites>
[exit status 1]
$ kubetape diff before.tape before.tape --fail-on lost,pending,budget
2026-01-01T00:00:08.500Z: same, 7 placements
before.tape and before.tape are the same at 1 moment
gate lost: holds, 0 placements lost
gate pending: holds, 0 placements pending
gate budget: holds, 0 budgets breached

"#]],
    );
}

#[test]
fn what_could_pass_for_sameness_is_refused() {
    let shell = two_runs();
    let refused = |options: &str, said: &[&str]| {
        let (text, status) = shell.run(&format!("kubetape diff {options} 2>&1"));
        assert_eq!(status, 2, "{options}: {text}");
        said.iter().for_each(|part| assert!(text.contains(part), "{options}: {text}"));
    };
    // A gate at a moment before there was anything would hold whatever happened later.
    let begins = "log begins at 2026-01-01T00:00:00Z, after";
    refused("before.tape after.tape --at 2020-01-01T00:00:00Z --max-lost 0", &["first", begins]);
    refused("before.tape after.tape --at -1h --fail-on lost", &[begins, "-5m from the end of each"]);
    refused("before.tape after.tape --tolerance 2s", &["--tolerance is only for --at timeline"]);
    assert_eq!(shell.run("kubetape diff before.tape after.tape --at timeline --tolerance 2s").1, 1);
    assert_eq!(shell.run("kubetape diff before.tape after.tape --at +0s").1, 0);
}

#[test]
fn one_side_may_be_standard_input() {
    let shell = two_runs();
    let (plain, _) = shell.run("kubetape diff before.tape after.tape --format json");
    for piped in
        ["cat before.tape | kubetape diff - after.tape", "cat after.tape | kubetape diff before.tape -"]
    {
        let (text, status) = shell.run(&format!("{piped} --format json"));
        assert_eq!(status, 1, "{piped}: {text}");
        let lost = |text: &str| text.lines().filter(|line| line.contains("\"lost\": 4")).count();
        assert_eq!(lost(&text), lost(&plain), "{text}");
        assert!(lost(&plain) > 0);
    }
    let twice = [
        "kubetape diff - -f - --against agent.yaml < x.tape",
        "kubetape diff x.tape -f - --against - < agent.yaml",
    ];
    for twice in twice {
        let (text, status) = shell.run(&format!("{twice} 2>&1"));
        assert_eq!(status, 2, "{text}");
        assert!(text.contains("standard input can be read only once"), "{text}");
    }
}

#[test]
fn every_form_says_the_same() {
    let shell = two_runs();
    let form = |form: &str| {
        let (text, status) = shell.run(&format!("kubetape diff before.tape after.tape --format {form}"));
        assert_eq!(status, 1, "{text}");
        text
    };
    let check = |text: String, expected: Data| Assert::new().action_env("SNAPSHOTS").eq(text, expected.raw());
    check(form("json"), file!["diff/report.json"]);
    check(form("markdown"), file!["diff/report.md"]);
    check(form("junit"), file!["diff/report.xml"]);
    check(form("html"), file!["diff/report.html"]);
}

#[test]
fn a_page_needs_nothing_else_and_what_it_quotes_is_escaped() {
    let shell = two_runs();
    let odd = "<script>@all_#1|`x`&'.tape";
    std::fs::rename(shell.path().join("after.tape"), shell.path().join(odd)).unwrap();
    let quoted = "\"<script>@all_#1|\\`x\\`&'.tape\"";
    let (page, _) = shell.run(&format!("kubetape diff before.tape {quoted} --format html"));
    assert!(page.contains("&lt;script&gt;@all_#1|`x`&amp;&#39;.tape"), "{page}");
    for forbidden in ["<script", "http://", "https://", "url(", "@import", "src=", "href="] {
        assert!(!page.contains(forbidden), "{forbidden} in {page}");
    }
    assert!(page.contains("<svg") && page.contains("prefers-color-scheme: dark"));
    let (comment, _) = shell.run(&format!("kubetape diff before.tape {quoted} --format markdown"));
    assert!(comment.contains("`` <script>@all_#1|`x`&'.tape ``"), "{comment}");
    let (junit, _) = shell.run(&format!("kubetape diff before.tape {quoted} --format junit"));
    assert!(junit.contains("before.tape against &lt;script&gt;@all_#1|`x`&amp;&#39;.tape"), "{junit}");
}

#[test]
fn a_long_comment_is_cut_and_stays_whole_markdown() {
    let shell = Shell::new();
    let (text, status) = shell.run(
        "set -e
        for n in $(seq 120); do
          printf 'apiVersion: apps/v1\\nkind: DaemonSet\\nmetadata: {name: agent-%s}\\nspec:\\n  selector: {matchLabels: {app: a%s}}\\n  template:\\n    metadata: {labels: {app: a%s}}\\n    spec: {containers: [{name: c, image: x}]}\\n---\\n' $n $n $n
        done > many.yaml
        kubetape -q node join x.tape $(seq -f 'node-with-a-rather-long-name-%03g' 60)
        kubetape -q diff x.tape --against many.yaml --format markdown > comment.md || test $? -eq 1",
    );
    assert_eq!(status, 0, "{text}");
    let comment = std::fs::read_to_string(shell.path().join("comment.md")).unwrap();
    assert!(comment.chars().count() < 65_536, "{}", comment.len());
    assert!(comment.contains("left out, because a comment cannot be longer"), "{}", &comment[..2000]);
    assert_eq!(comment.matches("<details>").count(), comment.matches("</details>").count());
}
