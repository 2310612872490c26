//! `kubetape create daemonset`: a manifest to begin with.

use std::process::ExitCode;

use kubetape_engine::manifest;

use crate::error::CliError;
use crate::output::Out;

const EXAMPLES: &str = "\
Examples:
  # The smallest DaemonSet that is valid
  kubetape create daemonset fluentd --image fluent/fluentd:v1.17

  # Only on labelled nodes, control plane included, ten percent of the nodes at a time
  kubetape create daemonset fluentd --image fluent/fluentd:v1.17 \\
    --node-selector run-fluentd=true \\
    --toleration node-role.kubernetes.io/control-plane:NoSchedule \\
    --max-unavailable 10%";

/// Print a manifest to begin with
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, clap::Subcommand)]
enum Kind {
    #[command(visible_alias = "ds")]
    Daemonset(DaemonSet),
}

/// Print a minimal, valid DaemonSet
///
/// The manifest holds what was asked for and nothing that the API server would fill in by itself. It has passed
/// the checks of `kubetape check` before it is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct DaemonSet {
    /// Its name; also the value of label `app`, and the container's name
    name: String,
    /// The container's image
    #[arg(long, value_name = "IMAGE")]
    image: String,
    /// Its namespace; left out if not given
    #[arg(long, short, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// A label that nodes must have; may be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    node_selector: Vec<(String, String)>,
    /// A taint that is tolerated: KEY, KEY=VALUE, either with :EFFECT; `*` tolerates all; may be given more than once
    #[arg(long, value_name = "KEY[=VALUE][:EFFECT]", value_parser = toleration)]
    toleration: Vec<Toleration>,
    /// How many nodes may be without a pod during a rollout: a number or a percentage
    #[arg(long, value_name = "N|N%")]
    max_unavailable: Option<String>,
    /// How many nodes may have two pods during a rollout: a number or a percentage
    #[arg(long, value_name = "N|N%")]
    max_surge: Option<String>,
    /// Replace pods only when somebody deletes them
    #[arg(long, conflicts_with_all = ["max_unavailable", "max_surge"])]
    on_delete: bool,
    /// How long a pod has to be ready before it counts
    #[arg(long, value_name = "SECONDS")]
    min_ready_seconds: Option<u32>,
    /// A port of the container
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// The node's network instead of one of the pod's own
    #[arg(long)]
    host_network: bool,
    /// Its priority class
    #[arg(long, value_name = "NAME")]
    priority_class: Option<String>,
    /// The command, after `--`
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Toleration {
    key: String,
    value: Option<String>,
    effect: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn toleration(text: &str) -> Result<Toleration, String> {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let (taint, effect) = match text.rsplit_once(':') {
        Some((taint, effect)) if EFFECTS.contains(&effect) => (taint, Some(effect.to_owned())),
        Some((_, other)) => return Err(format!("effect {other:?} is none of {}", EFFECTS.join(", "))),
        None => (text, None),
    };
    let (key, value) = match taint.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (taint, None),
    };
    let key = if key == "*" { "" } else { key };
    if key.is_empty() && (value.is_some() || taint != "*") {
        return Err("expected KEY, KEY=VALUE, or `*` for every taint".to_owned());
    }
    Ok(Toleration { key: key.to_owned(), value, effect })
}

pub fn run(args: &Args, out: &mut Out) -> Result<ExitCode, CliError> {
    let Kind::Daemonset(daemon_set) = &args.kind;
    let text = manifest_of(daemon_set);
    let decoded = manifest::decode("arguments", text.as_bytes());
    let namespace = daemon_set.namespace.as_deref().unwrap_or("default");
    for document in &decoded.documents {
        manifest::admit(document, None, namespace).map_err(|refusal| {
            CliError::new(refusal.message).hint("see `kubetape create daemonset --help`")
        })?;
    }
    write!(out, "{text}")?;
    Ok(ExitCode::SUCCESS)
}

/// The manifest, keys in kubectl's order.
fn manifest_of(args: &DaemonSet) -> String {
    let name = scalar(&args.name);
    let mut text = format!(
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata:\n  labels:\n    app: {name}\n  name: {name}\n"
    );
    let mut line = |line: String| {
        text += &line;
        text.push('\n');
    };
    if let Some(namespace) = &args.namespace {
        line(format!("  namespace: {}", scalar(namespace)));
    }
    line("spec:".to_owned());
    if let Some(seconds) = args.min_ready_seconds {
        line(format!("  minReadySeconds: {seconds}"));
    }
    line(format!("  selector:\n    matchLabels:\n      app: {name}"));
    line(format!("  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:"));
    line(format!("      containers:\n      - image: {}\n        name: {name}", scalar(&args.image)));
    if !args.command.is_empty() {
        line("        command:".to_owned());
        args.command.iter().for_each(|word| line(format!("        - {}", scalar(word))));
    }
    if let Some(port) = args.port {
        line(format!("        ports:\n        - containerPort: {port}"));
    }
    if args.host_network {
        line("      hostNetwork: true".to_owned());
    }
    if !args.node_selector.is_empty() {
        line("      nodeSelector:".to_owned());
        args.node_selector.iter().for_each(|(k, v)| line(format!("        {}: {}", scalar(k), scalar(v))));
    }
    if let Some(class) = &args.priority_class {
        line(format!("      priorityClassName: {}", scalar(class)));
    }
    if !args.toleration.is_empty() {
        line("      tolerations:".to_owned());
        args.toleration.iter().for_each(|toleration| line(tolerate(toleration)));
    }
    strategy(args, &mut line);
    text
}

fn tolerate(toleration: &Toleration) -> String {
    let mut fields = Vec::new();
    if let Some(effect) = &toleration.effect {
        fields.push(format!("effect: {effect}"));
    }
    if !toleration.key.is_empty() {
        fields.push(format!("key: {}", scalar(&toleration.key)));
    }
    match &toleration.value {
        Some(value) => fields.push(format!("value: {}", scalar(value))),
        None => fields.push("operator: Exists".to_owned()),
    }
    format!("      - {}", fields.join("\n        "))
}

fn strategy(args: &DaemonSet, line: &mut impl FnMut(String)) {
    if args.on_delete {
        line("  updateStrategy:\n    type: OnDelete".to_owned());
        return;
    }
    if args.max_surge.is_none() && args.max_unavailable.is_none() {
        return;
    }
    line("  updateStrategy:\n    rollingUpdate:".to_owned());
    if let Some(surge) = &args.max_surge {
        line(format!("      maxSurge: {surge}"));
    }
    // Left out, it would be 1, and the two exclude one another.
    let unavailable = args.max_unavailable.as_deref().unwrap_or("0");
    line(format!("      maxUnavailable: {unavailable}"));
}

/// A string that YAML reads back as a string: quoted where it would be read as anything else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@:".contains(c))
        && !text.ends_with(':')
        && !text.contains(": ")
        && !is_word(text);
    // JSON's quoting is YAML's.
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Words that YAML 1.1 reads as a boolean or null.
fn is_word(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    matches!(lower.as_str(), "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" | "null")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn text(words: &[&str]) -> String {
        let words = ["create", "daemonset"].iter().chain(words);
        let Kind::Daemonset(daemon_set) = Line::try_parse_from(words).unwrap().args.kind;
        manifest_of(&daemon_set)
    }

    fn admitted(text: &str) -> serde_json::Value {
        let decoded = manifest::decode("arguments", text.as_bytes());
        manifest::admit(&decoded.documents[0], None, "default").unwrap().object
    }

    #[test]
    fn the_smallest_manifest() {
        let expected = "apiVersion: apps/v1
kind: DaemonSet
metadata:
  labels:
    app: fluentd
  name: fluentd
spec:
  selector:
    matchLabels:
      app: fluentd
  template:
    metadata:
      labels:
        app: fluentd
    spec:
      containers:
      - image: fluent/fluentd:v1.17
        name: fluentd
";
        assert_eq!(text(&["fluentd", "--image", "fluent/fluentd:v1.17"]), expected);
        admitted(expected);
    }

    #[test]
    fn every_option_reaches_its_field() {
        let text = text(&[
            "yes",
            "--image",
            "i:1",
            "-n",
            "kube-system",
            "--node-selector",
            "run=true",
            "--toleration",
            "node-role.kubernetes.io/control-plane:NoSchedule",
            "--toleration",
            "a=1:NoExecute",
            "--toleration",
            "*",
            "--max-surge",
            "25%",
            "--min-ready-seconds",
            "5",
            "--port",
            "80",
            "--host-network",
            "--priority-class",
            "system-node-critical",
            "--",
            "sh",
            "-c",
            "sleep 1; echo: x",
        ]);
        let decoded = manifest::decode("arguments", text.as_bytes());
        let object = manifest::admit(&decoded.documents[0], None, "kube-system").unwrap().object;
        let at = |pointer: &str| object.pointer(pointer).map(ToString::to_string).unwrap_or_default();
        let spec = "/spec/template/spec";
        assert_eq!(at("/metadata/name"), "\"yes\"");
        assert_eq!(at(&format!("{spec}/nodeSelector/run")), "\"true\"");
        assert_eq!(
            at(&format!("{spec}/tolerations")),
            "[{\"effect\":\"NoSchedule\",\"key\":\"node-role.kubernetes.io/control-plane\",\"operator\":\"Exists\"},\
             {\"effect\":\"NoExecute\",\"key\":\"a\",\"value\":\"1\"},{\"operator\":\"Exists\"}]"
        );
        assert_eq!(at("/spec/updateStrategy/rollingUpdate"), "{\"maxSurge\":\"25%\",\"maxUnavailable\":0}");
        assert_eq!(at(&format!("{spec}/containers/0/command")), "[\"sh\",\"-c\",\"sleep 1; echo: x\"]");
        assert_eq!(at("/spec/minReadySeconds"), "5");
    }

    #[test]
    fn tolerations_are_read_as_kubectl_writes_taints() {
        assert!(toleration("a:Never").is_err());
        assert!(toleration("=x").is_err());
        let all = Toleration { key: String::new(), value: None, effect: Some("NoExecute".to_owned()) };
        assert_eq!(toleration("*:NoExecute"), Ok(all));
    }
}
