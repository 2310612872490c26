//! The strict door as a user meets it: the lesson's two manifests, places and hints, files of many documents.
#![allow(clippy::unwrap_used)]

use kubetape_engine::manifest::{Decoded, Refusal, admit, decode, snippet};

/// The lesson's manifest as printed: `template` stands beside `spec`.
const FAULTY: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: fluentd-daemon
spec:
  selector:
    matchLabels:
      app: fluentd-daemon
template:
  metadata:
    labels:
      app: fluentd-daemon
  spec:
    containers:
    - name: fluentd-daemon
      image: fluent/fluentd
...
";

/// The lesson's second manifest, which is good.
const GOOD: &str = "apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: fluentd-daemon
spec:
  selector:
    matchLabels:
      app: fluentd-daemon
  template:
    metadata:
      labels:
        app: fluentd-daemon
    spec:
      nodeSelector:
        run-fluentd: \"true\"
      containers:
      - name: fluentd-daemon
        image: fluent/fluentd
...
";

fn refusal(text: &str) -> Refusal {
    let decoded = decode("test.yaml", text.as_bytes());
    admit(&decoded.documents[0], None, "default").unwrap_err()
}

#[test]
fn the_lessons_faulty_manifest_is_refused_with_better_words() {
    let refusal = refusal(FAULTY);
    assert_eq!(refusal.code, 400);
    assert_eq!(
        refusal.message,
        "DaemonSet in version \"v1\" cannot be handled as a DaemonSet: strict decoding error: unknown field \
         \"template\""
    );
    let problem = &refusal.problems[0];
    assert_eq!(problem.hint.as_deref(), Some("`template` is outside `spec`: indent it under `spec`"));
    assert_eq!(snippet(FAULTY, problem.place.unwrap()), "  |\n9 | template:\n  | ^^^^^^^^\n");
}

#[test]
fn the_lessons_second_manifest_is_admitted_and_defaulted() {
    let decoded = decode("test.yaml", GOOD.as_bytes());
    let admitted = admit(&decoded.documents[0], None, "default").unwrap();
    let spec = &admitted.object["spec"];
    assert_eq!(spec["updateStrategy"]["rollingUpdate"]["maxUnavailable"], 1);
    assert_eq!(spec["template"]["spec"]["nodeSelector"]["run-fluentd"], "true");
    assert_eq!(spec["template"]["spec"]["containers"][0]["imagePullPolicy"], "Always");
    assert_eq!(admitted.object["metadata"]["generation"], 1);
}

#[test]
fn every_admitted_object_is_one_for_the_typed_crate_too() {
    let decoded = decode("test.yaml", GOOD.as_bytes());
    let admitted = admit(&decoded.documents[0], None, "default").unwrap();
    let typed: k8s_openapi::api::apps::v1::DaemonSet =
        serde_json::from_value(admitted.object.clone()).unwrap();
    assert_eq!(serde_json::to_value(typed).unwrap(), admitted.object);
}

#[test]
fn unknown_fields_get_a_suggestion_and_a_place() {
    let refusal =
        refusal(&GOOD.replace("matchLabels", "matchlabels").replace("nodeSelector", "nodeSelectro"));
    let hints: Vec<_> = refusal.problems.iter().map(|p| p.hint.clone().unwrap()).collect();
    assert_eq!(hints, ["did you mean `matchLabels`?", "did you mean `nodeSelector`?"]);
    let lines: Vec<_> = refusal.problems.iter().map(|p| p.place.unwrap().line).collect();
    assert_eq!(lines, [7, 14]);
}

#[test]
fn an_unquoted_boolean_in_a_label_says_to_quote_it() {
    let refusal = refusal(&GOOD.replace("\"true\"", "true"));
    assert!(refusal.message.ends_with("PodSpec.spec.template.spec.nodeSelector of type string"));
    assert!(refusal.problems[0].hint.as_deref().unwrap().ends_with("put the value in quotes"));
    assert_eq!(refusal.problems[0].place.unwrap().line, 15);
}

#[test]
fn a_field_of_the_pods_beside_the_template_is_sent_where_it_belongs() {
    let refusal = refusal(&GOOD.replace("spec:\n  selector", "spec:\n  tolerations: []\n  selector"));
    let hint = refusal.problems[0].hint.as_deref();
    assert_eq!(hint, Some("`tolerations` belongs to the pods: move it to `spec.template.spec`"));
}

#[test]
fn surge_with_the_defaulted_unavailable_says_what_to_write() {
    let text = GOOD.replace(
        "spec:\n  selector",
        "spec:\n  updateStrategy:\n    rollingUpdate:\n      maxSurge: 25%\n  selector",
    );
    let refusal = refusal(&text);
    let problem = &refusal.problems[0];
    assert_eq!(problem.field, "spec.updateStrategy.rollingUpdate.maxSurge");
    assert_eq!(problem.hint.as_deref(), Some("maxUnavailable defaults to 1: set `maxUnavailable: 0`"));
    assert_eq!((problem.place.unwrap().line, problem.place.unwrap().column), (8, 17));
}

#[test]
fn all_problems_are_reported_at_once_with_their_places() {
    let text = GOOD
        .replace("fluent/fluentd", "\"\"")
        .replace("run-fluentd", "-bad")
        .replace("      nodeSelector:", "      restartPolicy: Never\n      nodeSelector:");
    let refusal = refusal(&text);
    let found: Vec<_> = refusal.problems.iter().map(|p| (p.field.as_str(), p.place.unwrap().line)).collect();
    assert_eq!(
        found,
        [
            ("spec.template.spec.containers[0].image", 19),
            ("spec.template.spec.nodeSelector", 15),
            ("spec.template.spec.restartPolicy", 14),
        ]
    );
}

#[test]
fn documents_lists_and_strangers_are_told_apart() {
    let list = format!(
        "# a file\n---\n{}---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  \
         metadata: {{name: s, namespace: n}}\n- {{apiVersion: apps/v1, kind: DaemonSet, metadata: {{name: e}}, x: 1}}\n--- # end\n\
         a: [\n",
        GOOD.replace("...\n", "")
    );
    let Decoded { documents } = decode("many.yaml", list.as_bytes());
    let seen: Vec<_> = documents
        .iter()
        .map(|d| (d.index, d.kind.as_str(), d.name.as_str(), d.place.line, d.is_known()))
        .collect();
    assert_eq!(
        seen,
        [
            (0, "DaemonSet", "fluentd-daemon", 3, true),
            (1, "Service", "s", 27, false),
            (2, "DaemonSet", "e", 30, true),
            (3, "", "", 32, false),
        ]
    );
    assert!(documents[3].tree().is_none());
    let refusal = admit(&documents[2], None, "default").unwrap_err();
    assert_eq!(refusal.problems[0].field, "x");
    assert_eq!(refusal.problems[0].place.unwrap().line, 30);
}

#[test]
fn an_update_counts_generations_and_keeps_the_selector() {
    let first = decode("a", GOOD.as_bytes());
    let stored = admit(&first.documents[0], None, "default").unwrap().object;
    let relabelled =
        GOOD.replace("name: fluentd-daemon\nspec", "name: fluentd-daemon\n  labels: {a: b}\nspec");
    let same =
        admit(&decode("a", relabelled.as_bytes()).documents[0], Some(&stored), "default").unwrap().object;
    assert_eq!(same["metadata"]["generation"], 1);
    let newer = GOOD.replace("fluent/fluentd", "fluent/fluentd:v2");
    let next = admit(&decode("a", newer.as_bytes()).documents[0], Some(&stored), "default").unwrap().object;
    assert_eq!(next["metadata"]["generation"], 2);
    assert_eq!(next["metadata"]["annotations"]["deprecated.daemonset.template.generation"], "2");
    let slower = GOOD.replace("spec:\n  selector", "spec:\n  minReadySeconds: 5\n  selector");
    let next = admit(&decode("a", slower.as_bytes()).documents[0], Some(&stored), "default").unwrap().object;
    assert_eq!(next["metadata"]["generation"], 2);
    assert_eq!(next["metadata"]["annotations"]["deprecated.daemonset.template.generation"], "1");
    let moved = GOOD.replace("app: fluentd-daemon", "app: other");
    let refusal = admit(&decode("a", moved.as_bytes()).documents[0], Some(&stored), "default").unwrap_err();
    assert_eq!(refusal.problems[0].field, "spec.selector");
}

/// Every kind that the simulation takes from users, plain and valid.
#[test]
fn the_other_kinds_are_admitted_with_their_defaults() {
    let template = "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}";
    let cases = [
        (format!("{{apiVersion: apps/v1, kind: ReplicaSet, metadata: {{name: r}}, spec: {{selector: {{matchLabels: {{a: b}}}}, {template}}}}}"), "/spec/replicas", "1"),
        (format!("{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: r}}, spec: {{selector: {{matchLabels: {{a: b}}}}, {template}}}}}"), "/spec/progressDeadlineSeconds", "600"),
        ("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i, resources: {limits: {cpu: 1}}}]}}".to_owned(), "/spec/containers/0/resources/requests/cpu", "\"1\""),
        ("{apiVersion: v1, kind: Node, metadata: {name: x}, status: {capacity: {cpu: 0.5}}}".to_owned(), "/status/allocatable/cpu", "\"500m\""),
        ("{apiVersion: v1, kind: Namespace, metadata: {name: x}}".to_owned(), "/status/phase", "\"Active\""),
        ("{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: x}, value: 5}".to_owned(), "/preemptionPolicy", "\"PreemptLowerPriority\""),
        ("{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x}, spec: {minAvailable: 50%}}".to_owned(), "/spec/minAvailable", "\"50%\""),
        ("{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: x}, revision: 1, data: {a: 1}}".to_owned(), "/data/a", "1"),
    ];
    for (text, pointer, expected) in cases {
        let decoded = decode("a", text.as_bytes());
        let admitted =
            admit(&decoded.documents[0], None, "default").unwrap_or_else(|e| panic!("{text}: {e}"));
        assert_eq!(
            admitted.object.pointer(pointer).map(ToString::to_string).as_deref(),
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn the_other_kinds_are_refused_by_their_rules() {
    let cases = [
        (
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: r}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}, strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 0}}}}",
            "spec.strategy.rollingUpdate.maxUnavailable",
        ),
        (
            "{apiVersion: v1, kind: Node, metadata: {name: x}, spec: {taints: [{key: a, effect: x}]}}",
            "metadata.taints[0].effect",
        ),
        ("{apiVersion: v1, kind: Namespace, metadata: {name: a.b}}", "metadata.name"),
        (
            "{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: system-x}, value: 5}",
            "metadata.name",
        ),
        (
            "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x}, spec: {minAvailable: 1, maxUnavailable: 1}}",
            "spec",
        ),
        (
            "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: ' i'}]}}",
            "spec.containers[0].image",
        ),
        (
            "{apiVersion: apps/v1, kind: ControllerRevision, metadata: {name: x}, revision: -1, data: []}",
            "data",
        ),
    ];
    for (text, field) in cases {
        let refusal = refusal(text);
        assert_eq!(refusal.problems[0].field, field, "{text}: {refusal}");
    }
}
