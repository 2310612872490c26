//! What nodes have in common where no short expression selects exactly them.

use std::collections::BTreeSet;

use super::bits::Bits;
use super::exact::Literal;
use super::expression::Expression;
use super::facts::Facts;

/// How many unfinished expressions are carried on at each length.
const BEAM: usize = 24;

/// How many literals are tried to lengthen an expression.
const LITERALS: usize = 96;

/// An expression with the nodes that it selects.
#[derive(Clone)]
struct Candidate {
    literals: Vec<Literal>,
    any: bool,
    selected: Bits,
    error: usize,
}

/// The expression of up to three terms that errs about the fewest nodes, as far as a beam search sees; `None`
/// if it errs about as many nodes as it gets right.
pub(super) fn closest(facts: &Facts, target: &Bits, universe: &Bits) -> Option<(Expression, Bits)> {
    let literals = promising(facts, target, universe, LITERALS);
    let mut beam: Vec<Candidate> = Vec::new();
    for &literal in &literals {
        let selected = facts.select(literal.0, literal.1, universe);
        beam.push(candidate(vec![literal], false, selected, target));
    }
    trim(&mut beam);
    let mut best = beam.first()?.clone();
    for _ in 2..=3 {
        let mut longer = Vec::new();
        for start in &beam {
            for &literal in literals.iter().filter(|literal| !start.literals.contains(literal)) {
                let more: Vec<Literal> = start.literals.iter().copied().chain([literal]).collect();
                if start.literals.len() == 1 || !start.any {
                    let selected = facts.select(literal.0, literal.1, &start.selected);
                    longer.push(candidate(more.clone(), false, selected, target));
                }
                if start.literals.len() == 1 || start.any {
                    let selected = start.selected.or(&facts.select(literal.0, literal.1, universe));
                    longer.push(candidate(more, true, selected, target));
                }
            }
        }
        trim(&mut longer);
        match longer.first() {
            // A longer expression has to be a better one.
            Some(first) if first.error < best.error => best = first.clone(),
            _ => break,
        }
        beam = longer;
    }
    let right = best.selected.count_and(target);
    (best.error < right).then(|| (expression(facts, &best.literals, best.any), best.selected))
}

/// Up to `most` expressions that together cover `target` and select nothing else of `universe`, each as many
/// nodes as possible; `None` if those that were found do not cover all.
pub(super) fn several(
    facts: &Facts,
    target: &Bits,
    universe: &Bits,
    most: usize,
) -> Option<Vec<(Expression, Bits)>> {
    let mut rest = target.clone();
    let mut groups = Vec::new();
    while !rest.is_empty() {
        if groups.len() == most {
            return None;
        }
        let (literals, covered) = purest(facts, &rest, target, universe)?;
        rest = rest.minus(&covered);
        groups.push((expression(facts, &literals, false), covered));
    }
    Some(groups)
}

/// The conjunction of up to three terms that selects only nodes of `target`, and the most of `rest`.
fn purest(facts: &Facts, rest: &Bits, target: &Bits, universe: &Bits) -> Option<(Vec<Literal>, Bits)> {
    let literals = promising(facts, rest, universe, LITERALS);
    let mut beam: Vec<(Vec<Literal>, Bits)> = vec![(Vec::new(), universe.clone())];
    for _ in 1..=3 {
        let mut longer: Vec<(Vec<Literal>, Bits)> = Vec::new();
        for (start, selected) in &beam {
            for &literal in literals.iter().filter(|literal| !start.contains(literal)) {
                let narrowed = facts.select(literal.0, literal.1, selected);
                if narrowed.count_and(rest) > 0 {
                    longer.push((start.iter().copied().chain([literal]).collect(), narrowed));
                }
            }
        }
        // A group of one says no more than the node's name would.
        let pure = longer.iter().filter(|(_, s)| s.is_subset(target) && s.count_and(rest) > 1);
        let gain = |(literals, selected): &&(Vec<Literal>, Bits)| {
            (std::cmp::Reverse(selected.count_and(rest)), literals.clone())
        };
        if let Some(best) = pure.min_by_key(gain) {
            return Some(best.clone());
        }
        longer.sort_by_cached_key(|(literals, selected)| {
            let wrong = selected.minus(target).count() as i64;
            (wrong - selected.count_and(rest) as i64, literals.clone())
        });
        longer.truncate(BEAM);
        beam = longer;
    }
    None
}

fn candidate(literals: Vec<Literal>, any: bool, selected: Bits, target: &Bits) -> Candidate {
    let error = selected.minus(target).count() + target.minus(&selected).count();
    Candidate { literals, any, selected, error }
}

fn trim(beam: &mut Vec<Candidate>) {
    beam.sort_by(|x, y| (x.error, &x.literals, x.any).cmp(&(y.error, &y.literals, y.any)));
    beam.truncate(BEAM);
}

/// The properties (and absences) that alone err least, the best first.
fn promising(facts: &Facts, target: &Bits, universe: &Bits, most: usize) -> Vec<Literal> {
    let mut met: BTreeSet<u32> = BTreeSet::new();
    for node in target.iter() {
        met.extend(facts.of_node(node));
    }
    let (wanted, all) = (target.count(), universe.count());
    let mut scored: Vec<(usize, bool, u32)> = Vec::new();
    // Names are left to the list of the rest.
    for fact in (0..facts.len() as u32).filter(|&fact| !facts.get(fact).is_name) {
        let has = if met.contains(&fact) { facts.select(fact, false, target).count() } else { 0 };
        let selected = facts.select(fact, false, universe).count();
        let error = |right: usize, selected: usize| (wanted - right) + (selected - right);
        if has > 0 {
            scored.push((error(has, selected), false, fact));
        }
        if has < wanted && selected > 0 {
            scored.push((error(wanted - has, all - selected), true, fact));
        }
    }
    scored.sort_unstable();
    scored.truncate(most);
    scored.into_iter().map(|(_, negated, fact)| (fact, negated)).collect()
}

fn expression(facts: &Facts, literals: &[Literal], any: bool) -> Expression {
    let terms = literals.iter().map(|&(fact, negated)| facts.term(fact, negated)).collect();
    if any { Expression::Any(terms) } else { Expression::All(terms) }
}
