use snapbox::str;

use crate::shell::{FLUENTD, Shell};

#[test]
fn a_scenario_made_up_in_five_commands_runs() {
    let shell = Shell::new();
    shell.file("fluentd.yaml", FLUENTD);
    shell.check(
        "
        kubetape node join x.tape worker-1 worker-2 worker-3
        kubetape apply x.tape -f fluentd.yaml
        kubetape node label x.tape worker-1 run-fluentd=true
        kubetape node label x.tape worker-2 run-fluentd=true --after 10s
        kubetape run x.tape -o run.tape
        kubetape show run.tape placements
        kubetape show run.tape daemonsets --at +5s
        ",
        str![],
    );
}

#[test]
fn all_documents_are_applied_or_none() {
    let shell = Shell::new();
    let class =
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata:\n  name: high\nvalue: 1000\n";
    let outside = FLUENTD.replace("  template:", "template:");
    shell.file("good.yaml", format!("{class}---\n{FLUENTD}"));
    shell.file("bad.yaml", format!("{class}---\n{outside}"));
    shell
        .file("service.yaml", format!("apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n---\n{FLUENTD}"));
    shell.file("kindless.yaml", "metadata:\n  name: x\n");
    shell.file("node.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: n\n");
    shell.file("empty.yaml", "# nothing\n");
    shell.file("broken.yaml", "a: [1\nb: }\n");
    shell.check(
        "
        kubetape apply x.tape -f bad.yaml
        ls x.tape
        kubetape apply x.tape -f good.yaml
        kubetape apply x.tape -f service.yaml
        kubetape apply x.tape -f kindless.yaml
        kubetape apply x.tape -f node.yaml
        kubetape apply x.tape -f empty.yaml
        kubetape apply x.tape -f broken.yaml
        kubetape apply x.tape -f absent.yaml
        cat good.yaml | sed s/1000/2000/ | kubetape apply x.tape -f -
        kubetape show x.tape events
        ",
        str![],
    );
}

#[test]
fn objects_and_pods_are_deleted_in_kubectls_style() {
    let shell = Shell::new();
    shell.file("fluentd.yaml", FLUENTD);
    shell.check(
        "
        kubetape node join x.tape worker-1 --labels run-fluentd=true
        kubetape apply x.tape -f fluentd.yaml
        kubetape run x.tape -o run.tape -q > /dev/null
        kubetape delete run.tape daemonset/fluentd-demon
        kubetape delete run.tape thing/fluentd
        kubetape delete run.tape ds
        kubetape delete run.tape pod/nope
        kubetape delete run.tape pods $(kubetape show run.tape pods | awk 'NR==2 {print $2}')
        kubetape delete run.tape ds fluentd-daemon --cascade orphan
        kubetape delete run.tape node/worker-1
        kubetape show run.tape events --track user,cluster
        ",
        str![],
    );
}
