//! What is compared: two logs, or two runs of one trace that are made for the purpose.

use std::path::{Path, PathBuf};
use std::thread;

use kubetape_engine::diff::{Side, SideError};
use kubetape_engine::log::{
    self, LogError, MemoryStorage, Options, Position, Reader, SeekError, Storage, Writer,
};
use kubetape_engine::names::Names;
use kubetape_engine::replay::{self, Tracks};
use kubetape_engine::time::Time;

use super::Args;
use crate::error::CliError;
use crate::output::Out;
use crate::plan::{self, Replayed, Said, UntilArg};
use crate::settings::{self, SettingsArgs};
use crate::tape;
use crate::timespec::Moment;

/// Two what-ifs on one trace.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "What if")]
pub struct WhatIf {
    /// Compare two runs of the trace A: one with the manifests of --filename on top, if any, and one with these; may be
    /// given more than once
    #[arg(long, value_name = "MANIFEST")]
    against: Vec<PathBuf>,
    /// What is applied on top in the first run
    #[arg(long = "filename", short = 'f', value_name = "MANIFEST", requires = "against")]
    manifests: Vec<PathBuf>,
    /// When manifests are applied, as `kubetape run --at` takes it [default: before the trace's first event]
    #[arg(long, value_name = "MOMENT", requires = "against", allow_hyphen_values = true)]
    apply_at: Option<Moment>,
    /// The namespace of objects in MANIFEST that name none
    #[arg(long, short, value_name = "NAMESPACE", default_value = "default", requires = "against")]
    namespace: String,
    /// The tracks that are played back in both runs, as `kubetape run --play` takes them
    #[arg(long, value_name = "TRACK,...", default_value = "cluster,user", value_parser = Tracks::parse, requires = "against")]
    play: Tracks,
    /// When both runs stop, as `kubetape run --until` takes it
    #[arg(long, value_name = "WHEN", default_value = "settled", requires = "against")]
    until: UntilArg,
    /// How controllers, scheduler and kubelets behave in both runs: a file, as `kubetape run --settings` takes it
    #[arg(long, value_name = "FILE", requires = "against")]
    settings: Option<PathBuf>,
}

/// One side of the comparison.
pub struct Source {
    /// What it is called.
    pub name: String,
    kind: Kind,
}

enum Kind {
    File(PathBuf),
    Memory(MemoryStorage),
}

/// Both sides.
pub struct Sides {
    pub a: Source,
    pub b: Source,
}

impl Sides {
    /// Opens the logs, or makes the runs.
    ///
    /// # Errors
    /// A run cannot be made. Logs are opened later.
    pub fn open(args: &Args, out: &mut Out) -> Result<Sides, CliError> {
        let Some(b) = &args.b else { return what_ifs(&args.a, &args.what_if, out) };
        let file =
            |path: &PathBuf| Source { name: path.display().to_string(), kind: Kind::File(path.clone()) };
        Ok(Sides { a: file(&args.a), b: file(b) })
    }
}

impl Source {
    fn reader(&self) -> Result<Reader, LogError> {
        match &self.kind {
            Kind::File(path) => tape::reader(path),
            Kind::Memory(storage) => Reader::from_storage(Box::new(storage.clone())),
        }
    }

    /// The log from its beginning.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn side(&self) -> Result<Side<'static>, SideError> {
        self.reader().map(Side::from_log).map_err(|error| SideError::Read(error.into()))
    }

    /// Its state after everything that happened up to a time.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn at(&self, at: Time) -> Result<Position, CliError> {
        let storage: Box<dyn Storage> = match &self.kind {
            Kind::File(path) => tape::storage(path)?,
            Kind::Memory(storage) => Box::new(storage.clone()),
        };
        log::seek_in(storage, log::Moment::Time(at)).map_err(|error| match error {
            SeekError::Log(error) => error.into(),
            error @ SeekError::Apply { .. } => CliError::new(error.to_string()).at(&self.name),
        })
    }

    /// The time of its first event.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn first_time(&self) -> Result<Time, CliError> {
        let mut batch = Vec::new();
        self.reader()?.next_batch(&mut Names::new(), &mut batch)?;
        Ok(batch.first().map(|event| event.at).unwrap_or_default())
    }

    /// The time of its last event.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last_time(&self) -> Result<Time, CliError> {
        let (mut reader, mut names, mut batch) = (self.reader()?, Names::new(), Vec::new());
        while reader.next_batch(&mut names, &mut batch)?.is_some() {}
        Ok(reader.last_time().unwrap_or_default())
    }
}

/// Makes two runs of a trace, at the same time.
fn what_ifs(trace: &Path, what_if: &WhatIf, out: &mut Out) -> Result<Sides, CliError> {
    let inputs = what_if.manifests.iter().chain(&what_if.against).map(PathBuf::as_path).chain([trace]);
    if inputs.filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(CliError::new("standard input can be read only once, and `-` is given more often")
            .hint("put the others into files"));
    }
    let settings = what_if.settings.as_deref().map(settings::read).transpose()?;
    let settings = settings.map(SettingsArgs::given).unwrap_or_default();
    let replayed = |manifests: &[PathBuf]| Replayed {
        trace: trace.to_owned(),
        manifests: manifests.to_vec(),
        at: what_if.apply_at.filter(|_| !manifests.is_empty()),
        namespace: what_if.namespace.clone(),
        play: what_if.play,
        recorded_choices: false,
        until: what_if.until,
        settings: settings.clone(),
    };
    let (one, two) = (replayed(&what_if.manifests), replayed(&what_if.against));
    let (a, b) = thread::scope(|scope| {
        let a = scope.spawn(|| made(&one));
        let b = made(&two);
        let a = match a.join() {
            Ok(a) => a,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        (a, b)
    });
    let mut source = |(storage, said): (MemoryStorage, Vec<String>), manifests: &[PathBuf]| {
        said.into_iter().for_each(|line| out.note(line));
        let files: Vec<_> = manifests.iter().map(|path| path.display().to_string()).collect();
        let name = match files.as_slice() {
            [] => format!("{} as it is", trace.display()),
            files => format!("{} with {}", trace.display(), files.join(" and ")),
        };
        Source { name, kind: Kind::Memory(storage) }
    };
    Ok(Sides { a: source(a?, &what_if.manifests), b: source(b?, &what_if.against) })
}

/// Replays a trace into memory, and what was said of its manifests.
fn made(replayed: &Replayed) -> Result<(MemoryStorage, Vec<String>), CliError> {
    let said = Said::default();
    let plan = replayed.plan(&said)?;
    let mut reader = tape::reader(&replayed.trace)?;
    let storage = MemoryStorage::new();
    let mut writer = Writer::create_in(Box::new(storage.clone()), &Options::output())?;
    let outcome = replay::replay(&mut reader, plan, &mut writer, &mut |_, _| {});
    outcome.map_err(|error| plan::failure(&replayed.trace, error))?;
    writer.close()?;
    Ok((storage, said.take()))
}
