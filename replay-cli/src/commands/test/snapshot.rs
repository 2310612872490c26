//! Placements as a text that reviews well: one line a DaemonSet, one line a pod, nothing that changes by itself.

use kubetape_engine::cluster::{Cluster, Object, Pod};
use kubetape_engine::event::Phase;
use kubetape_engine::log::{Identity, Reader};
use kubetape_engine::names::{Names, PodId, sym};
use kubetape_engine::replay::{self, Summary};
use kubetape_engine::sim::World;

use super::case::Case;
use crate::describe::phase_words;
use crate::error::CliError;
use crate::plan::{self, Said};

const HEADING: &str = "\
# Placements at the end of the run, written by `kubetape test --bless`: review changes like code.
";

/// How many lines of a difference are shown.
pub const SHOWN_MAX: usize = 60;

/// Replays a case and writes down where its pods are.
///
/// # Errors
/// It cannot be replayed.
pub fn of(case: &Case) -> Result<String, CliError> {
    let replayed = &case.replayed;
    let mut reader = Reader::open(&replayed.trace)?;
    let plan = replayed.plan(&Said::default())?;
    let outcome = replay::replay(&mut reader, plan, &mut Identity::new(), &mut |_, _| {});
    let (world, summary) = outcome.map_err(|error| plan::failure(&replayed.trace, error))?;
    Ok(text(&world, &summary))
}

fn text(world: &World, summary: &Summary) -> String {
    let (cluster, names) = (&world.cluster, &world.names);
    let mut text = HEADING.to_owned();
    text += if summary.settled { "settled\n" } else { "not settled\n" };
    for (object, _) in cluster.daemon_sets() {
        text += "\n";
        text += &daemon_set_line(object, names);
        let mut lines: Vec<_> = object
            .pods
            .iter()
            .filter_map(|id| {
                let pod = cluster.pod(*id)?;
                let node = pod.node.map(|node| names.node_name(node)).unwrap_or("<no node>");
                Some((natural(node), pod.made, pod_line(cluster, names, object, *id, &pod, node)))
            })
            .collect();
        lines.sort();
        lines.iter().for_each(|(.., line)| text += line);
    }
    let replica_sets: Vec<_> = cluster.objects_of_kind(sym::REPLICA_SET).collect();
    if !replica_sets.is_empty() {
        text += "\n";
    }
    for object in replica_sets {
        let pods = || object.pods.iter().filter_map(|id| cluster.pod(*id)).filter(|pod| !pod.terminating());
        let ready = pods().filter(|pod| pod.ready).count();
        text +=
            &format!("ReplicaSet {} pods={} ready={ready}\n", names.object_name(object.id), pods().count());
    }
    text
}

fn daemon_set_line(object: &Object, names: &Names) -> String {
    let status = &object.status;
    let mut line = format!(
        "DaemonSet {} desired={} current={} updated={} ready={} available={}",
        names.object_name(object.id),
        status.desired,
        status.current,
        status.updated,
        status.ready,
        status.available
    );
    if status.misscheduled > 0 {
        line += &format!(" misscheduled={}", status.misscheduled);
    }
    line + "\n"
}

fn pod_line(cluster: &Cluster, names: &Names, owner: &Object, id: PodId, pod: &Pod, node: &str) -> String {
    let hash = cluster.pod_revision_hash(id);
    let revisions = owner.revisions.iter().filter_map(|id| cluster.revision(*id));
    let revision =
        revisions.filter(|r| r.present && !hash.is_empty() && r.hash == hash).map(|r| r.number).max();
    let revision = revision.map_or_else(|| "revision ?".to_owned(), |number| format!("revision {number}"));
    let image = cluster.shape(pod.shape).map(|shape| names.text(shape.image)).unwrap_or_default();
    let owner = names.object_name(owner.id);
    format!("{owner} on {node}: {revision}, {image}, {}\n", state(pod))
}

fn state(pod: &Pod) -> &'static str {
    match pod.phase {
        _ if pod.terminating() => "Terminating",
        Phase::Running if pod.ready => "Ready",
        Phase::Running => "NotReady",
        Phase::Pending if !pod.bound => "Unscheduled",
        phase => phase_words(phase),
    }
}

/// A name with its numbers widened, so that worker-10 comes after worker-9.
fn natural(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 16);
    let mut digits = String::new();
    for c in name.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            text += &format!("{digits:0>20}");
            digits.clear();
        }
        text.push(c);
    }
    text
}

/// Whether two texts say the same: comments and blank lines do not count.
pub fn same(a: &str, b: &str) -> bool {
    lines(a).eq(lines(b))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// Lines that are in one text alone, in the order of the texts.
pub struct LineDiff {
    /// `-` for expected and not found, `+` for found and not expected.
    pub lines: Vec<(char, String)>,
}

impl LineDiff {
    /// Compares two texts. Each line of a text is in it once.
    pub fn of(expected: &str, found: &str) -> LineDiff {
        let (expected, found): (Vec<_>, Vec<_>) = (lines(expected).collect(), lines(found).collect());
        let (in_expected, in_found): (std::collections::BTreeSet<_>, std::collections::BTreeSet<_>) =
            (expected.iter().collect(), found.iter().collect());
        let (mut list, mut at) = (Vec::new(), 0);
        for line in &expected {
            if in_found.contains(line) {
                while let Some(new) = found.get(at)
                    && new != line
                {
                    if !in_expected.contains(new) {
                        list.push(('+', (*new).to_owned()));
                    }
                    at += 1;
                }
            } else {
                list.push(('-', (*line).to_owned()));
            }
        }
        let rest = found[at..].iter().filter(|line| !in_expected.contains(line));
        list.extend(rest.map(|line| ('+', (*line).to_owned())));
        LineDiff { lines: list }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: &str, found: &str) -> String {
        let lines = LineDiff::of(expected, found).lines;
        lines.iter().map(|(sign, line)| format!("{sign}{line}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn differences_stand_where_they_belong() {
        assert_eq!(shown("a\nb\nc\n", "a\nx\nc\n"), "-b +x");
        assert_eq!(shown("a\n", "a\nb\n"), "+b");
        assert_eq!(shown("a\nb\n", "b\n"), "-a");
        assert_eq!(shown("a\nb\nc\nd\n", "b\nd\ne\n"), "-a -c +e");
        assert_eq!(shown("# comment\n\na\n", "a\n"), "");
    }

    #[test]
    fn lines_in_another_order_are_not_the_same() {
        assert!(same("a\nb\n", "# c\na\n\nb\n"));
        assert!(!same("a\nb\n", "b\na\n"));
    }

    #[test]
    fn numbers_in_names_count_as_numbers() {
        let mut names = ["worker-10", "worker-9", "worker", "a2b10", "a2b9"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["a2b9", "a2b10", "worker", "worker-9", "worker-10"]);
    }
}
