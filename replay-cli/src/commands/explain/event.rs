//! An event's causes and effects, in words.

use kubetape_engine::explain::{EffectGroup, EventExplanation};

use super::words::{chain, told};
use crate::error::CliError;
use crate::output::Out;
use crate::output::style::Paint;

pub fn print(explanation: &EventExplanation, out: &mut Out) -> Result<(), CliError> {
    writeln!(out, "{}", out.style.paint(Paint::Strong, &told(&explanation.told)).into_owned())?;
    match explanation.causes.links.is_empty() {
        true => writeln!(
            out,
            "It goes back to nothing in the log: it came from outside, or the log does not say."
        )?,
        false => chain(2, "because of", &explanation.causes, out)?,
    }
    writeln!(out)?;
    if explanation.effects.is_empty() {
        return writeln!(out, "Nothing in the log goes back to it.");
    }
    let (count, until) = (explanation.effect_count, explanation.until);
    let events = if count == 1 { "1 event goes" } else { &format!("{count} events go") };
    let title = format!("{events} back to it, the last at {until}");
    writeln!(out, "{}", out.style.paint(Paint::Strong, &title).into_owned())?;
    for group in &explanation.effects {
        print_group(group, 1, out)?;
    }
    Ok(())
}

fn print_group(group: &EffectGroup, depth: usize, out: &mut Out) -> Result<(), CliError> {
    let indent = depth * 2;
    let nodes = match group.nodes {
        0 | 1 => String::new(),
        nodes => format!(" on {nodes} nodes"),
    };
    let workload = match group.workload.as_str() {
        "" => String::new(),
        workload => format!(" of {workload}"),
    };
    if group.count == 1 {
        writeln!(out, "{:indent$}{}", "", told(&group.first))?;
    } else {
        let (count, kind, until) = (group.count, group.kind, group.until);
        let count = format!("{count} × {kind}");
        let count = out.style.paint(Paint::Strong, &count).into_owned();
        writeln!(out, "{:indent$}{count}{workload}{nodes} until {until}, first {}", "", told(&group.first))?;
    }
    group.effects.iter().try_for_each(|effect| print_group(effect, depth + 1, out))
}
