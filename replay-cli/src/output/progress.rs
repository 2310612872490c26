//! A bar on standard error for work that takes longer than a person likes to wait in the dark.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How long work goes on before a bar is worth the flicker.
const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar that appears after a second, and only on a terminal.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    shown: bool,
    allowed: bool,
}

impl Progress {
    /// A bar with its label.
    pub fn new(what: &str, allowed: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(what.to_owned());
        Progress { bar, started: Instant::now(), shown: false, allowed }
    }

    /// So much is done, of so much if that is known; `unit` says of what (`bytes` are shown as sizes).
    pub fn update(&mut self, done: u64, total: Option<u64>, unit: &str) {
        if !self.allowed || (!self.shown && self.started.elapsed() < PATIENCE) {
            return;
        }
        if !self.shown {
            self.show(total, unit);
        }
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
    }

    fn show(&mut self, total: Option<u64>, unit: &str) {
        self.shown = true;
        let amount = match (unit, total) {
            ("bytes", Some(_)) => {
                "{bar:30} {bytes}/{total_bytes}, {binary_bytes_per_sec}, {eta} left".to_owned()
            }
            ("bytes", None) => "{spinner} {bytes}, {binary_bytes_per_sec}".to_owned(),
            (unit, Some(_)) => {
                format!("{{bar:30}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left")
            }
            (unit, None) => format!("{{spinner}} {{human_pos}} {unit}, {{per_sec}}"),
        };
        if let Ok(style) = ProgressStyle::with_template(&format!("{{msg}} {amount}")) {
            self.bar.set_style(style);
        }
        self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
