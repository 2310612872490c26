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
        str![[r#"
$ kubetape log head traces/lesson.tape -n 3
     #  TIME                        TRACK                 CAUSE  EVENT
    #1  2026-11-24T02:17:02.694550Z cluster                   -  node control-plane-1 joined with labels beta.kubernetes.io/arch=amd64,beta.kubernetes.io/os=linux,kubernetes.io/arch=amd64,kubernetes.io/hostname=control-plane-1,kubernetes.io/os=linux,node-role.kubernetes.io/control-plane=,node.kubernetes.io/exclude-from-external-load-balancers=, tainted node-role.kubernetes.io/control-plane:NoSchedule,node.kubernetes.io/not-ready:NoSchedule
    #2  2026-11-24T02:17:02.694550Z cluster                   -  node control-plane-1 is MemoryPressure=False: KubeletHasSufficientMemory
    #3  2026-11-24T02:17:02.694550Z cluster                   -  node control-plane-1 is DiskPressure=False: KubeletHasNoDiskPressure
$ kubetape log tail traces/lesson.tape -n 2 --wide
     #  TIME                        TRACK                 CAUSE  BY                       EVENT
  #265  2026-11-24T02:18:59.117247Z kubelet                   -  system:node:worker-4     pod default/fluentd-daemon-wm4cq is gone
  #266  2026-11-24T02:18:59.117389Z kubelet                   -  system:node:worker-3     pod default/fluentd-daemon-xmrxf is gone
$ cat traces/lesson.tape | kubetape log tail - -n 1 --format json
{"event":266,"time":"2026-11-24T02:18:59.117389Z","track":"kubelet","kind":"PodGone","text":"pod default/fluentd-daemon-xmrxf is gone","by":"system:node:worker-3","pod":"default/fluentd-daemon-xmrxf"}
$ kubetape log cat traces/lesson.tape --format json | wc -l
266
$ kubetape log cat traces/lesson.tape | tail -1
  #266  2026-11-24T02:18:59.117389Z kubelet                   -  pod default/fluentd-daemon-xmrxf is gone
$ kubetape log head traces/lesson.tape -n 0
$ kubetape log head traces/README.md
error: traces/README.md is not a kubetape log: it begins with # Traces/n/nData t
  hint: `kubetape import` makes a log from a recording, `kubetape node join` begins one by hand
[exit status 2]

"#]],
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
        str![[r#"
$ kubetape log stat - < traces/lesson.tape | head -4
266 events in 1 batches, 0 of them the state at the beginning
from 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z (1m56.422839s)
5 nodes, 18 pods created; objects: 1 DaemonSet, 1 Deployment, 2 ReplicaSet
23456 bytes, 88.18 bytes per event; 0 checkpoints of 0 bytes
$ kubetape log verify - < traces/lesson.tape
standard input: 23456 bytes, 2 whole frames, 266 events
from 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z
closed by its writer
digest 29aba5e34bb7c8eff8c1e9ba74bbd35c
whole
$ head -c 20000 traces/lesson.tape | kubetape log verify -
standard input: 20000 bytes, 0 whole frames, 0 events
closed by its writer
torn: the log was closed and has been cut since: its last 3456 bytes are missing; 19936 bytes from byte 64 on are not a whole batch and were left out; the log ends at #0
digest 657f50ae82888ad849d2a85dce292232
NOT WHOLE
[exit status 1]
$ head -c 20000 traces/lesson.tape | kubetape show - | head -1
warning: the log was closed and has been cut since: its last 3456 bytes are missing; 19936 bytes from byte 64 on are not a whole batch and were left out; the log ends at #0
-: no event yet
$ kubetape run - -o - < traces/lesson.tape 2> /dev/null | kubetape show - placements --at '#60'
NAMESPACE   DAEMONSET        NODE       POD                    REVISION   STATUS        AGE
default     fluentd-daemon   worker-2   fluentd-daemon-zxs6t   1          Terminating   7s
default     fluentd-daemon   worker-3   fluentd-daemon-5jnn7   1          Terminating   7s
$ kubetape diff - traces/lesson.tape < traces/lesson.tape
2026-11-24T02:18:32.647146Z: same, 1 placement
- and traces/lesson.tape are the same at 1 moment

"#]],
    );
}

#[test]
fn every_verb_that_makes_a_log_writes_to_standard_output() {
    Shell::new().check(
        "
        kubetape import traces/lesson/watch.jsonl.gz traces/lesson/audit.jsonl.gz -o - 2> /dev/null | cmp - traces/lesson.tape
        kubetape synth --nodes 3 --daemonsets 1 --changes 5 -o - | kubetape log verify - | tail -1
        head -c 23000 traces/lesson.tape | kubetape log repair - -o - 2> said | kubetape log verify - | tail -1
        cat said
        ",
        str![[r#"
$ kubetape import traces/lesson/watch.jsonl.gz traces/lesson/audit.jsonl.gz -o - 2> /dev/null | cmp - traces/lesson.tape
$ kubetape synth --nodes 3 --daemonsets 1 --changes 5 -o - | kubetape log verify - | tail -1
-: 12 events until 2026-01-01T00:02:02.830508Z, 4272 bytes, digest 745389a14a230bd3efd015199b8bdc42
whole
$ head -c 23000 traces/lesson.tape | kubetape log repair - -o - 2> said | kubetape log verify - | tail -1
whole
$ cat said
saved 0 events; 0 are missing
left out: the log was closed and has been cut since: its last 456 bytes are missing; 22936 bytes from byte 64 on are not a whole batch and were left out; the log ends at #0

"#]],
    );
}

/// Closed, opened again, closed again, and then cut where it was closed first.
#[test]
fn a_log_that_is_cut_where_it_was_closed_before_is_not_whole() {
    Shell::new().check(
        "
        kubetape node join x.tape worker-1
        cp x.tape first.tape
        kubetape node cordon x.tape worker-1
        head -c $(wc -c < first.tape) x.tape > cut.tape
        kubetape log verify first.tape cut.tape
        kubetape show cut.tape nodes
        ",
        str![[r#"
$ kubetape node join x.tape worker-1
node/worker-1 joined
x.tape: events #1 to #2 at 2026-01-01T00:00:00Z
$ cp x.tape first.tape
$ kubetape node cordon x.tape worker-1
node/worker-1 cordoned
x.tape: event #3 at 2026-01-01T00:00:01Z
$ head -c $(wc -c < first.tape) x.tape > cut.tape
$ kubetape log verify first.tape cut.tape
first.tape: 720 bytes, 2 whole frames, 2 events
from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z
closed by its writer
digest 97e1f2633ac231e8a5423b47590b3ff5
whole
cut.tape: 720 bytes, 2 whole frames, 2 events
from 2026-01-01T00:00:00Z to 2026-01-01T00:00:00Z
closed by its writer
torn: the log was closed and has been cut since: its last 256 bytes are missing; the log ends at #2 (2026-01-01T00:00:00Z)
digest 97e1f2633ac231e8a5423b47590b3ff5
NOT WHOLE
[exit status 1]
$ kubetape show cut.tape nodes
warning: cut.tape: the log was closed and has been cut since: its last 256 bytes are missing; the log ends at #2 (2026-01-01T00:00:00Z)
NAME       STATUS   ROLES    AGE
worker-1   Ready    <none>   0s

"#]],
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
        str![[r#"
$ kubetape log cut traces/lesson.tape --from '#60' --to +60s -o part.tape
part.tape: 48 events, #61 to #108 of traces/lesson.tape, after 39 of the state at their beginning
$ kubetape log verify part.tape | tail -1
whole
$ kubetape show part.tape placements
NAMESPACE   DAEMONSET        NODE       POD                    REVISION   STATUS   AGE
default     fluentd-daemon   worker-2   fluentd-daemon-2b7ns   2          Ready    19s
$ kubetape show traces/lesson.tape placements --at +60s
NAMESPACE   DAEMONSET        NODE       POD                    REVISION   STATUS   AGE
default     fluentd-daemon   worker-2   fluentd-daemon-2b7ns   2          Ready    46s
$ kubetape log cut traces/lesson.tape --from -10s -o - | kubetape show - daemonsets --at start
-: 58 events, #209 to #266 of traces/lesson.tape, after 65 of the state at their beginning
NAMESPACE   NAME             DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR      AGE
default     fluentd-daemon   2         2         2       2            2           run-fluentd=true   104s
$ kubetape log cut traces/lesson.tape --to start -o nothing.tape
error: --to start would keep nothing
[exit status 2]
$ kubetape log cut traces/lesson.tape --from '#300' -o beyond.tape
error: there is no event between these moments
  --> traces/lesson.tape
[exit status 2]
$ kubetape log cut traces/lesson.tape --to '#9' -o part.tape
error: part.tape exists already
  hint: choose another name, or overwrite it with --force
[exit status 2]

"#]],
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
        str![[r#"
$ kubetape log merge a.tape b.tape -o all.tape
all.tape: 7 events, 0 of them the state at the beginning
         4  from a.tape
         3  from b.tape
$ kubetape show all.tape nodes
NAME       STATUS   ROLES    AGE
worker-1   Ready    <none>   1s
worker-2   Ready    <none>   1s
worker-3   Ready    <none>   1s
$ kubetape log merge b.tape a.tape c.tape -o none.tape
error: NodeJoined at 2026-01-01T00:00:00Z contradicts what was merged before it: node "worker-2" exists already (log 2 made it join)
  --> c.tape, event #1
  hint: logs are numbered as they are given; `kubetape log cut` leaves a part of one out
[exit status 2]

"#]],
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
        str![[r#"
$ kubetape log redact traces/lesson.tape --key key -o shared.tape
shared.tape: 266 events, 39 names and values replaced, 4 values hashed
$ kubetape show shared.tape placements --at '#60'
NAMESPACE   DAEMONSET        NODE             POD              REVISION   STATUS        AGE
default     r11-d09aa3ffaf   r35-63ee3d67ca   r18-58ab539f13   1          Terminating   6s
default     r11-d09aa3ffaf   r36-9cde3b676e   r14-f157687e42   1          Terminating   6s
default     r11-d09aa3ffaf   r37-6c8e5a4d30   r19-ee45756126   1          Terminating   6s
$ kubetape show traces/lesson.tape placements --at '#60'
NAMESPACE   DAEMONSET        NODE       POD                    REVISION   STATUS        AGE
default     fluentd-daemon   worker-1   fluentd-daemon-lwrd6   1          Terminating   6s
default     fluentd-daemon   worker-2   fluentd-daemon-7c7h7   1          Terminating   6s
default     fluentd-daemon   worker-3   fluentd-daemon-q6scs   1          Terminating   6s
$ kubetape log redact traces/lesson.tape --key key --names 'worker-*' --label-values '' --no-order -o - | kubetape show - nodes --at '#20'
-: 266 events, 4 names and values replaced, 4 values hashed
NAME                 STATUS     ROLES           AGE
control-plane-1      NotReady   control-plane   0s
r-63ee3d67ca878f36   NotReady   <none>          0s
r-6c8e5a4d30862ed9   NotReady   <none>          0s
r-9cde3b676e241ce6   NotReady   <none>          0s
$ kubetape log redact traces/lesson.tape -o x.tape
error: a key is needed: without one, anybody could try out names
  hint: head -c 32 /dev/urandom > key; then --key key, or put one into KUBETAPE_REDACT_KEY
[exit status 2]
$ kubetape log redact traces/lesson.tape --key short -o x.tape
error: the key has 3 bytes, and needs 16
  --> short
[exit status 2]

"#]],
    );
    assert_eq!(shell.files(), ["key", "shared.tape", "short"]);
}

#[test]
fn the_promises_are_tried_out() {
    let shell = Shell::new();
    let (printed, status) = shell.run("kubetape log selftest --kills 5 --dir . --format json");
    assert_eq!(status, 0, "{printed}");
    let counts: serde_json::Value = serde_json::from_str(&printed).unwrap();
    for none in ["batchesLost", "bitsBelieved", "cutsBelieved", "eventsInvented"] {
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
