//! Changed nodes, grouped by what they have in common.
//!
//! A list of a thousand nodes is not an answer; `pool=gpu` is. Exact expressions come first: the shortest one
//! among all nodes, then among the nodes that could have changed, then a few that are exact together; only
//! then the closest, with its error.

mod approximate;
mod bits;
mod exact;
mod expression;
mod facts;

#[cfg(test)]
mod tests;

pub use expression::{Expression, InState, Property, TaintEffect, Term};
pub use facts::Facts;

use bits::Bits;
use exact::Search;

/// How many expressions may share the changed nodes among them before the closest single one is preferred.
const GROUPS: usize = 4;

/// Some nodes, described by what they have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// How many nodes changed.
    pub changed: usize,
    /// What they have in common, the largest group first.
    pub groups: Vec<Group>,
    /// Changed nodes that no group has, sorted.
    pub rest: Vec<String>,
}

/// Nodes that an expression selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The expression.
    pub expression: Expression,
    /// Other properties that exactly the same nodes have, if the expression is a single property.
    pub synonyms: Vec<Term>,
    /// Among which nodes it was looked for.
    pub among: Among,
    /// How many of them it selects.
    pub selected: usize,
    /// How many of those changed.
    pub changed: usize,
    /// The changed nodes that it selects, sorted.
    pub nodes: Vec<String>,
}

/// Among which nodes an expression holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Among {
    /// All nodes of both states.
    AllNodes,
    /// The nodes that could have changed: for lost placements those that had one, for gained placements those
    /// that had none.
    Candidates,
}

impl Grouping {
    /// Whether the groups select exactly the changed nodes.
    pub fn is_exact(&self) -> bool {
        self.rest.is_empty() && self.groups.iter().all(|group| group.selected == group.changed)
    }
}

/// Describes some nodes. `candidates` are the nodes that could have been among them. Both are sorted. Nodes
/// that neither state has are left in the rest. Takes time proportional to nodes times properties of a node,
/// and more with the number of terms that it takes.
pub fn group<'n>(
    facts: &Facts,
    changed: impl IntoIterator<Item = &'n str>,
    candidates: impl IntoIterator<Item = &'n str>,
) -> Grouping {
    let (target, unknown) = facts.set(changed.into_iter());
    let (candidates, _) = facts.set(candidates.into_iter());
    let universes =
        [(Among::AllNodes, Bits::full(facts.node_count())), (Among::Candidates, candidates.or(&target))];
    let (among, found) = describe(facts, &target, &universes);
    let universe = &universes[among as usize].1;
    let mut grouping = Grouping { changed: target.count() + unknown.len(), ..Grouping::default() };
    let mut left = target.clone();
    for (expression, selected) in found {
        left = left.minus(&selected);
        grouping.groups.push(make_group(facts, expression, among, &selected.and(universe), &target));
    }
    grouping.groups.sort_by_key(|group| std::cmp::Reverse(group.changed));
    grouping.rest = facts.names_of(&left).chain(unknown).collect();
    grouping.rest.sort_unstable();
    grouping
}

/// The expressions that describe a set best, with the nodes that each selects.
fn describe(
    facts: &Facts,
    target: &Bits,
    universes: &[(Among, Bits); 2],
) -> (Among, Vec<(Expression, Bits)>) {
    if target.is_empty() {
        return (Among::AllNodes, Vec::new());
    }
    // Where all nodes are candidates, there is nothing to be looked for twice.
    let universes = if universes[0].1 == universes[1].1 { &universes[..1] } else { &universes[..] };
    for (among, universe) in universes {
        if let Some(expression) = Search::new(facts).exact(target, universe) {
            return (*among, vec![(expression, target.clone())]);
        }
    }
    for (among, universe) in universes {
        if let Some(groups) = approximate::several(facts, target, universe, GROUPS) {
            return (*among, groups);
        }
    }
    let closest = universes.iter().filter_map(|(among, universe)| {
        let (expression, selected) = approximate::closest(facts, target, universe)?;
        let error = selected.minus(target).count() + target.minus(&selected).count();
        Some((error, *among, expression, selected))
    });
    match closest.min_by_key(|(error, among, ..)| (*error, *among)) {
        Some((_, among, expression, selected)) => (among, vec![(expression, selected)]),
        None => (Among::AllNodes, Vec::new()),
    }
}

fn make_group(facts: &Facts, expression: Expression, among: Among, selected: &Bits, target: &Bits) -> Group {
    let synonyms = match &expression {
        Expression::All(terms) if terms.len() == 1 => facts.synonyms(&terms[0]),
        _ => Vec::new(),
    };
    let both = selected.and(target);
    Group {
        expression,
        synonyms,
        among,
        selected: selected.count(),
        changed: both.count(),
        nodes: facts.names_of(&both).collect(),
    }
}
