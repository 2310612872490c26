use snapbox::str;

use crate::shell::Shell;

#[test]
fn nodes_join_and_are_changed_in_kubectls_style() {
    Shell::new().check(
        "
        kubetape node join x.tape worker-1 worker-2
        kubetape node join x.tape control-plane-1 --labels node-role.kubernetes.io/control-plane= --taint node-role.kubernetes.io/control-plane:NoSchedule
        kubetape node label x.tape worker-1 run-fluentd=true pool=a
        kubetape node label x.tape worker-1 run-fluentd=True
        kubetape node label x.tape worker-1 run-fluentd=True --overwrite
        kubetape node label x.tape worker-1 run-fluentd- absent-
        kubetape node label x.tape worker-1 absent-
        kubetape node label x.tape -l pool=a zone=west
        kubetape node label x.tape --all tier=1 --after 10m
        kubetape node taint x.tape worker-2 dedicated=gpu:NoSchedule
        kubetape node taint x.tape worker-2 dedicated=gpu:NoSchedule
        kubetape node taint x.tape worker-2 dedicated-
        kubetape node taint x.tape worker-2 dedicated:NoExecute-
        kubetape node cordon x.tape worker-1
        kubetape node cordon x.tape worker-1
        kubetape node uncordon x.tape worker-1
        kubetape node condition x.tape worker-1 MemoryPressure=True
        kubetape node silence x.tape worker-2
        kubetape node return x.tape worker-2 --at 2026-01-01T01:00:00Z
        kubetape node capacity x.tape worker-2 --cpu 8 --memory 32Gi
        kubetape node leave x.tape worker-1
        kubetape show x.tape events
        ",
        str![],
    );
}

#[test]
fn what_cannot_be_is_refused_with_a_hint() {
    let shell = Shell::new();
    shell.check(
        "
        kubetape node join x.tape worker-1 worker-2
        kubetape node join x.tape worker-1
        kubetape node join x.tape Worker_3
        kubetape node label x.tape worker-11 a=b
        kubetape node label x.tape worker-1
        kubetape node label x.tape worker-1 'a=b c'
        kubetape node label x.tape a=b
        kubetape node label x.tape worker-1 a=b worker-2
        kubetape node taint x.tape worker-1 a:NoSchedul
        kubetape node join x.tape worker-3 --memory 16GB
        kubetape node cordon x.tape worker-1 --at 2025-12-31T23:59:59Z
        kubetape node cordon x.tape worker-1 --at -5m
        kubetape node cordon x.tape worker-1 --after 5
        kubetape node leave other.tape worker-1
        kubetape show x.tape
        ",
        str![],
    );
    assert_eq!(shell.files(), ["x.tape"]);
}

#[test]
fn the_same_commands_make_the_same_log() {
    let (one, two) = (Shell::new(), Shell::new());
    for shell in [&one, &two] {
        shell.session("kubetape node join x.tape b a c\nkubetape node label x.tape a k=v");
    }
    let bytes = |shell: &Shell| std::fs::read(shell.path().join("x.tape")).unwrap();
    assert_eq!(bytes(&one), bytes(&two));
    assert!(!bytes(&one).is_empty());
}
