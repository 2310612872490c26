//! `kubetape log redact`: a trace without its names.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubetape_engine::redact::{self, Glob, Key, Rules};

use crate::error::CliError;
use crate::output::Out;
use crate::tape::{self, Output};

/// Where the key is if no file is named.
const KEY_VARIABLE: &str = "KUBETAPE_REDACT_KEY";

const EXAMPLES: &str = "\
Examples:
  # All names, and the values of all labels
  head -c 32 /dev/urandom > key
  kubetape log redact cluster.tape --key key -o shared.tape

  # The nodes' names alone
  kubetape log redact cluster.tape --key key --names 'ip-*.internal' --label-values 'ip-*' -o shared.tape

  # What replays the same? Compare the runs
  kubetape run cluster.tape
  kubetape run shared.tape

What is replaced: names of nodes, objects, pods, namespaces, users, containers, images and volumes that match --names;
keys and values of labels and taints, in nodes, selectors, affinity and tolerations alike, that match --label-keys and
--label-values. Values of environment variables, commands, arguments and annotations always become hashes of themselves:
a change of one stays a change. What Kubernetes itself defines stays (kube-system, *kubernetes.io/* keys), and
so do numbers, times, resources, kinds.

A pseudonym is the name's place in the order of all that are replaced, and its keyed hash: the replay of the redacted
trace makes the same placements, because where Kubernetes leaves an order open kubetape goes by names. The same name
has the same hash in every log that is redacted with the same key; with --no-order a pseudonym is the hash alone, and
the order in which a rollout takes nodes of equal rank may then be another. Keep the key: who has it can try out names.";

/// Replace names by pseudonyms, so that a trace can be shared
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct RedactArgs {
    /// The log; `-` is standard input
    #[arg(value_name = "LOG")]
    file: PathBuf,
    /// The file that holds the secret, of at least 16 bytes; the variable KUBETAPE_REDACT_KEY is used otherwise
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Which names (`*` is any text, `?` any character)
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',', default_value = "*")]
    names: Vec<String>,
    /// Which keys of labels and taints; none if not given
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',')]
    label_keys: Vec<String>,
    /// Which values of labels and taints
    #[arg(long, value_name = "GLOB,...", value_delimiter = ',', default_value = "*")]
    label_values: Vec<String>,
    /// Pseudonyms that do not tell the order of the names, and are the same in every log
    #[arg(long)]
    no_order: bool,
    /// The log to make; `-` is standard output
    #[arg(long, short, value_name = "SHARED")]
    output: PathBuf,
    /// Overwrite SHARED if it exists
    #[arg(long)]
    force: bool,
}

pub fn run(args: &RedactArgs, out: &mut Out) -> Result<ExitCode, CliError> {
    let key = key(args.key.as_deref())?;
    let globs = |patterns: &[String]| patterns.iter().map(|pattern| Glob::new(pattern)).collect();
    let rules = Rules {
        names: globs(&args.names),
        label_keys: globs(&args.label_keys),
        label_values: globs(&args.label_values),
        ordered: !args.no_order,
    };
    // Before anything is made: a log that cannot be read leaves nothing behind.
    tape::reader(&args.file)?;
    let mut output = Output::create(&args.output, args.force, out)?;
    let done = redact::redact(&|| tape::reader(&args.file), &rules, &key, &mut output)?;
    output.finish()?;
    let redact::Redacted { events, replaced, dropped } = done;
    writeln!(
        out,
        "{}: {events} events, {replaced} names and values replaced, {dropped} values hashed",
        args.output.display()
    )?;
    Ok(ExitCode::SUCCESS)
}

fn key(file: Option<&Path>) -> Result<Key, CliError> {
    const SHORTEST: usize = 16;
    let (secret, place) = match file {
        Some(file) => {
            (std::fs::read(file).map_err(|e| CliError::file("read", file, &e))?, file.display().to_string())
        }
        None => match std::env::var(KEY_VARIABLE) {
            Ok(secret) => (secret.into_bytes(), KEY_VARIABLE.to_owned()),
            Err(_) => {
                return Err(CliError::new("a key is needed: without one, anybody could try out names").hint(
                    format!("head -c 32 /dev/urandom > key; then --key key, or put one into {KEY_VARIABLE}"),
                ));
            }
        },
    };
    if secret.len() < SHORTEST {
        return Err(
            CliError::new(format!("the key has {} bytes, and needs {SHORTEST}", secret.len())).at(place)
        );
    }
    Ok(Key::new(&secret))
}
