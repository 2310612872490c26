//! Commands typed into a shell in a folder of their own, and the transcript of it.

use std::path::Path;
use std::process::Command;

use snapbox::{Assert, Data, IntoData};
use tempfile::TempDir;

/// A folder in which commands are run.
pub struct Shell {
    folder: TempDir,
}

impl Shell {
    /// An empty folder, but for the traces that are shipped.
    pub fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        std::os::unix::fs::symlink(root.join("traces"), folder.path().join("traces")).unwrap();
        Shell { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file there.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.folder.path().join(name), content).unwrap();
        self
    }

    /// The names of what is there, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "traces");
        names.sort();
        names
    }

    /// Runs one command line; gives what it printed (standard error in its place) and its exit status.
    pub fn run(&self, line: &str) -> (String, i32) {
        let binaries = Path::new(env!("CARGO_BIN_EXE_kubetape")).parent().unwrap();
        let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
        let output = Command::new("bash")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("COLUMNS", "100")
            .env_remove("NO_COLOR")
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap_or(-1))
    }

    /// Runs the lines one after the other; gives what a person would see, with the exit statuses that are not 0.
    pub fn session(&self, lines: &str) -> String {
        let mut transcript = String::new();
        for line in lines.trim().lines().map(str::trim) {
            let (printed, status) = self.run(line);
            transcript += &format!("$ {line}\n{}", without_clock(&printed));
            if status != 0 {
                transcript += &format!("[exit status {status}]\n");
            }
        }
        transcript
    }

    /// Runs the lines, and compares what a person would see with what they should see.
    pub fn check(&self, lines: &str, expected: impl IntoData) -> &Self {
        let expected: Data = expected.into_data();
        Assert::new().action_env("SNAPSHOTS").eq(self.session(lines), expected);
        self
    }
}

/// The speed of a run is the only thing that is printed and not the same every time.
pub fn without_clock(text: &str) -> String {
    let line = |line: &str| match line.strip_suffix(" events/s").and_then(|l| l.split_once(" events in ")) {
        Some((events, _)) => format!("{events} events in [..] events/s\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// A DaemonSet for all nodes that have a label.
pub const FLUENTD: &str = r#"apiVersion: apps/v1
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
        run-fluentd: "true"
      containers:
      - name: fluentd-daemon
        image: fluent/fluentd
"#;
