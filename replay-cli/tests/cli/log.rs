//! `kubetape log`: logs as files.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use snapbox::str;

use crate::shell::Shell;

#[test]
fn events_are_printed_from_either_end_and_through_a_pipe() {
    Shell::new().check(
        "
        kubetape log head traces/lesson.tape -n 3
        kubetape log tail traces/lesson.tape -n 2 --wide
        cat traces/lesson.tape | kubetape log tail - -n 1 --format json
        kubetape log cat traces/lesson.tape --format json | wc -l
        kubetape log cat traces/lesson.tape | tail -1
        kubetape log head traces/lesson.tape -n 0
        kubetape log head traces/README.md
        ",
        str![[""]],
    );
}

#[test]
fn every_verb_reads_standard_input() {
    Shell::new().check(
        "
        kubetape log stat - < traces/lesson.tape | head -4
        kubetape log verify - < traces/lesson.tape
        head -c 20000 traces/lesson.tape | kubetape log verify -
        head -c 20000 traces/lesson.tape | kubetape show - | head -1
        kubetape run - -o - < traces/lesson.tape 2> /dev/null | kubetape show - placements --at '#60'
        kubetape diff - traces/lesson.tape < traces/lesson.tape
        ",
        str![[""]],
    );
}

#[test]
fn a_part_is_a_log_of_its_own() {
    let shell = Shell::new();
    shell.check(
        "
        kubetape log cut traces/lesson.tape --from '#60' --to +60s -o part.tape
        kubetape log verify part.tape | tail -1
        kubetape show part.tape placements
        kubetape show traces/lesson.tape placements --at +60s
        kubetape log cut traces/lesson.tape --from -10s -o - | kubetape show - daemonsets --at start
        kubetape log cut traces/lesson.tape --to start -o nothing.tape
        kubetape log cut traces/lesson.tape --from '#300' -o beyond.tape
        kubetape log cut traces/lesson.tape --to '#9' -o part.tape
        ",
        str![[""]],
    );
    assert_eq!(shell.files(), ["part.tape"]);
}

#[test]
fn logs_of_one_cluster_are_joined_or_refused() {
    let shell = Shell::new();
    shell.session(
        "
        kubetape node join a.tape worker-1 worker-2
        kubetape node join b.tape worker-3
        kubetape node label b.tape worker-3 pool=gpu
        kubetape node join c.tape worker-2
        ",
    );
    shell.check(
        "
        kubetape log merge a.tape b.tape -o all.tape
        kubetape show all.tape nodes
        kubetape log merge b.tape a.tape c.tape -o none.tape
        ",
        str![[""]],
    );
    assert_eq!(shell.files(), ["a.tape", "all.tape", "b.tape", "c.tape"]);
}

#[test]
fn names_become_pseudonyms_and_placements_stay() {
    let shell = Shell::new();
    shell.file("key", "0123456789abcdef").file("short", "123");
    shell.check(
        "
        kubetape log redact traces/lesson.tape --key key -o shared.tape
        kubetape show shared.tape placements --at '#60'
        kubetape show traces/lesson.tape placements --at '#60'
        kubetape log redact traces/lesson.tape --key key --names 'worker-*' --label-values '' --no-order -o - | kubetape show - nodes --at '#20'
        kubetape log redact traces/lesson.tape -o x.tape
        kubetape log redact traces/lesson.tape --key short -o x.tape
        ",
        str![[""]],
    );
    assert_eq!(shell.files(), ["key", "shared.tape", "short"]);
}

#[test]
fn the_promises_are_tried_out() {
    let shell = Shell::new();
    let (printed, status) = shell.run("kubetape log selftest --kills 5 --dir . --format json");
    assert_eq!(status, 0, "{printed}");
    let counts: serde_json::Value = serde_json::from_str(&printed).unwrap();
    for none in ["batchesLost", "bitsBelieved", "eventsInvented"] {
        assert_eq!(counts[none], 0, "{printed}");
    }
    for some in ["bytesCut", "bitsFlipped", "faultsInjected", "batchesAcknowledged"] {
        assert!(counts[some].as_u64().unwrap() > 100, "{printed}");
    }
    assert_eq!(shell.files(), [""; 0], "nothing is left behind");
}

/// Another process appends in pieces; what it appends is printed, and following ends when it has ended.
#[test]
fn a_log_is_followed_while_another_process_appends() {
    let shell = Shell::new();
    shell.session("kubetape node join x.tape worker-1");
    let follow = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
        command.args(args).current_dir(shell.path()).stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let shown = follow(&["show", "x.tape", "events", "--follow", "--format", "json"]);
    let tail = follow(&["log", "tail", "x.tape", "-n", "0", "--follow", "--format", "json"]);
    std::thread::sleep(std::time::Duration::from_millis(500));
    append_slowly(&shell.path().join("x.tape"));
    let (shown, tail) = (shown.wait_with_output().unwrap(), tail.wait_with_output().unwrap());
    let kinds = |bytes: &[u8]| -> Vec<String> {
        let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        let values = lines.map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap());
        values.map(|value| value["kind"].as_str().unwrap().to_owned()).collect()
    };
    let mut expected = vec!["NodeJoined"];
    expected.extend((0..40).map(|i| if i % 2 == 0 { "NodeCordoned" } else { "NodeUncordoned" }));
    let shown = kinds(&shown.stdout);
    // Joining reports conditions too.
    assert_eq!(shown[0], "NodeJoined");
    assert_eq!(&shown[shown.len() - 40..], &expected[1..]);
    assert_eq!(kinds(&tail.stdout), &expected[1..]);
}

/// The writing end of the test above, in a process of its own: this program again.
fn append_slowly(path: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "log::child_that_appends", "--nocapture"])
        .env("KUBETAPE_APPEND_TO", path)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn child_that_appends() {
    use kubetape_engine::event::{Body, Event, Track};
    use kubetape_engine::log::{Options, Writer};
    let Some(path) = std::env::var_os("KUBETAPE_APPEND_TO") else { return };
    let (mut writer, mut names, found) = Writer::open(Path::new(&path), &Options::default()).unwrap();
    let name = names.sym("worker-1");
    let node = names.node(name);
    for i in 0..40 {
        let body = if i % 2 == 0 { Body::NodeCordoned { node } } else { Body::NodeUncordoned { node } };
        let at = kubetape_engine::time::Time(found.last_time.unwrap().0 + i);
        writer.append(&names, &[Event::new(at, Track::Cluster, body)]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    writer.close().unwrap();
    std::io::stdout().flush().unwrap();
}
