//! The report as text, for people.

use std::collections::BTreeMap;

use super::model::{
    CauseRow, ChangeRow, Document, GroupRow, MomentRow, OverTimeRow, PartingRow, Report, StretchRow,
    WorkloadRow,
};
use super::{Args, By, WhenArg, words};
use crate::error::CliError;
use crate::output::style::Paint;
use crate::output::table::Table;
use crate::output::{Out, counted};

/// How many nodes are named in one line unless all are asked for.
const NAMED_MAX: usize = 12;
/// How many causes of one group are told unless all are asked for.
const CAUSES_MAX: usize = 3;

pub fn print(args: &Args, report: &Report, out: &mut Out) -> Result<(), CliError> {
    let document = &report.document;
    let printer =
        Printer { named_max: if args.all { usize::MAX } else { NAMED_MAX }, all: args.all, by: args.by };
    for moment in &document.moments {
        printer.moment(moment, out)?;
    }
    for stretch in &document.timeline {
        printer.stretch(stretch, out)?;
    }
    if !document.same {
        printer.parting(document, out)?;
        printer.over_time(&document.over_time, out)?;
    }
    verdict(args, document, out)?;
    for gate in &document.gates {
        let (word, paint) = if gate.holds { ("holds", Paint::Good) } else { ("BROKEN", Paint::Bad) };
        let word = out.style.paint(paint, word).into_owned();
        writeln!(out, "gate {}: {word}, {}", gate.gate, gate.found)?;
    }
    Ok(())
}

fn verdict(args: &Args, document: &Document, out: &mut Out) -> Result<(), CliError> {
    let (a, b) = (&document.a, &document.b);
    let moments = counted(document.moments.len(), "moment");
    let differing = document.moments.iter().filter(|moment| !moment.same).count();
    match (matches!(args.at, WhenArg::Timeline), document.same) {
        (true, true) => writeln!(out, "{a} and {b} are the same all the time"),
        (true, false) => writeln!(out, "{a} and {b} differ for a time: {}", words::totals(&document.counts)),
        (false, true) => writeln!(out, "{a} and {b} are the same at {moments}"),
        (false, false) => {
            writeln!(
                out,
                "{a} and {b} differ at {differing} of {moments}: {}",
                words::totals(&document.counts)
            )
        }
    }
}

struct Printer {
    named_max: usize,
    all: bool,
    by: By,
}

impl Printer {
    fn moment(&self, moment: &MomentRow, out: &mut Out) -> Result<(), CliError> {
        let at = match moment.at_a == moment.at_b {
            true => moment.at_a.clone(),
            false => format!("{} and {}", moment.at_a, moment.at_b),
        };
        if moment.same {
            let pods: usize = moment.daemon_sets.iter().map(|workload| workload.pods_a).sum();
            let word = out.style.paint(Paint::Good, "same").into_owned();
            return writeln!(out, "{at}: {word}, {}", counted(pods, "placement"));
        }
        let word = out.style.paint(Paint::Bad, "different").into_owned();
        writeln!(out, "{at}: {word}")?;
        if self.by == By::Node {
            return self.nodes(moment, out);
        }
        for workload in moment.daemon_sets.iter().filter(|workload| !workload.same) {
            head("DaemonSet", workload, out)?;
            for revision in workload.revisions.iter().filter(|revision| revision.pods_a != revision.pods_b) {
                let (name, a, b) = (&revision.revision, revision.pods_a, revision.pods_b);
                writeln!(out, "    revision {name}: {a} -> {b}")?;
            }
            workload.changes.iter().try_for_each(|change| self.change(change, out))?;
        }
        for workload in moment.replica_sets.iter().filter(|workload| !workload.same) {
            head("ReplicaSet", workload, out)?;
            if workload.pods_a == workload.pods_b {
                let nodes: Vec<String> = workload.placements.iter().map(|p| p.node.clone()).collect();
                writeln!(out, "    ~ other pods on {}: {}", counted(nodes.len(), "node"), self.some(&nodes))?;
            }
        }
        Ok(())
    }

    fn some(&self, nodes: &[String]) -> String {
        let more = if nodes.len() > self.named_max { " (--all names them)" } else { "" };
        format!("{}{more}", words::some(nodes, self.named_max))
    }

    fn change(&self, change: &ChangeRow, out: &mut Out) -> Result<(), CliError> {
        for group in &change.groups {
            self.group(change.change, group, out)?;
            self.causes(&group.causes, group.changed, out)?;
            let unexplained = group.causes.iter().all(|cause| cause.decided == "created");
            if unexplained || change.change == "pending" {
                reasons(group, 8, out)?;
            }
        }
        if !matches!(change.change, "lost" | "gained") {
            let shown = if self.all { usize::MAX } else { CAUSES_MAX };
            for row in change.from_to.iter().take(shown) {
                let nodes = match change.from_to.len() {
                    1 => String::new(),
                    _ => format!("{}: ", counted(row.nodes, "node")),
                };
                writeln!(out, "        {nodes}{} -> {}", row.from, row.to)?;
            }
        }
        Ok(())
    }

    fn group(&self, change: &str, group: &GroupRow, out: &mut Out) -> Result<(), CliError> {
        let (sign, word) = words::change(change);
        let head = out.style.paint(paint(sign), &format!("{sign} {word}")).into_owned();
        writeln!(out, "    {head} {}: {}", words::group(group, change), self.some(&group.nodes))
    }

    fn causes(&self, causes: &[CauseRow], of: usize, out: &mut Out) -> Result<(), CliError> {
        let shown = if self.all { usize::MAX } else { CAUSES_MAX };
        for cause in causes.iter().take(shown) {
            writeln!(out, "        {}", words::cause(cause, of))?;
        }
        match causes.len().saturating_sub(shown) {
            0 => Ok(()),
            more => writeln!(out, "        and for {} (--all tells them)", counted(more, "more reason")),
        }
    }

    /// What happened on each node; nodes on which the same happened are told together.
    fn nodes(&self, moment: &MomentRow, out: &mut Out) -> Result<(), CliError> {
        let mut by_node: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for workload in &moment.daemon_sets {
            for placement in &workload.placements {
                let (sign, word) = words::change(placement.change);
                let what = format!("{sign} {}/{} {word}", workload.namespace, workload.name);
                by_node.entry(&placement.node).or_default().push(what);
            }
        }
        let mut alike: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
        for (node, what) in by_node {
            alike.entry(what).or_default().push(node.to_owned());
        }
        let mut alike: Vec<_> = alike.into_iter().collect();
        alike.sort_by_key(|(_, nodes)| std::cmp::Reverse(nodes.len()));
        for (what, nodes) in alike {
            let names = self.some(&nodes);
            match nodes.len() {
                1 => writeln!(out, "  {names}")?,
                many => writeln!(out, "  {many} nodes: {names}")?,
            }
            for line in what {
                let line = out.style.paint(paint(&line[..1]), &line).into_owned();
                writeln!(out, "    {line}")?;
            }
        }
        Ok(())
    }

    fn stretch(&self, stretch: &StretchRow, out: &mut Out) -> Result<(), CliError> {
        let range = |first: &str, last: &str| match first == last {
            true => first.to_owned(),
            false => format!("{first}..{last}"),
        };
        let from = range(&stretch.from, &stretch.from_last);
        let to = match (&stretch.to, &stretch.to_last) {
            (Some(to), Some(last)) => range(to, last),
            _ => "the end".to_owned(),
        };
        let (sign, word) = words::change(stretch.change);
        let word = out.style.paint(paint(sign), &format!("{sign} {word}")).into_owned();
        writeln!(out, "{from} to {to}")?;
        for group in &stretch.groups {
            let nodes = words::group(group, stretch.change);
            writeln!(out, "  {word} {} {nodes}: {}", stretch.daemon_set, self.some(&group.nodes))?;
            reasons(group, 6, out)?;
        }
        self.causes(&stretch.causes, stretch.nodes, out)
    }

    fn parting(&self, document: &Document, out: &mut Out) -> Result<(), CliError> {
        if let Some(parting) = &document.first_event {
            let title = format!("The first event that differs is #{}", parting.event);
            self.both(&title, [&parting.a, &parting.b], out)?;
        }
        if let Some(parting) = &document.first_decision {
            let (set, node) = (&parting.daemon_set, &parting.node);
            let title = format!("The first decision that differs is about {set} on {node}");
            self.both(&title, [&parting.a, &parting.b], out)?;
        }
        Ok(())
    }

    fn both(&self, title: &str, sides: [&Option<PartingRow>; 2], out: &mut Out) -> Result<(), CliError> {
        writeln!(out, "\n{}", out.style.paint(Paint::Strong, title).into_owned())?;
        for (side, parting) in ["A", "B"].into_iter().zip(sides) {
            let Some(parting) = parting else {
                writeln!(out, "  {side}: nothing more")?;
                continue;
            };
            writeln!(out, "  {side}: {}", crate::commands::explain::words::told(&parting.event))?;
            for line in words::chain(&parting.because) {
                writeln!(out, "       {line}")?;
            }
        }
        words::alike(sides[0], sides[1]).map_or(Ok(()), |note| writeln!(out, "  {note}"))
    }

    fn over_time(&self, rows: &[OverTimeRow], out: &mut Out) -> Result<(), CliError> {
        let mut table = Table::new(["DAEMONSET", "OVER TIME", "A", "B"]);
        let mut any = false;
        for row in rows.iter().filter(|row| self.all || !row.same) {
            for (index, figure) in words::figures(row, self.all).into_iter().enumerate() {
                let name = if index == 0 { row.daemon_set.as_str() } else { "" };
                table.row([name.into(), figure.what.into(), figure.a.into(), figure.b.into()]);
                any = true;
            }
        }
        writeln!(out)?;
        if any {
            table.print(out)?;
            writeln!(out)?;
        }
        Ok(())
    }
}

fn head(kind: &str, workload: &WorkloadRow, out: &mut Out) -> Result<(), CliError> {
    let WorkloadRow { namespace, name, pods_a, pods_b, .. } = workload;
    writeln!(out, "  {kind} {namespace}/{name}: {} -> {pods_b}", counted(*pods_a, "pod"))
}

fn paint(sign: &str) -> Paint {
    match sign {
        "-" => Paint::Bad,
        "+" => Paint::Good,
        _ => Paint::Warn,
    }
}

/// What keeps pods off the nodes of a group, a line each.
fn reasons(group: &GroupRow, indent: usize, out: &mut Out) -> Result<(), CliError> {
    for reason in &group.reasons {
        let nodes = match group.nodes.len() {
            1 => String::new(),
            _ => format!(" ({})", counted(reason.nodes, "node")),
        };
        writeln!(out, "{:indent$}in {}: {}{nodes}", "", reason.side, reason.text)?;
    }
    Ok(())
}
