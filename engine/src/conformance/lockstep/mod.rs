//! Scenarios in which controller and environment take turns, compared round by round.
//!
//! A round has three phases: the controller acts, then the scheduler, then garbage collector and kubelets.
//! What the actors of a phase write, the others see after it. The environment's actors are as simple as the
//! recording's were; the controller is the real one.

mod book;
mod compare;
mod garbage;
mod hashes;
mod kubelet;
mod ops;
mod order;
mod record;
mod rules;
mod scenario;
mod scheduler;

use serde_json::Value;

use super::{Runner, Tally, id};

/// Runs scenarios.
#[derive(Debug)]
pub struct Lockstep;

impl Runner for Lockstep {
    fn run(&mut self, case: &Value, tally: &mut Tally) -> Result<(), String> {
        let mut scenario = scenario::Scenario::load(case)?;
        let verdict = match scenario.play(case) {
            Ok(played) => compare::steps(case.get("expect").unwrap_or(&Value::Null), &played),
            Err(reason) => Err(reason),
        };
        tally.count(&id(case), verdict);
        Ok(())
    }
}
