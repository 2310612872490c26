use snapbox::str;

use crate::shell::Shell;

#[test]
fn the_first_help_has_examples_and_exit_statuses() {
    Shell::new().check("kubetape --help", str![]);
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
        str![],
    );
}
