//! Damaged and strange input for everything of kubetape that reads: it answers, with a result or an error, and never
//! panics; and no log that was damaged is believed.
//!
//! ```text
//! kubetape-fuzz TARGET [--seconds N] [--executions N] [--seed N]
//! kubetape-fuzz all --seconds 5
//! ```
//!
//! Inputs are made from the seeds in `engine/fuzz/seeds/`: bytes are changed, parts left out, doubled, swapped, joined with
//! another seed's; JSON is changed by its structure, and logs by their frames, with all checksums made right again. The same
//! seed number makes the same inputs. An input that fails is kept in the working folder, and the exit status is 1.

#![allow(clippy::print_stdout)] // What it prints is what it is run for.

mod json;
mod random;
mod tape;
mod targets;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use random::Random;
use targets::Target;

/// What was asked for.
struct Asked {
    targets: Vec<Target>,
    time: Duration,
    executions: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(why) => {
            eprintln!("{why}\nusage: kubetape-fuzz TARGET|all [--seconds N] [--executions N] [--seed N]");
            eprintln!("targets: {}", Target::ALL.map(Target::name).join(", "));
            return ExitCode::from(2);
        }
    };
    let mut failed = false;
    for &target in &asked.targets {
        failed |= !fuzz(target, &asked);
    }
    ExitCode::from(u8::from(failed))
}

fn asked(mut args: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked =
        Asked { targets: Vec::new(), time: Duration::from_secs(10), executions: u64::MAX, seed: 1 };
    while let Some(arg) = args.next() {
        let mut number = || -> Result<u64, String> {
            let text = args.next().ok_or(format!("{arg} wants a number"))?;
            text.parse().map_err(|_| format!("{arg} wants a number, not {text}"))
        };
        match arg.as_str() {
            "--seconds" => asked.time = Duration::from_secs(number()?),
            "--executions" => (asked.executions, asked.time) = (number()?, Duration::MAX),
            "--seed" => asked.seed = number()?,
            "all" => asked.targets.extend(Target::ALL),
            name => {
                let target = Target::ALL.into_iter().find(|target| target.name() == name);
                asked.targets.push(target.ok_or(format!("there is no target {name}"))?);
            }
        }
    }
    if asked.targets.is_empty() { Err("which target?".into()) } else { Ok(asked) }
}

/// Runs a target for the time that was asked for. Says whether nothing failed.
fn fuzz(target: Target, asked: &Asked) -> bool {
    const REPORT_EVERY: Duration = Duration::from_secs(60);
    let mut fuzzer = target.fuzzer();
    let mut random = Random::new(asked.seed);
    let (started, mut reported) = (Instant::now(), Instant::now());
    let mut done = 0;
    // The message of a panic is printed where it happens; the input is kept below.
    while done < asked.executions {
        if done % 64 == 0 && started.elapsed() >= asked.time {
            break;
        }
        if done % 4096 == 0 && reported.elapsed() >= REPORT_EVERY {
            println!("{}: {done} executions so far", target.name());
            reported = Instant::now();
        }
        let input = fuzzer.input(&mut random);
        match catch_unwind(AssertUnwindSafe(|| fuzzer.execute(&input))) {
            Ok(Ok(())) => {}
            Ok(Err(why)) => return kept(target, &input, &why),
            Err(_) => return kept(target, &input, "it panicked"),
        }
        done += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{}: {done} executions in {seconds:.1} s, nothing failed ({})", target.name(), fuzzer.told());
    true
}

fn kept(target: Target, input: &targets::Input, why: &str) -> bool {
    let path = format!("fuzz-{}.failed", target.name());
    let place = match std::fs::write(&path, &input.bytes) {
        Ok(()) => format!("the input is in {path}"),
        Err(e) => format!("the input could not be kept: {e}"),
    };
    println!("{}: FAILED: {why}; {place}", target.name());
    false
}
