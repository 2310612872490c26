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
        str![[r#""#]],
    );
}

#[test]
fn a_surging_pod_waits_for_the_host_port_of_the_one_that_waits_for_it() {
    stuck("surge-host-port", "+5m").check("kubetape explain run.tape rollout agent", str![[r#""#]]);
}

#[test]
fn revisions_one_after_the_other_break_the_budget() {
    let trace = "traces/suite/stuck/successive-revisions/trace.tape";
    Shell::new().check(&format!("kubetape explain {trace} rollout agent"), str![[r#""#]]);
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
        str![[r#""#]],
    );
}

#[test]
fn shipped_traces_give_the_same_runs_on_every_machine() {
    Shell::new().check(
        "for trace in traces/lesson.tape traces/suite/stuck/*/trace.tape; do kubetape verify $trace; done",
        str![[r#""#]],
    );
}
