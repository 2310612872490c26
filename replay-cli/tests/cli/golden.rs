//! explain, verify and test on the traces that are shipped.

use crate::shell::Shell;

fn explained(trace: &str, question: &str) -> String {
    let shell = Shell::new();
    let (said, status) = shell.run(&format!("kubetape -q run {trace} --until +5m -o run.tape"));
    assert_eq!(status, 0, "{said}");
    let (text, status) = shell.run(&format!("kubetape -q explain run.tape {question}"));
    assert_eq!(status, 0, "{text}");
    text
}

fn says(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found.contains(line)), "no line has {line:?} in it:\n{text}");
    }
}

#[test]
fn the_shipped_suite_passes() {
    let (report, status) = Shell::new().run("kubetape test traces/suite");
    assert_eq!(status, 0, "{report}");
    says(&report, &["Starting 8 cases in traces/suite", "lesson/selector", "8 cases run: 8 passed"]);
}

#[test]
fn a_case_that_differs_fails_is_reported_and_can_be_blessed() {
    let shell = Shell::new();
    std::fs::create_dir(shell.path().join("case")).unwrap();
    shell.file("case/case.toml", "trace = \"../traces/suite/stuck/cordoned-node/trace.tape\"\n");
    let (report, status) = shell.run("kubetape test case");
    assert_eq!(status, 1, "{report}");
    says(&report, &["NEW", "there is no expected.txt yet"]);
    assert_eq!(shell.run("kubetape -q test case --bless").1, 0);
    assert_eq!(shell.run("kubetape -q test case").1, 0);
    let accepted = std::fs::read_to_string(shell.path().join("case/expected.txt")).unwrap();
    shell.file("case/expected.txt", accepted.replace("on a: revision 1", "on a: revision 2"));
    let (report, status) = shell.run("kubetape -q test case --junit out.xml");
    assert_eq!(status, 1, "{report}");
    let lost = "- default/agent on a: revision 2, example/agent:1, Ready";
    says(&report, &["FAIL", lost, "+ default/agent on a: revision 1, example/agent:1, Ready"]);
    let junit = std::fs::read_to_string(shell.path().join("out.xml")).unwrap();
    says(&junit, &["tests=\"1\" failures=\"1\" errors=\"0\"", lost]);
}

#[test]
fn a_case_that_cannot_be_run_says_where_it_is_wrong() {
    let shell = Shell::new();
    for (case, wanted) in [
        ("trace = \"missing.tape\"\n", "there is no file case/missing.tape"),
        ("trace = 3\n", "case.toml:1:9"),
        ("trace = \"x\"\nuntill = \"end\"\n", "unknown field `untill`"),
    ] {
        let _ = std::fs::create_dir(shell.path().join("case"));
        shell.file("case/case.toml", case);
        let (report, status) = shell.run("kubetape test case");
        assert_eq!(status, 2, "{report}");
        says(&report, &["ERROR", wanted]);
    }
    let (report, status) = shell.run("kubetape test traces/lesson");
    assert_eq!(status, 2, "{report}");
    says(&report, &["there is no case in it"]);
}

#[test]
fn a_case_may_have_its_settings_in_a_file() {
    let shell = Shell::new();
    std::fs::create_dir(shell.path().join("case")).unwrap();
    shell.file(
        "case/agent.yaml",
        "apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: main, image: 'agent:1'}]}
",
    );
    assert_eq!(shell.run("kubetape node join case/x.tape a b").1, 0);
    assert_eq!(shell.run("kubetape apply case/x.tape -f case/agent.yaml").1, 0);
    let case = |settings: &str| {
        shell.file("case/case.toml", format!("trace = \"x.tape\"\nuntil = \"+10s\"\n{settings}"));
    };
    shell.file("case/slow.toml", "[kubelet]\nstart_us = 90000000\n");
    case("settings_file = \"slow.toml\"\n");
    assert_eq!(shell.run("kubetape test case --bless").1, 0);
    assert_eq!(shell.run("kubetape test case").1, 0);
    case("[settings.kubelet]\nstart_us = 90000000\n");
    assert_eq!(shell.run("kubetape test case").1, 0);
    case("");
    assert_eq!(shell.run("kubetape test case").1, 1);
    case("settings_file = \"slow.toml\"\n[settings.kubelet]\nstart_us = 1\n");
    let (report, status) = shell.run("kubetape test case");
    assert_eq!(status, 2, "{report}");
    says(&report, &["both say how the actors behave"]);
}

#[test]
fn a_trace_gives_the_same_run_each_time_and_a_wrong_digest_is_told() {
    let shell = Shell::new();
    let (text, status) = shell.run("kubetape verify traces/lesson.tape");
    assert_eq!(status, 0, "{text}");
    says(&text, &["traces/lesson.tape: same: three replays (one of them resumed after event #"]);
    // A pipe can be read only once, and it is replayed more often.
    let (piped, status) = shell.run("cat traces/lesson.tape | kubetape verify -");
    assert_eq!((status, piped.as_str()), (0, text.replace("traces/lesson.tape", "-").as_str()));
    let digest = "00000000000000000000000000000000";
    let (text, status) = shell.run(&format!("kubetape verify traces/lesson.tape --digest {digest}"));
    assert_eq!(status, 1, "{text}");
    says(&text, &["but not the one expected: 00000000"]);
    assert_eq!(shell.run("kubetape verify nothing.tape").1, 2);
}

#[test]
fn a_node_without_a_pod_is_explained_by_rule_and_event() {
    let text = explained("traces/lesson.tape", "-d fluentd-daemon -N worker-3 --at 2026-11-24T02:18:30Z");
    says(
        &text,
        &[
            "default/fluentd-daemon has no pod on worker-3: its node selector wants run-fluentd=true, and the node has run-fluentd=True",
            "NO  node selector: wants run-fluentd=true, found run-fluentd=True",
            "node worker-3 labelled run-fluentd=True (cluster by admin)",
            "The life of pod default/fluentd-daemon-",
        ],
    );
}

#[test]
fn rollouts_that_are_stuck_name_who_holds_the_budget() {
    let surge = explained("traces/suite/stuck/surge-host-port/trace.tape", "rollout agent");
    says(
        &surge,
        &[
            "default/agent does not roll on: 1 node holds its budget, and 2 old pods wait; it will not go on by itself.",
            "TCP 9100 is held by pod default/agent-",
        ],
    );
    let question = "rollout agent --at 2026-01-01T00:05:00Z";
    let silent = explained("traces/suite/stuck/not-ready-node/trace.tape", question);
    says(
        &silent,
        &[
            "and should have been gone at 2026-01-01T00:02:11Z: its kubelet does not end it",
            "its node is not ready since",
            "Waiting for their turn: a, c.",
        ],
    );
}

#[test]
fn an_event_is_explained_by_what_it_brought_about_and_json_has_a_version() {
    let text = explained("traces/suite/stuck/not-ready-node/trace.tape", "event 7");
    says(&text, &["DaemonSet default/agent applied", "3 × PodCreated of DaemonSet default/agent on 3 nodes"]);
    let json = explained("traces/suite/stuck/not-ready-node/trace.tape", "-d agent -N b --format json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["version"], 1);
    assert_eq!(json["daemonPod"]["answer"]["kind"], "mustGo");
    assert_eq!(json["daemonPod"]["rules"][0]["check"], "taint");
}
