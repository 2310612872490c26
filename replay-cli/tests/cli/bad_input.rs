//! Bad input gets one clear error with its place and a hint, exit status 2, and leaves nothing half-written.

use snapbox::str;

use crate::shell::Shell;

const NODE: &str = r#"{"time":"2026-01-01T00:00:00Z","type":"ADDED","object":{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1","uid":"u1","resourceVersion":"5","creationTimestamp":"2026-01-01T00:00:00Z"}}}"#;

/// Checks a session that fails, and that it left nothing behind but what was there before.
fn check(shell: &Shell, lines: &str, expected: impl snapbox::IntoData) {
    let before = shell.files();
    shell.check(lines, expected);
    assert_eq!(shell.files(), before, "something was left behind");
}

#[test]
fn a_truncated_gzip() {
    let shell = Shell::new();
    shell.session("head -c 5000 traces/lesson/watch.jsonl.gz > cut.jsonl.gz");
    check(&shell, "kubetape import cut.jsonl.gz -o x.tape", str![]);
}

#[test]
fn a_damaged_gzip() {
    let shell = Shell::new();
    shell.session(
        "(head -c 3000 traces/lesson/watch.jsonl.gz; head -c 500 /dev/zero; tail -c +3501 traces/lesson/watch.jsonl.gz) > bad.jsonl.gz",
    );
    check(&shell, "kubetape import bad.jsonl.gz -o x.tape", str![]);
}

#[test]
fn json_that_is_cut_off_or_broken() {
    let shell = Shell::new();
    shell.file("cut.jsonl", format!("{NODE}\n{}", &NODE[..100]));
    shell.file("broken.jsonl", format!("{NODE}\n{}", NODE.replace("\"kind\":", "\"kind\"")));
    check(
        &shell,
        "
        kubetape import cut.jsonl -o x.tape
        kubetape import broken.jsonl -o x.tape
        ",
        str![],
    );
}

#[test]
fn an_object_without_kind_or_name() {
    let shell = Shell::new();
    shell.file("kindless.jsonl", format!("{NODE}\n{}", NODE.replace("\"kind\":\"Node\",", "")));
    shell.file("nameless.jsonl", format!("{NODE}\n{}", NODE.replace("\"name\":\"n1\",", "")));
    check(
        &shell,
        "
        kubetape import kindless.jsonl -o x.tape
        kubetape import nameless.jsonl -o x.tape
        ",
        str![],
    );
}

#[test]
fn a_kind_that_nobody_knows_is_counted_and_said() {
    let shell = Shell::new();
    shell.file(
        "kinds.jsonl",
        format!("{NODE}\n{}", NODE.replace("\"Node\"", "\"Gizmo\"").replace("n1", "g").replace("u1", "u2")),
    );
    shell.check("kubetape import kinds.jsonl -o x.tape", str![]);
}

#[test]
fn times_that_go_backwards_are_ordered_and_counted() {
    let shell = Shell::new();
    let node = |name: &str, time: &str, version: &str| {
        NODE.replace("n1", name)
            .replace("u1", name)
            .replace("\"time\":\"2026-01-01T00:00:00Z\"", &format!("\"time\":\"2026-01-01T00:00:{time}Z\""))
            .replace("\"resourceVersion\":\"5\"", &format!("\"resourceVersion\":\"{version}\""))
    };
    let lines = [node("a", "01", "1"), node("c", "03", "3"), node("b", "02", "2"), node("d", "04", "4")];
    shell.file("backwards.jsonl", lines.join("\n"));
    shell.check(
        "
        kubetape import backwards.jsonl -o x.tape
        kubetape show x.tape events
        ",
        str![],
    );
}

#[test]
fn a_node_that_is_deleted_and_was_never_added() {
    let shell = Shell::new();
    let deleted = NODE.replace("ADDED", "DELETED").replace("n1", "n2").replace("u1", "u2");
    shell.file("deleted.jsonl", format!("{NODE}\n{deleted}"));
    check(&shell, "kubetape import deleted.jsonl -o x.tape", str![]);
    shell.check("kubetape import deleted.jsonl -o x.tape --allow-missing", str![]);
}

#[test]
fn a_priority_class_that_nothing_defines() {
    let shell = Shell::new();
    shell.file(
        "ds.yaml",
        crate::shell::FLUENTD.replace(
            "      nodeSelector:\n        run-fluentd: \"true\"\n",
            "      priorityClassName: agents\n",
        ),
    );
    shell.check(
        "
        kubetape node join x.tape worker-1
        kubetape apply x.tape -f ds.yaml
        kubetape run x.tape | head -1
        ",
        str![],
    );
}

#[test]
fn a_log_that_is_not_a_log_or_of_a_newer_format() {
    let shell = Shell::new();
    shell.file(
        "text.tape",
        "kind: DaemonSet\nand so on, for longer than a header of sixty-four bytes would be\n",
    );
    shell.file("short.tape", "abc");
    shell.file("empty.tape", "");
    shell.session("kubetape node join newer.tape worker-1");
    let mut newer = std::fs::read(shell.path().join("newer.tape")).unwrap();
    newer[8] = 99;
    let check_sum = crc32(&newer[..60]);
    newer[60..64].copy_from_slice(&check_sum.to_le_bytes());
    shell.file("newer.tape", newer);
    check(
        &shell,
        "
        kubetape show text.tape
        kubetape run short.tape
        kubetape show empty.tape nodes
        kubetape diff text.tape newer.tape
        kubetape show newer.tape
        kubetape node cordon newer.tape worker-1
        kubetape run newer.tape -o x.tape
        kubetape show absent.tape
        kubetape show .
        ",
        str![],
    );
}

#[test]
fn damage_in_the_middle_is_found_and_a_torn_end_is_said() {
    let shell = Shell::new();
    shell.session(
        "kubetape node join x.tape worker-1\nkubetape node join x.tape worker-2\nkubetape node cordon x.tape worker-1",
    );
    let whole = std::fs::read(shell.path().join("x.tape")).unwrap();
    let mut damaged = whole.clone();
    damaged[400] ^= 1;
    shell.file("damaged.tape", damaged);
    shell.file("torn.tape", &whole[..whole.len() - 100]);
    check(
        &shell,
        "
        kubetape show damaged.tape
        kubetape run damaged.tape -o y.tape
        kubetape show torn.tape nodes
        ",
        str![],
    );
}

#[test]
fn an_output_that_exists() {
    let shell = Shell::new();
    shell.file("x.tape", "somebody's treasure");
    shell.file("nodes.jsonl", NODE);
    check(
        &shell,
        "
        kubetape import nodes.jsonl -o x.tape
        kubetape run traces/lesson.tape -o x.tape
        cat x.tape; echo
        kubetape import nodes.jsonl -o x.tape --force -q && kubetape show x.tape nodes
        ",
        str![],
    );
}

#[test]
fn an_empty_source_and_one_of_nothing_known() {
    let shell = Shell::new();
    shell.file("empty.jsonl", "");
    shell.file("noise.bin", [0xff, 0xfe, 0x00, 0x01, 0x80, 0x81]);
    shell.file("other.json", "[1, 2, 3]");
    check(
        &shell,
        "
        kubetape import empty.jsonl -o x.tape
        kubetape import noise.bin -o x.tape
        kubetape import other.json -o x.tape
        kubetape import absent.jsonl -o x.tape
        kubetape import . -o x.tape
        kubetape import - -o x.tape < /dev/null
        kubetape import -o x.tape
        ",
        str![],
    );
}

#[test]
fn a_full_disk() {
    let shell = Shell::new();
    // A file that may not grow stands for a disk that is full: the write fails, and the process lives.
    check(
        &shell,
        "
        trap '' XFSZ; ulimit -f 4; kubetape import traces/lesson/watch.jsonl.gz traces/lesson/audit.jsonl.gz -o x.tape 2> >(tail -3)
        trap '' XFSZ; ulimit -f 4; kubetape run traces/lesson.tape -o x.tape
        ",
        str![],
    );
}

#[test]
fn a_track_that_the_trace_lacks_is_warned_of() {
    Shell::new()
        .check("kubetape run traces/lesson.tape --play cluster,user,workloads/other > /dev/null", str![]);
}

/// The checksum that a log's header has; see `log::format`.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}
