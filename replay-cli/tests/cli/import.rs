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
        str![],
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
        str![],
    );
}
