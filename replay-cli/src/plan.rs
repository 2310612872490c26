//! What a replay is asked to do, the same for every verb that replays.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;

use kubetape_engine::cluster::Cluster;
use kubetape_engine::event::Track;
use kubetape_engine::log::LogError;
use kubetape_engine::names::Names;
use kubetape_engine::replay::{Injection, InjectionError, Plan, ReplayError, Timings, Tracks, Until};
use kubetape_engine::time::Time;

use crate::error::{CliError, Report};
use crate::manifests::Manifests;
use crate::settings::SettingsArgs;
use crate::state;
use crate::tape;
use crate::timespec::{self, MOMENT_HELP, Moment};

/// A trace, and how it is replayed.
#[derive(Clone, Debug, clap::Args)]
pub struct Replayed {
    /// The trace: a log
    pub trace: PathBuf,
    /// Apply a manifest on top: the what-if. All documents of a file are applied, or none. `-` is standard input; may
    /// be given more than once
    #[arg(long = "filename", short = 'f', value_name = "MANIFEST")]
    pub manifests: Vec<PathBuf>,
    #[arg(long, value_name = "MOMENT", requires = "manifests", allow_hyphen_values = true, help = at_help())]
    pub at: Option<Moment>,
    /// The namespace of objects in MANIFEST that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default")]
    pub namespace: String,
    #[arg(long, value_name = "TRACK,...", default_value = "cluster,user", value_parser = Tracks::parse, help = play_help())]
    pub play: Tracks,
    /// Let the simulated DaemonSet controller take nodes in the recorded order where any of several will do; Kubernetes takes
    /// them at random, kubetape by name
    #[arg(long)]
    pub recorded_choices: bool,
    /// When to stop: `end` (with the trace's last event), `settled` (when nothing is under way any more, an hour
    /// later at most), TIME, or +DURATION after the trace's last event
    #[arg(long, value_name = "WHEN", default_value = "settled")]
    pub until: UntilArg,
    #[command(flatten)]
    pub settings: SettingsArgs,
}

fn at_help() -> String {
    format!("When to apply it [default: before the trace's first event]: {MOMENT_HELP}")
}

fn play_help() -> String {
    let tracks = Track::ALL.map(Track::as_str).join(", ");
    format!("The complete list of tracks that are played back, or `all`. Tracks: {tracks}")
}

/// [`Until`] as it is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct UntilArg(pub Until);

impl FromStr for UntilArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let until = match (text, text.strip_prefix('+')) {
            ("end", _) => Until::End,
            ("settled", _) => Until::Settled,
            (_, Some(more)) => Until::After(timespec::duration(more)?),
            _ => Until::At(Time::parse(text).map_err(|_| {
                "write `end`, `settled`, a time such as 2026-11-24T02:17:02Z, or +5m".to_owned()
            })?),
        };
        Ok(UntilArg(until))
    }
}

/// What manifests that are applied on top come to, line by line, once the replay has got there.
pub type Said = Rc<RefCell<Vec<String>>>;

impl Replayed {
    /// The plan.
    ///
    /// # Errors
    /// A manifest or the trace cannot be read.
    pub fn plan(&self, said: &Said) -> Result<Plan, CliError> {
        let (timings, names) = self.recorded_timings()?;
        let (play, until, settings) = (self.play, self.until.0, self.settings.read()?);
        Ok(Plan {
            play,
            until,
            settings,
            injections: self.what_ifs(said)?,
            timings,
            follow: self.recorded_choices,
            names,
            ..Plan::default()
        })
    }

    /// The manifests that are applied on top, one batch a file. What they come to is known, and said, when they are.
    fn what_ifs(&self, said: &Said) -> Result<Vec<Injection>, CliError> {
        let at = match self.at {
            Some(moment) => Some(state::time_of(&self.trace, moment)?),
            None => None,
        };
        let mut injections = Vec::new();
        for file in &self.manifests {
            let manifests = Manifests::read(std::slice::from_ref(file))?;
            let (said, namespace) = (Rc::clone(said), self.namespace.clone());
            let deed = Box::new(move |cluster: &Cluster, names: &mut Names| {
                let deeds = manifests.admit(&namespace, cluster, names).map_err(Refused::boxed)?;
                said.borrow_mut().extend(deeds.lines.into_iter().chain(deeds.remarks));
                Ok(deeds.bodies)
            });
            injections.push(Injection { at, deed });
        }
        Ok(injections)
    }

    /// What the recorded scheduler and kubelets did, for when they are played back over simulated workloads, and in which
    /// order the recorded controller took its nodes.
    fn recorded_timings(&self) -> Result<(Timings, Names), CliError> {
        let (mut timings, mut names) = (Timings::default(), Names::new());
        if self.play.has(Track::Scheduler) || self.play.has(Track::Kubelet) || self.recorded_choices {
            let mut reader = tape::reader(&self.trace)?;
            let mut batch = Vec::new();
            while reader.next_batch(&mut names, &mut batch)?.is_some() {
                batch.iter().for_each(|event| timings.note(event));
            }
        }
        Ok((timings, names))
    }
}

/// A refusal on its way through the engine.
#[derive(Debug, thiserror::Error)]
#[error("a manifest was refused")]
struct Refused(Report);

impl Refused {
    fn boxed(error: CliError) -> InjectionError {
        match error {
            CliError::Failed(report) => Box::new(Refused(*report)),
            CliError::ClosedPipe => Box::new(Refused(Report::default())),
        }
    }
}

/// A replay that could not be finished, for a person.
pub fn failure(trace: &Path, error: ReplayError) -> CliError {
    let place = trace.display();
    match error {
        ReplayError::Injection(error) => match error.downcast::<Refused>() {
            Ok(refused) => CliError::Failed(Box::new(refused.0)),
            Err(error) => CliError::new(error.to_string()),
        },
        ReplayError::Source(error) => match error.downcast::<LogError>() {
            Ok(error) => CliError::from(*error),
            Err(error) => CliError::new(error.to_string()).at(place),
        },
        ReplayError::Sink(error) => match error.downcast::<LogError>() {
            Ok(error) => CliError::from(*error),
            Err(error) => CliError::new(error.to_string()),
        },
        error @ ReplayError::Trace { .. } => CliError::new(error.to_string())
            .at(place)
            .hint("the log was not written by kubetape; `kubetape log verify` says more"),
        error => CliError::new(error.to_string()).at(place),
    }
}
