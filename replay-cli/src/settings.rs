//! Settings as the command line takes them: a file, or a preset by name.

use std::path::{Path, PathBuf};

use kubetape_engine::log::Digest;
use kubetape_engine::settings::{PRESETS, Settings};

use crate::error::CliError;

/// How the actors behave.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SettingsArgs {
    /// How controllers, scheduler and kubelets behave: a file as `kubetape settings` prints one and `kubetape calibrate`
    /// learns one
    #[arg(long = "settings", value_name = "FILE", conflicts_with = "control_plane")]
    file: Option<PathBuf>,
    /// The same by name: `default` is a stock control plane (20 writes a second, 2 workers), `instant` one that waits
    /// for nothing
    #[arg(long, value_name = "PRESET", value_parser = PRESETS)]
    control_plane: Option<String>,
    /// Settings that were read before, for whoever is not a command line.
    #[arg(skip)]
    given: Option<Settings>,
}

impl SettingsArgs {
    /// Settings that were read before.
    pub fn given(settings: Settings) -> Self {
        SettingsArgs { given: Some(settings), ..SettingsArgs::default() }
    }

    /// The settings.
    ///
    /// # Errors
    /// The file cannot be read, or says something that is no setting.
    pub fn read(&self) -> Result<Settings, CliError> {
        if let Some(path) = &self.file {
            return read(path);
        }
        let named = self.control_plane.as_deref().and_then(Settings::preset);
        Ok(self.given.clone().or(named).unwrap_or_default())
    }

    /// Where they come from, if they are not the usual ones.
    pub fn origin(&self) -> Option<String> {
        self.file.as_ref().map(|path| path.display().to_string()).or_else(|| self.control_plane.clone())
    }
}

/// What identifies settings: with the trace, the manifests and the tracks, all that a run depends on.
pub fn digest(settings: &Settings) -> Digest {
    // Every setting is in it, whatever was written down.
    Digest::of(settings.document().as_bytes())
}

/// Reads a settings file.
///
/// # Errors
/// As [`SettingsArgs::read`].
pub fn read(path: &Path) -> Result<Settings, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| CliError::file("read", path, &error))?;
    toml::from_str(&text).map_err(|error| malformed(path, &text, &error))
}

/// What is wrong in a TOML file, with its place and the line that is meant.
pub fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> CliError {
    let message = error.message();
    let (found, known) = unknown_field(message);
    let hint = found.and_then(|found| nearest(found, &known)).map(|near| format!("did you mean `{near}`?"));
    let hint = hint.or_else(|| found.map(|_| "`kubetape settings` prints all settings".to_owned()));
    let failed = CliError::new(message.to_owned());
    let failed = match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    };
    let Some(span) = error.span() else { return failed.at(path.display()) };
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    failed.at(format!("{}:{line}:{column}", path.display()))
}

/// The field that is not known, and those that are, out of serde's words.
fn unknown_field(message: &str) -> (Option<&str>, Vec<&str>) {
    let Some(rest) = message.strip_prefix("unknown field ") else { return (None, Vec::new()) };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    (quoted.next(), quoted.collect())
}

fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let near = known.iter().map(|name| (strsim::damerau_levenshtein(found, name), *name));
    near.filter(|(distance, _)| *distance <= 3).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back() {
        for name in PRESETS {
            let settings = Settings::preset(name).unwrap();
            assert_eq!(toml::from_str::<Settings>(&settings.document()).unwrap(), settings, "{name}");
        }
    }

    #[test]
    fn rules_and_distributions_read_back() {
        let text = r#"
            [daemon_set]
            client = "unlimited"
            [kubelet]
            seed = 7
            pull_us = { lognormal_us = [2_000_000, 9_000_000] }
            start_us = { uniform_us = [1, 2_000] }
            stop_us = { exponential_us = 500 }
            [[kubelet.rules]]
            workload = "kube-system/proxy"
            image = 'a "quoted" \ image'
            crash_after_us = { quantiles_us = [1, 2, 3] }
            crashes = 3
            never_ready = true
            [[kubelet.rules]]
            node_label = "pool=gpu"
            fail_after_us = 5
        "#;
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.kubelet.rules.len(), 2);
        assert_eq!(settings.daemon_set.client, None);
        assert_eq!(toml::from_str::<Settings>(&settings.document()).unwrap(), settings);
    }

    #[test]
    fn a_misspelt_setting_is_refused_with_the_nearest() {
        let text = "[kubelet]\nstrat_us = 5\n";
        let error = toml::from_str::<Settings>(text).unwrap_err();
        let CliError::Failed(report) = malformed(Path::new("my.toml"), text, &error) else { panic!() };
        assert_eq!(report.place.as_deref(), Some("my.toml:2:1"));
        assert_eq!(report.hint.as_deref(), Some("did you mean `start_us`?"));
    }
}
