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
        str![],
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
        str![],
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
        str![],
    );
}

#[test]
fn a_closed_pipe_is_no_failure_and_a_full_one_is() {
    let shell = Shell::new();
    let (printed, status) = shell.run(
        "set -o pipefail; for i in 1 2 3 4 5; do kubetape show traces/lesson.tape events --format json; done | head -1 | cut -c1-10",
    );
    assert_eq!((printed.as_str(), status), ("{\"event\":1\n", 0));
    shell.check("kubetape show traces/lesson.tape events > /dev/full", str![]);
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
