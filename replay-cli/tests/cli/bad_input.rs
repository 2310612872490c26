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
    check(
        &shell,
        "kubetape import cut.jsonl.gz -o x.tape",
        str![[r#"
$ kubetape import cut.jsonl.gz -o x.tape
error: the gzip stream is cut off after 5000 bytes
  --> cut.jsonl.gz, byte 5000
  hint: the file was not copied or written to its end
[exit status 2]

"#]],
    );
}

#[test]
fn a_damaged_gzip() {
    let shell = Shell::new();
    shell.session(
        "(head -c 3000 traces/lesson/watch.jsonl.gz; head -c 500 /dev/zero; tail -c +3501 traces/lesson/watch.jsonl.gz) > bad.jsonl.gz",
    );
    check(
        &shell,
        "kubetape import bad.jsonl.gz -o x.tape",
        str![[r#"
$ kubetape import bad.jsonl.gz -o x.tape
error: the gzip stream is damaged near byte 25606: corrupt gzip stream does not have a matching checksum
  --> bad.jsonl.gz, byte 25606
  hint: copy the file again
[exit status 2]

"#]],
    );
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
        str![[r#"
$ kubetape import cut.jsonl -o x.tape
error: the JSON value that begins here is cut off
  --> cut.jsonl:2
  hint: the recording was not written to its end (drop the last line to import what is whole)
[exit status 2]
$ kubetape import broken.jsonl -o x.tape
error: not JSON at column 81: expected `:`
  --> broken.jsonl:2:81
  hint: the recording was damaged or edited there; mend or leave out what begins on that line
[exit status 2]

"#]],
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
        str![[r#"
$ kubetape import kindless.jsonl -o x.tape
error: an object without `kind`
  --> kindless.jsonl:2
  hint: every Kubernetes object has one (`kubectl get -o json` keeps it)
[exit status 2]
$ kubetape import nameless.jsonl -o x.tape
error: Node without `metadata.name`
  --> nameless.jsonl:2
  hint: every Kubernetes object has a name; leave that line out or record again
[exit status 2]

"#]],
    );
}

#[test]
fn a_kind_that_nobody_knows_is_counted_and_said() {
    let shell = Shell::new();
    shell.file(
        "kinds.jsonl",
        format!("{NODE}\n{}", NODE.replace("\"Node\"", "\"Gizmo\"").replace("n1", "g").replace("u1", "u2")),
    );
    shell.check(
        "kubetape import kinds.jsonl -o x.tape",
        str![[r#"
$ kubetape import kinds.jsonl -o x.tape
kinds.jsonl: watch stream with times, 2 values
x.tape: 0 events of genesis, 2 events from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z (0s)
  by track: cluster 1, user 1
  objects: Gizmo 1, Node 1
  inferred: author of Applied 1, author of NodeJoined 1
  kept as they are: Gizmo 1

"#]],
    );
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
        str![[r#"
$ kubetape import backwards.jsonl -o x.tape
backwards.jsonl: watch stream with times, 4 values
x.tape: 0 events of genesis, 4 events from 2026-01-01T00:00:01Z to 2026-01-01T00:00:04Z (3s)
  by track: cluster 4
  objects: Node 4
  inferred: author of NodeJoined 4
warning: backwards.jsonl: times go backwards 1 times (first on line 3); events are ordered by resourceVersion where there is one
$ kubetape show x.tape events
     #  TIME                        TRACK                 CAUSE  EVENT
    #1  2026-01-01T00:00:01Z        cluster                   -  node a joined (inferred)
    #2  2026-01-01T00:00:02Z        cluster                   -  node b joined (inferred)
    #3  2026-01-01T00:00:03Z        cluster                   -  node c joined (inferred)
    #4  2026-01-01T00:00:04Z        cluster                   -  node d joined (inferred)

"#]],
    );
}

#[test]
fn a_node_that_is_deleted_and_was_never_added() {
    let shell = Shell::new();
    let deleted = NODE.replace("ADDED", "DELETED").replace("n1", "n2").replace("u1", "u2");
    shell.file("deleted.jsonl", format!("{NODE}\n{deleted}"));
    check(
        &shell,
        "kubetape import deleted.jsonl -o x.tape",
        str![[r#"
$ kubetape import deleted.jsonl -o x.tape
error: node "n2" is deleted but was never added
  --> deleted.jsonl:2
  hint: add the list that the recording started from as one more source (`kubectl get nodes,ds,pods -A -o json`), or leave that out with --allow-missing
[exit status 2]

"#]],
    );
    shell.check(
        "kubetape import deleted.jsonl -o x.tape --allow-missing",
        str![[r#"
$ kubetape import deleted.jsonl -o x.tape --allow-missing
deleted.jsonl: watch stream with times, 2 values
x.tape: 0 events of genesis, 1 events from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z (0s)
  by track: cluster 1
  objects: Node 1
  left out: Node: deleted but never added 1
  inferred: author of NodeJoined 1

"#]],
    );
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
        str![[r#"
$ kubetape node join x.tape worker-1
node/worker-1 joined
x.tape: events #1 to #2 at 2026-01-01T00:00:00Z
$ kubetape apply x.tape -f ds.yaml
daemonset.apps/fluentd-daemon created
x.tape: event #3 at 2026-01-01T00:00:01Z
$ kubetape run x.tape | head -1
warning: default/fluentd-daemon: 12 pods were refused: pods is forbidden: no PriorityClass with name agents was found
  hint: `kubectl get priorityclasses -o yaml` shows it; add it with -f, or import it with the trace
Replayed x.tape: 3 events

"#]],
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
        str![[r#"
$ kubetape show text.tape
error: text.tape is not a kubetape log: it begins with kind: DaemonSet/n
  hint: `kubetape import` makes a log from a recording, `kubetape node join` begins one by hand
[exit status 2]
$ kubetape run short.tape
error: short.tape is not a kubetape log: it begins with abc
  hint: `kubetape import` makes a log from a recording, `kubetape node join` begins one by hand
[exit status 2]
$ kubetape show empty.tape nodes
error: empty.tape holds nothing: its header was never written (0 bytes)
  hint: `kubetape import` makes a log from a recording, `kubetape node join` begins one by hand
[exit status 2]
$ kubetape diff text.tape newer.tape
error: text.tape is not a kubetape log: it begins with kind: DaemonSet/n
  hint: `kubetape import` makes a log from a recording, `kubetape node join` begins one by hand
[exit status 2]
$ kubetape show newer.tape
error: newer.tape has log format 99, and this kubetape reads up to 3: use a newer one
[exit status 2]
$ kubetape node cordon newer.tape worker-1
error: newer.tape has log format 99, and this kubetape reads up to 3: use a newer one
[exit status 2]
$ kubetape run newer.tape -o x.tape
error: newer.tape has log format 99, and this kubetape reads up to 3: use a newer one
[exit status 2]
$ kubetape show absent.tape
error: cannot open absent.tape: no such file or directory
  hint: is the path right? it is relative to the working folder
[exit status 2]
$ kubetape show .
error: cannot open .: is a directory
[exit status 2]

"#]],
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
        str![[r#"
$ kubetape show damaged.tape
error: damaged.tape is damaged at byte 64: the digest of a frame does not match; events #1 to #2 cannot be read
  hint: `kubetape log verify damaged.tape` lists all damage, `kubetape log repair damaged.tape -o GOOD` salvages the rest
[exit status 2]
$ kubetape run damaged.tape -o y.tape
error: damaged.tape is damaged at byte 64: the digest of a frame does not match; events #1 to #2 cannot be read
  hint: `kubetape log verify damaged.tape` lists all damage, `kubetape log repair damaged.tape -o GOOD` salvages the rest
[exit status 2]
$ kubetape show torn.tape nodes
warning: torn.tape: the log was closed and has been cut since: its last 100 bytes are missing; 28 bytes from byte 1296 on are not a whole batch and were left out; the log ends at #5 (2026-01-01T00:00:02Z)
NAME       STATUS                     ROLES    AGE
worker-1   Ready,SchedulingDisabled   <none>   2s
worker-2   Ready                      <none>   1s

"#]],
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
        str![[r#"
$ kubetape import nodes.jsonl -o x.tape
error: x.tape exists already
  hint: choose another name, or overwrite it with --force
[exit status 2]
$ kubetape run traces/lesson.tape -o x.tape
error: x.tape exists already
  hint: choose another name, or overwrite it with --force
[exit status 2]
$ cat x.tape; echo
somebody's treasure
$ kubetape import nodes.jsonl -o x.tape --force -q && kubetape show x.tape nodes
NAME   STATUS    ROLES    AGE
n1     Unknown   <none>   0s

"#]],
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
        str![[r#"
$ kubetape import empty.jsonl -o x.tape
error: empty.jsonl is empty
  hint: expected a watch stream, an audit log, an object list or YAML manifests
[exit status 2]
$ kubetape import noise.bin -o x.tape
error: neither JSON nor YAML (byte 0xff, binary data)
  --> noise.bin, byte 0
  hint: expected text, or text compressed with gzip
[exit status 2]
$ kubetape import other.json -o x.tape
error: other.json: nothing in it says anything about nodes, pods or workloads
  hint: record nodes, pods and workloads (`kubectl get nodes,ds,rs,pods -A -o json`)
[exit status 2]
$ kubetape import absent.jsonl -o x.tape
error: cannot read absent.jsonl: no such file or directory
  hint: is the path right? it is relative to the working folder
[exit status 2]
$ kubetape import . -o x.tape
error: . is a folder
  hint: name the files in it: ./*
[exit status 2]
$ kubetape import - -o x.tape < /dev/null
error: standard input is empty
  hint: expected a watch stream, an audit log, an object list or YAML manifests
[exit status 2]
$ kubetape import -o x.tape
error: the following required arguments were not provided:
  <SOURCE>...

Usage: kubetape import --output <LOG> <SOURCE>...

For more information, try '--help'.
[exit status 2]

"#]],
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
        str![[r#"
$ trap '' XFSZ; ulimit -f 4; kubetape import traces/lesson/watch.jsonl.gz traces/lesson/audit.jsonl.gz -o x.tape 2> >(tail -3)
error: cannot write x.tape: file too large
  hint: nothing half-written was left behind; make room and try again
[exit status 2]
$ trap '' XFSZ; ulimit -f 4; kubetape run traces/lesson.tape -o x.tape
error: cannot write x.tape: file too large
  hint: nothing half-written was left behind; make room and try again
[exit status 2]

"#]],
    );
}

#[test]
fn a_track_that_the_trace_lacks_is_warned_of() {
    Shell::new().check(
        "kubetape run traces/lesson.tape --play cluster,user,workloads/other > /dev/null",
        str![[r#"
$ kubetape run traces/lesson.tape --play cluster,user,workloads/other > /dev/null
warning: traces/lesson.tape has no event on track workloads/other: playing it back plays nothing

"#]],
    );
}

/// The checksum that a log's header has; see `log::format`.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !bytes.iter().fold(u32::MAX, byte)
}
