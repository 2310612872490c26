use snapbox::str;

use crate::shell::Shell;

#[test]
fn the_lesson_is_imported_from_its_recording() {
    let shell = Shell::new();
    shell.check(
        "
        kubetape import traces/lesson/watch.jsonl.gz traces/lesson/audit.jsonl.gz -o lesson.tape
        zcat traces/lesson/watch.jsonl.gz | kubetape import - traces/lesson/audit.jsonl.gz -o piped.tape -q
        cmp lesson.tape piped.tape
        cmp lesson.tape traces/lesson.tape
        ",
        str![[r#"
$ kubetape import traces/lesson/watch.jsonl.gz traces/lesson/audit.jsonl.gz -o lesson.tape
traces/lesson/watch.jsonl.gz: watch stream with times, gzip, 330 values
traces/lesson/audit.jsonl.gz: audit log, gzip, 703 values
lesson.tape: 0 events of genesis, 266 events from 2026-11-24T02:17:02.694550Z to 2026-11-24T02:18:59.117389Z (1m56.422839s)
  by track: cluster 38, user 8, workloads/daemonset 48, workloads/replicaset 33, workloads/deployment 18, scheduler 18, kubelet 90, lifecycle 13
  objects: ControllerRevision 2, DaemonSet 1, Deployment 1, Node 5, Pod 18, ReplicaSet 2
  left out: API Event about a Node 6, API Event about a Pod 66, API Event about something else 19, Node: annotations only 5, Pod: grace cut to 0 before the end 12, audit: API Event 102, audit: not a completed request 20, audit: read 363, audit: refused request 4, kubectl's last-applied-configuration annotation 52, object: status detail that is not kept 7
  attributed from: API Events 12, audit log 254
warning: traces/lesson/watch.jsonl.gz: times go backwards 1 times (first on line 171); events are ordered by resourceVersion where there is one
$ zcat traces/lesson/watch.jsonl.gz | kubetape import - traces/lesson/audit.jsonl.gz -o piped.tape -q
$ cmp lesson.tape piped.tape
$ cmp lesson.tape traces/lesson.tape

"#]],
    );
}

#[test]
fn lists_and_manifests_are_imported_too() {
    let shell = Shell::new();
    shell.file("nodes.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: Node\nmetadata:\n  name: b\n");
    shell.check(
        "
        kubetape import nodes.yaml -o x.tape
        kubetape show x.tape nodes
        ",
        str![[r#"
$ kubetape import nodes.yaml -o x.tape
nodes.yaml: objects in YAML, 2 values
x.tape: 2 events of genesis, 0 events from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z (0s)
  objects: Node 2
$ kubetape show x.tape nodes
NAME   STATUS    ROLES    AGE
a      Unknown   <none>   0s
b      Unknown   <none>   0s

"#]],
    );
}
