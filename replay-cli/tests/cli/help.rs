use snapbox::str;

use crate::shell::Shell;

#[test]
fn the_first_help_has_examples_and_exit_statuses() {
    Shell::new().check(
        "kubetape --help",
        str![[r#"
$ kubetape --help
Replay, diff and explain Kubernetes DaemonSets from a log of cluster events.

A log (`.tape`) holds everything that happened in a cluster: nodes that join, leave and are
relabelled, manifests that are applied, and what the controllers made of it. kubetape plays it back
in virtual time through its own controllers.

Usage: kubetape [OPTIONS] <COMMAND>

Commands:
  import       Make a log from recordings of a real cluster
  run          Replay a trace: play back what came from outside, simulate the controllers
  diff         Compare the placements of two logs (runs or recordings), and say why they differ
  shadow       Compare a recording's decisions with kubetape's own, one by one
  explain      Explain why a pod is, or is not, on a node; what a rollout waits for; what an event
               brought about
  verify       Check that a trace gives the same run each time
  test         Run a suite of cases: replay each trace and compare the placements with those
               expected
  show         Show the state of a cluster at a moment, or its events
  node         Add what happens to a node to a log: it joins, leaves, is labelled, tainted,
               cordoned, drained, …
  apply        Apply manifests, as `kubectl apply` does
  check        Check manifests as the API server would, and say what is wrong where
  create       Print a manifest to begin with
  delete       Delete objects, as `kubectl delete` does
  synth        Make up a trace of any size
  bench        Measure how fast a workload is replayed
  calibrate    Learn settings from a recording: how long its scheduler and kubelets took, and how
               fast its controller could write
  settings     Print all settings of controllers, scheduler and kubelets, as TOML with remarks
  conformance  Compare the engine with recordings of Kubernetes' own code
  sweep        Replay many combinations of traces, manifests, settings and seeds
  log          Look at logs as files, and make new ones of them
  completions  Print a completion script for a shell
  man          Print the manual page, or write the pages of all commands into a folder
  help         Print this message or the help of the given subcommand(s)

Options:
  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Global options:
      --color <WHEN>
          When to colour; NO_COLOR is honoured

          Possible values:
          - auto:   On terminals, unless NO_COLOR is set
          - always: Always
          - never:  Never
          
          [default: auto]

  -q, --quiet
          Print no remarks, warnings or progress on standard error

Examples:
  # Replay a recorded cluster and see what the DaemonSet controller did
  kubetape run traces/lesson.tape

  # What if this manifest had been applied instead?
  kubetape run traces/lesson.tape -f daemonset.yaml -o what-if.tape
  kubetape diff traces/lesson.tape what-if.tape

  # Make a trace from a recording of your own
  kubetape import watch.jsonl.gz audit.jsonl.gz -o cluster.tape

  # Make up a small scenario by hand
  kubetape node join x.tape worker-1 worker-2
  kubetape apply x.tape -f daemonset.yaml
  kubetape node label x.tape worker-1 run-fluentd=true
  kubetape run x.tape

Exit status:
  0  done; what was compared or checked is the same or passes
  1  what was compared differs, or what was checked does not pass
  2  it could not be done; standard error says why

"#]],
    );
}

#[test]
fn every_verb_has_help_with_examples() {
    let shell = Shell::new();
    let mut verbs = vec![];
    subcommands(&shell, "", &mut verbs);
    assert!(verbs.len() > 15, "{verbs:?}");
    for verb in verbs {
        let (help, status) = shell.run(&format!("kubetape {verb} --help"));
        assert_eq!(status, 0, "{verb}");
        assert!(help.contains("Examples:\n"), "`kubetape {verb} --help` has no example");
    }
}

/// Collects the verbs that do something, by asking help for them.
fn subcommands(shell: &Shell, of: &str, verbs: &mut Vec<String>) {
    let help = shell.run(&format!("kubetape {of} --help")).0;
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    let Some(listed) = listed else {
        verbs.push(of.trim().to_owned());
        return;
    };
    for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            subcommands(shell, &format!("{of} {name}"), verbs);
        }
    }
}

#[test]
fn completions_and_manual_pages_are_written() {
    let shell = Shell::new();
    for name in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (script, status) = shell.run(&format!("kubetape completions {name}"));
        assert_eq!(status, 0);
        assert!(script.contains("placements"), "{name} does not complete nouns");
    }
    shell.check(
        "
        kubetape man | head -3
        kubetape man --dir pages
        ls pages | grep node
        ",
        str![[r#"
$ kubetape man | head -3
.ie /n(.g .ds Aq /(aq
.el .ds Aq '
.TH kubetape 1  "kubetape 0.1.0" 
$ kubetape man --dir pages
$ ls pages | grep node
kubetape-node-capacity.1
kubetape-node-condition.1
kubetape-node-cordon.1
kubetape-node-drain.1
kubetape-node-join.1
kubetape-node-label.1
kubetape-node-leave.1
kubetape-node-return.1
kubetape-node-silence.1
kubetape-node-taint.1
kubetape-node-uncordon.1
kubetape-node.1

"#]],
    );
}
