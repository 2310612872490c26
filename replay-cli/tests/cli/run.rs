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
        str![],
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
        kubetape diff before.tape after.tape --at 2026-11-24T02:18:00Z --format json
        kubetape diff before.tape before.tape --strict
        kubetape run traces/lesson.tape -f bad.yaml -o bad.tape
        ls bad.tape
        kubetape run traces/lesson.tape --at +20s
        ",
        str![],
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
        str![],
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
