//! Tolerations, after `core/v1.Toleration.ToleratesTaint`.

use k8s_openapi::api::core::v1;
use serde::{Deserialize, Serialize};

use crate::names::{Effect, Names, Sym, Taint, sym};

/// A compiled toleration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Toleration {
    /// `None` tolerates every key.
    pub key: Option<Sym>,
    /// How values are compared.
    pub operator: TolerationOperator,
    /// The value to compare with.
    pub value: Sym,
    /// `None` tolerates every effect.
    pub effect: ToleratedEffect,
    /// How long a NoExecute taint is tolerated; `None` for ever. Does not matter to placement.
    pub seconds: Option<i64>,
}

/// Which effects are tolerated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ToleratedEffect {
    /// An empty effect: all of them.
    Any,
    /// This one.
    Only(Effect),
    /// A text that is no effect tolerates none.
    None,
}

/// How a toleration compares values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TolerationOperator {
    /// Equal values; also the empty operator.
    Equal,
    /// Any value.
    Exists,
    /// The taint's value is the smaller integer; only with the alpha gate `TaintTolerationComparisonOperators`.
    Lt,
    /// The taint's value is the greater integer; only with the same gate.
    Gt,
    /// A text that is no operator tolerates nothing.
    Unknown,
}

impl Toleration {
    /// Compiles a toleration.
    pub fn compile(toleration: &v1::Toleration, names: &mut Names) -> Self {
        let key = toleration.key.as_deref().filter(|key| !key.is_empty()).map(|key| names.sym(key));
        let operator = match toleration.operator.as_deref().unwrap_or_default() {
            "" | "Equal" => TolerationOperator::Equal,
            "Exists" => TolerationOperator::Exists,
            "Lt" => TolerationOperator::Lt,
            "Gt" => TolerationOperator::Gt,
            _ => TolerationOperator::Unknown,
        };
        let value = names.sym(toleration.value.as_deref().unwrap_or_default());
        let effect = match toleration.effect.as_deref().unwrap_or_default() {
            "" => ToleratedEffect::Any,
            text => Effect::parse(text).map_or(ToleratedEffect::None, ToleratedEffect::Only),
        };
        Toleration { key, operator, value, effect, seconds: toleration.toleration_seconds }
    }

    /// Whether a taint is tolerated. `comparison` is the gate `TaintTolerationComparisonOperators`.
    pub fn tolerates(&self, taint: &Taint, comparison: bool, names: &Names) -> bool {
        let effect = match self.effect {
            ToleratedEffect::Any => true,
            ToleratedEffect::Only(effect) => effect == taint.effect,
            ToleratedEffect::None => false,
        };
        if !effect || self.key.is_some_and(|key| key != taint.key) {
            return false;
        }
        let integers = || {
            let both = (canonical_int(names.text(taint.value))?, canonical_int(names.text(self.value))?);
            comparison.then_some(both)
        };
        match self.operator {
            TolerationOperator::Equal => self.value == taint.value,
            TolerationOperator::Exists => true,
            TolerationOperator::Lt => integers().is_some_and(|(taint, bound)| taint < bound),
            TolerationOperator::Gt => integers().is_some_and(|(taint, bound)| taint > bound),
            TolerationOperator::Unknown => false,
        }
    }
}

/// A decimal int64 without plus sign or leading zeros.
fn canonical_int(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// The tolerations of a daemon pod: the template's, with those that the controller adds, after
/// `AddOrUpdateDaemonPodTolerations`.
pub fn daemon_tolerations(template: &[Toleration], host_network: bool) -> Vec<Toleration> {
    let mut tolerations = template.to_vec();
    let automatic = [
        (sym::TAINT_NOT_READY, Effect::NoExecute),
        (sym::TAINT_UNREACHABLE, Effect::NoExecute),
        (sym::TAINT_DISK_PRESSURE, Effect::NoSchedule),
        (sym::TAINT_MEMORY_PRESSURE, Effect::NoSchedule),
        (sym::TAINT_PID_PRESSURE, Effect::NoSchedule),
        (sym::TAINT_UNSCHEDULABLE, Effect::NoSchedule),
        (sym::TAINT_NETWORK_UNAVAILABLE, Effect::NoSchedule),
    ];
    let count = if host_network { automatic.len() } else { automatic.len() - 1 };
    for &(key, effect) in &automatic[..count] {
        add_or_update(&mut tolerations, key, effect);
    }
    tolerations
}

fn add_or_update(tolerations: &mut Vec<Toleration>, key: Sym, effect: Effect) {
    let added = Toleration {
        key: Some(key),
        operator: TolerationOperator::Exists,
        value: Sym::EMPTY,
        effect: ToleratedEffect::Only(effect),
        seconds: None,
    };
    let mut found = false;
    for toleration in tolerations.iter_mut() {
        if (Toleration { seconds: None, ..*toleration }) == added {
            *toleration = added;
            found = true;
        }
    }
    if !found {
        tolerations.push(added);
    }
}
