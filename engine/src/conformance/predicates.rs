//! Should a node run a DaemonSet's pod, and may one that is there stay.

use serde_json::{Value, json};

use super::{Runner, Tally, difference, id, objects};
use crate::names::Names;
use crate::selector::{Eligibility, Placement};

/// Runs pairs of a DaemonSet and a node.
///
/// Recordings are made with the feature gate for `Lt` and `Gt` tolerations off or on, and do not say which. It
/// shows in what the API server made of the DaemonSets: it accepts such tolerations only with the gate on.
/// Where it accepted none, the gate was off. Pairs with such tolerations are answered both ways, and the
/// answer is chosen when the file is at its end.
#[derive(Debug, Default)]
pub struct Predicates {
    gate_on: bool,
    /// Id, and what comes of the case with the gate off and on.
    undecided: Vec<(String, [Result<(), String>; 2])>,
}

impl Runner for Predicates {
    fn run(&mut self, case: &Value, tally: &mut Tally) -> Result<(), String> {
        let id = id(case);
        let template = case.pointer("/daemonSet/spec/template/spec").cloned().unwrap_or_default();
        let compares = template
            .pointer("/tolerations")
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|t| matches!(objects::text(t, "/operator"), "Lt" | "Gt")));
        let template = serde_json::from_value(template).map_err(|e| format!("daemonSet: {e}"))?;
        let mut names = Names::new();
        let mut placement = Placement::compile(&template, &mut names);
        let mut answer = |gate| {
            placement.comparison_tolerations = gate;
            compare(&placement, case, &mut names)
        };
        if !compares {
            tally.count(&id, answer(false)?);
            return Ok(());
        }
        self.gate_on |= case.get("apiValid").and_then(Value::as_bool).unwrap_or(false);
        self.undecided.push((id, [answer(false)?, answer(true)?]));
        Ok(())
    }

    fn finish(&mut self, tally: &mut Tally) {
        for (id, [off, on]) in self.undecided.drain(..) {
            tally.count(&id, if self.gate_on { on } else { off });
        }
    }
}

fn compare(placement: &Placement, case: &Value, names: &mut Names) -> Result<Result<(), String>, String> {
    let node = case.get("node").ok_or("no node")?;
    let spec = objects::node_spec(node, names);
    let name = names.sym(objects::name(node));
    let got = placement.eligibility(name, &spec.labels, &spec.taints, names);
    let expected = Eligibility {
        should_run: expected(case, "shouldRun")?,
        should_continue: expected(case, "shouldContinueRunning")?,
    };
    if got == expected {
        return Ok(Ok(()));
    }
    let show =
        |e: Eligibility| json!({ "shouldRun": e.should_run, "shouldContinueRunning": e.should_continue });
    Ok(Err(difference(&format!("node {}", objects::name(node)), &show(expected), &show(got))))
}

fn expected(case: &Value, field: &str) -> Result<bool, String> {
    case.pointer(&format!("/expect/{field}")).and_then(Value::as_bool).ok_or(format!("no expect.{field}"))
}
