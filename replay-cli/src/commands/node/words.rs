//! Labels and taints as they are written on the command line.

use kubetape_engine::names::{Effect, Names, Taint};
use kubetape_engine::selector::{is_label_key, is_label_value};

/// Reads `key=value` as a label; for clap.
pub fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("a label is KEY=VALUE")?;
    check_label(key, value)?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Refuses what the API server would refuse.
pub fn check_label(key: &str, value: &str) -> Result<(), String> {
    if !is_label_key(key) {
        return Err(format!(
            "{key:?} is not a label's key: up to 63 letters, digits, '-', '_' and '.', with a letter or digit at \
             both ends, and perhaps a DNS name and '/' before it"
        ));
    }
    if !is_label_value(value) {
        return Err(format!(
            "{value:?} is not a label's value: up to 63 letters, digits, '-', '_' and '.', with a letter or \
             digit at both ends, or nothing"
        ));
    }
    Ok(())
}

/// A taint as it is written.
#[derive(Clone, Debug)]
pub struct TaintArg {
    pub key: String,
    pub value: String,
    pub effect: Effect,
}

impl TaintArg {
    /// The taint, interned.
    pub fn intern(&self, names: &mut Names) -> Taint {
        Taint { key: names.sym(&self.key), value: names.sym(&self.value), effect: self.effect }
    }
}

/// Reads `key=value:Effect` or `key:Effect`; for clap.
pub fn taint_arg(text: &str) -> Result<TaintArg, String> {
    let (label, effect) = text.rsplit_once(':').ok_or("a taint is KEY=VALUE:EFFECT or KEY:EFFECT")?;
    let (key, value) = label.split_once('=').unwrap_or((label, ""));
    check_label(key, value)?;
    Ok(TaintArg { key: key.to_owned(), value: value.to_owned(), effect: effect_arg(effect)? })
}

/// Reads an effect.
pub fn effect_arg(text: &str) -> Result<Effect, String> {
    let known = "NoSchedule, PreferNoSchedule or NoExecute";
    Effect::parse(text).ok_or_else(|| format!("{text:?} is not an effect: write {known}"))
}
