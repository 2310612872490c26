//! Everything that the README shows is run, and has to come out as it is shown.
//!
//! Blocks of `console` hold commands (after `$ `) and what they print; `...` stands for lines that are left out.
//! A block of another language with a file name after it is that file. All of it happens in one folder, from the top
//! of the page to its end. With `SNAPSHOTS=overwrite` in the environment the page is written anew.

use std::fmt::Write;
use std::path::PathBuf;

use snapbox::{Assert, Data};

use crate::shell::{Shell, without_clock};

/// Commands that build or test the project itself. CI runs them; a test that ran them would run itself.
const BY_CI: [&str; 2] = ["cargo test --workspace", "cargo install --path replay-cli"];

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// One command and what the page says that it prints.
fn run(shell: &Shell, command: &str, shown: &str) -> String {
    if BY_CI.contains(&command) {
        return shown.to_owned();
    }
    let line = command.replace("cargo run --release --", "kubetape");
    let (mut printed, status) = shell.run(&line);
    if status != 0 {
        writeln!(printed, "[exit status {status}]").unwrap();
    }
    // A page that is written anew keeps what it leaves out, and its figures of speed.
    let same_but_for_speed = without_clock(&printed) == without_clock(shown);
    let elided = shown.lines().any(|line| line == "...");
    if same_but_for_speed || elided { shown.to_owned() } else { printed }
}

/// The page as it would be if it were written now; what differs is wrong on the page.
fn rewritten(text: &str, shell: &Shell) -> (String, usize) {
    let (mut out, mut commands) = (String::new(), 0);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").unwrap();
        let Some(info) = line.strip_prefix("```") else { continue };
        let mut body = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != "```") {
            body.push(line);
        }
        match info.split_once(' ') {
            Some((_, name)) => {
                shell.file(name, body.join("\n") + "\n");
                body.iter().for_each(|line| writeln!(out, "{line}").unwrap());
            }
            None if info == "console" => {
                for part in body
                    .split(|line| line.starts_with("$ "))
                    .skip(1)
                    .zip(body.iter().filter_map(|line| line.strip_prefix("$ ")))
                {
                    let (shown, command) = part;
                    let shown: String = shown.iter().map(|line| format!("{line}\n")).collect();
                    commands += 1;
                    let printed = run(shell, command, &shown);
                    check_elided(command, shell, &shown);
                    write!(out, "$ {command}\n{printed}").unwrap();
                }
            }
            None => body.iter().for_each(|line| writeln!(out, "{line}").unwrap()),
        }
        writeln!(out, "```").unwrap();
    }
    (out, commands)
}

/// What is shown in part has to come out, with anything where `...` stands.
fn check_elided(command: &str, shell: &Shell, shown: &str) {
    if !shown.lines().any(|line| line == "...") || BY_CI.contains(&command) {
        return;
    }
    let (printed, _) = shell.run(&command.replace("cargo run --release --", "kubetape"));
    Assert::new().eq(without_clock(&printed), Data::from(without_clock(shown)));
}

#[test]
fn the_readme_tells_the_truth() {
    let path = page("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (now, commands) = rewritten(&text, &Shell::new());
    assert!(commands >= 15, "only {commands} commands were found in the README");
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    Assert::new().eq(now, Data::from(text).raw());
}

#[test]
fn ci_runs_what_the_readme_leaves_to_it() {
    let ci = std::fs::read_to_string(page(".ci/run")).unwrap();
    assert!(ci.contains("cargo test --workspace"), "{ci}");
}
