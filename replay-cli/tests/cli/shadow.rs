use snapbox::str;

use crate::shell::Shell;

#[test]
fn a_recording_is_compared_decision_by_decision() {
    let shell = Shell::new();
    shell.check(
        "
        kubetape shadow traces/lesson.tape
        zcat traces/lesson/watch.jsonl.gz | kubetape shadow - --format json | head -12
        ",
        str![[r#"
$ kubetape shadow traces/lesson.tape
traces/lesson.tape: 266 events in 1m56.422839s
CONTROLLER              DECISION             AGREED   DISAGREED   UNATTRIBUTED
DaemonSet controller    pod created          8        0           0
DaemonSet controller    pod deleted          4        0           0
DaemonSet controller    revision created     2        0           0
DaemonSet controller    status written       22       0           0
kube-scheduler          daemon pod bound     8        0           0
node lifecycle          node tainted         5        0           0
pod garbage collector   pod of lost node     1        0           0
garbage collector       dependent of owner   2        0           0
same: 52 of 52 decisions are kubetape's own
  right in the state just before the write 33, up to 10ms before 2, up to 100ms before 1
$ zcat traces/lesson/watch.jsonl.gz | kubetape shadow - --format json | head -12
{
  "version": 1,
  "recording": "-",
  "events": 266,
  "from": "2026-11-24T02:17:02.694550Z",
  "to": "2026-11-24T02:18:59.117389Z",
  "same": true,
  "decisions": [
    {
      "controller": "DaemonSet controller",
      "decision": "pod created",
      "agreed": 8,

"#]],
    );
}

#[test]
fn what_cannot_be_compared_is_refused_and_what_has_no_decision_says_so() {
    let shell = Shell::new();
    shell.file("nodes.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: a\n");
    shell.check(
        "
        kubetape shadow nodes.yaml
        kubetape shadow missing.tape
        ",
        str![[r#"
$ kubetape shadow nodes.yaml
nodes.yaml: 1 event in 0s
There is no decision of a controller in it
$ kubetape shadow missing.tape
error: cannot open missing.tape: no such file or directory
  hint: is the path right? it is relative to the working folder
[exit status 2]

"#]],
    );
}

#[test]
fn a_log_may_come_from_standard_input() {
    let shell = Shell::new();
    let (named, _) = shell.run("kubetape shadow traces/lesson.tape");
    let (piped, status) = shell.run("cat traces/lesson.tape | kubetape shadow -");
    assert_eq!((status, piped.as_str()), (0, named.replace("traces/lesson.tape", "-").as_str()));
}
