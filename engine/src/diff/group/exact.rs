//! The search for an expression of up to three terms that selects exactly some nodes.
//!
//! "All of these terms select exactly T" is the same question as "any of their opposites covers exactly the
//! rest". So there is one search, [`Search::cover`]: find few terms that together cover one set and touch
//! nothing of another. It looks at one node that is still to be covered and tries the terms that cover it:
//! one of them has to be in every answer, so nothing is missed.

use super::bits::Bits;
use super::expression::{Expression, Term};
use super::facts::Facts;

/// A property (by its position) and whether its absence is meant.
pub(super) type Literal = (u32, bool);

/// How many words of bits a search may look at before it gives up on three-term mixtures of "and" and "or".
/// Searches among thousands of nodes with hundreds of labels stay far below it.
const BUDGET: u64 = 3_000_000_000;

/// How many answers of one length are looked at to choose the most telling.
const ANSWERS: usize = 64;

pub(super) struct Search<'a> {
    facts: &'a Facts,
    /// Whether terms may name nodes.
    names: bool,
    spent: u64,
}

/// A set to be covered and one not to be touched, with what is known about terms and the latter.
struct Task<'a> {
    untouched: &'a Bits,
    /// Whether the answer will be turned around, so that an absence is to be a presence.
    turned: bool,
    /// Properties that all of `untouched` has: their absence touches nothing of it.
    around: Vec<u32>,
    /// The most that any one term covers.
    most: usize,
    /// Whether a property touches it; unknown until asked.
    touches: rustc_hash::FxHashMap<u32, bool>,
}

impl<'a> Search<'a> {
    pub fn new(facts: &'a Facts) -> Self {
        Search { facts, names: false, spent: 0 }
    }

    /// The most telling of the shortest expressions of up to three terms that select exactly `target` among
    /// the nodes of `universe`.
    pub fn exact(&mut self, target: &Bits, universe: &Bits) -> Option<Expression> {
        let rest = universe.minus(target);
        if rest.is_empty() {
            return Some(Expression::Every);
        }
        if target.is_empty() {
            return None;
        }
        // A list of names is no answer while there is another, except for a single node.
        let first = target.count() == 1;
        [first, true].into_iter().find_map(|names| {
            self.names = names;
            self.shortest(target, &rest, universe)
        })
    }

    fn shortest(&mut self, target: &Bits, rest: &Bits, universe: &Bits) -> Option<Expression> {
        for terms in 1..=3 {
            let mut found: Vec<(Cost, Expression)> = Vec::new();
            for literals in self.cover(rest, target, terms, true) {
                let opposites = literals.iter().map(|&(fact, negated)| (fact, !negated)).collect();
                found.push(self.plain(opposites, Expression::All));
            }
            if terms > 1 {
                for literals in self.cover(target, rest, terms, false) {
                    found.push(self.plain(literals, Expression::Any));
                }
            }
            // `zone in (a,b)` says more than that it is neither c nor d.
            let absences = |(cost, _): &(Cost, _)| cost.iter().filter(|literal| literal.1).count();
            if terms == 3 && found.iter().all(|answer| absences(answer) > 1) {
                self.mixed(target, universe, &mut found);
            }
            if let Some(best) = found.into_iter().min_by(|x, y| x.0.cmp(&y.0)) {
                return Some(best.1);
            }
        }
        None
    }

    fn plain(&self, mut literals: Vec<Literal>, make: fn(Vec<Term>) -> Expression) -> (Cost, Expression) {
        literals.sort_unstable_by_key(|literal| self.cost_of(*literal));
        let cost = self.cost(&literals);
        (cost, make(literals.iter().map(|&(fact, negated)| self.facts.term(fact, negated)).collect()))
    }

    /// Expressions with both "and" and "or": a term, narrowed by either of two, and a term, widened by two
    /// together. The second is the first with everything turned around.
    fn mixed(&mut self, target: &Bits, universe: &Bits, found: &mut Vec<(Cost, Expression)>) {
        let rest = universe.minus(target);
        for (wanted, unwanted, turned) in [(target, &rest, false), (&rest, target, true)] {
            for first in self.around(wanted, universe) {
                let narrowed = self.facts.select(first.0, first.1, unwanted);
                if narrowed.is_empty() || self.spent > BUDGET || found.len() >= ANSWERS {
                    continue;
                }
                for pair in self.cover(wanted, &narrowed, 2, turned) {
                    let &[x, y] = pair.as_slice() else { continue };
                    let turn = |literal: Literal| (literal.0, literal.1 != turned);
                    let (first, mut pair) = (turn(first), [turn(x), turn(y)]);
                    pair.sort_unstable_by_key(|literal| self.cost_of(*literal));
                    let cost = self.cost(&[first, pair[0], pair[1]]);
                    let term = |literal: Literal| self.facts.term(literal.0, literal.1);
                    let make = if turned { Expression::AnyAll } else { Expression::AllAny };
                    found.push((cost, make(term(first), pair.map(term))));
                }
            }
        }
    }

    /// Terms that hold for all of a set but not for all of the universe.
    fn around(&mut self, set: &Bits, universe: &Bits) -> Vec<Literal> {
        let mut literals = Vec::new();
        let Some(node) = set.first() else { return literals };
        let others = universe.minus(set);
        for fact in 0..self.facts.len() as u32 {
            if self.facts.get(fact).is_name && !self.names {
                continue;
            }
            self.spent += set.0.len() as u64;
            let has = self.facts.has(fact, node);
            if has && self.facts.contains(fact, set) && !self.facts.contains(fact, &others) {
                literals.push((fact, false));
            } else if !has && self.facts.is_disjoint(fact, set) && !self.facts.is_disjoint(fact, &others) {
                literals.push((fact, true));
            }
        }
        literals
    }

    /// Sets of up to `terms` terms of which one at least holds for each node of `wanted`, and none for any of
    /// `untouched` (which is not empty). None of the sets is missed but for those in which a term could be
    /// exchanged for one that covers more.
    fn cover(&mut self, wanted: &Bits, untouched: &Bits, terms: usize, turned: bool) -> Vec<Vec<Literal>> {
        let Some(node) = untouched.first() else { return Vec::new() };
        let around = self.facts.of_node(node).iter().copied();
        let around: Vec<u32> = around.filter(|&fact| self.facts.contains(fact, untouched)).collect();
        self.spent += (self.facts.of_node(node).len() * untouched.0.len()) as u64;
        let mut task = Task { untouched, turned, around, most: 0, touches: rustc_hash::FxHashMap::default() };
        task.most = if terms > 2 { self.most(&mut task, wanted) } else { usize::MAX };
        let (mut chosen, mut found) = (Vec::new(), Vec::new());
        self.cover_rest(&mut task, wanted, terms, &mut chosen, &mut found);
        found
    }

    fn cover_rest(
        &mut self,
        task: &mut Task<'_>,
        wanted: &Bits,
        terms: usize,
        chosen: &mut Vec<Literal>,
        found: &mut Vec<Vec<Literal>>,
    ) {
        if found.len() >= ANSWERS {
            return;
        }
        let candidates = self.candidates(task, wanted, terms);
        for (literal, covered) in candidates {
            chosen.push(literal);
            let rest = wanted.minus(&covered);
            if rest.is_empty() {
                found.push(chosen.clone());
            } else if terms > 1 {
                self.cover_rest(task, &rest, terms - 1, chosen, found);
            }
            chosen.pop();
        }
    }

    /// The terms that can come next, with what they cover of `wanted`: those that hold for one node of it,
    /// touch nothing that must not be touched, and are not outdone by another one.
    fn candidates(&mut self, task: &mut Task<'_>, wanted: &Bits, terms: usize) -> Vec<(Literal, Bits)> {
        let size = wanted.count();
        // Any node will do; one that few terms hold for leaves less to try.
        let step = (size / 4).max(1);
        let samples = wanted.iter().step_by(step).take(4);
        let literals = samples.map(|node| self.literals(task, node)).min_by_key(Vec::len).unwrap_or_default();
        let mut candidates = Vec::with_capacity(literals.len());
        for literal in literals {
            self.spent += 2 * wanted.0.len() as u64;
            let covered = self.facts.select(literal.0, literal.1, wanted);
            let count = covered.count();
            // What is left has to be within reach of the terms that are left.
            if size - count <= task.most.saturating_mul(terms - 1) {
                candidates.push((literal, covered, count));
            }
        }
        candidates.sort_by_key(|(literal, _, count)| {
            (std::cmp::Reverse(*count), self.cost_of((literal.0, literal.1 != task.turned)))
        });
        let mut kept: Vec<(Literal, Bits)> = Vec::new();
        for (literal, covered, _) in candidates {
            // The last term has nothing to leave to another, so all that do are kept to choose from.
            if terms == 1 || !kept.iter().any(|(_, other)| covered.is_subset(other)) {
                kept.push((literal, covered));
            }
            self.spent += (kept.len() * wanted.0.len()) as u64;
        }
        kept
    }

    /// The most of a set that any term covers without touching what must not be touched.
    fn most(&mut self, task: &mut Task<'_>, wanted: &Bits) -> usize {
        let mut most = 0;
        for fact in 0..self.facts.len() as u32 {
            if self.facts.get(fact).members.len() > most && !self.touches(task, fact) {
                most = most.max(self.facts.select(fact, false, wanted).count());
            }
        }
        for &fact in &task.around {
            most = most.max(self.facts.select(fact, true, wanted).count());
        }
        self.spent += ((self.facts.len() + task.around.len()) * wanted.0.len()) as u64;
        most
    }

    fn touches(&mut self, task: &mut Task<'_>, fact: u32) -> bool {
        *task.touches.entry(fact).or_insert_with(|| {
            self.spent += task.untouched.0.len() as u64;
            !self.facts.is_disjoint(fact, task.untouched)
        })
    }

    fn literals(&mut self, task: &mut Task<'_>, node: u32) -> Vec<Literal> {
        let absent =
            task.around.iter().filter(|&&fact| !self.facts.has(fact, node)).map(|&fact| (fact, true));
        let mut literals: Vec<Literal> = absent.collect();
        for &fact in self.facts.of_node(node) {
            if self.facts.get(fact).is_name && !self.names {
                continue;
            }
            if !self.touches(task, fact) {
                literals.push((fact, false));
            }
        }
        literals
    }

    fn cost(&self, literals: &[Literal]) -> Cost {
        let mut cost: Vec<_> = literals.iter().map(|literal| self.cost_of(*literal)).collect();
        cost.sort_unstable_by(|x, y| y.cmp(x));
        cost
    }

    /// How little a term says: naming one node least, then absences, then by the order of properties.
    fn cost_of(&self, (fact, negated): Literal) -> (bool, bool, u32) {
        (self.facts.get(fact).members.len() == 1, negated, fact)
    }
}

type Cost = Vec<(bool, bool, u32)>;
