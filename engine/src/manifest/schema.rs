//! The fields of every kind that users apply, as one table: name, Go type, and when the API omits them.
//!
//! The tables are in `schema/*.txt`, a type per block:
//! ```text
//! ContainerPort
//!   hostPort int32
//!   containerPort int32 !
//! ```
//! Types are Go's: `*T` may be absent, `[]T`, `map[string]T`, `string:Protocol` (a named string; errors
//! name it). `!` marks a field that is written even when it is empty, `0` one that is left out when zero
//! although it is a structure.

use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// The table; the six parts refer to one another.
const TABLES: [&str; 6] = [
    include_str!("schema/meta.txt"),
    include_str!("schema/volumes.txt"),
    include_str!("schema/container.txt"),
    include_str!("schema/pod.txt"),
    include_str!("schema/workloads.txt"),
    include_str!("schema/cluster.txt"),
];

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Int32,
    Int64,
    /// A string, named or not.
    Text,
    Quantity,
    IntOrString,
    Time,
    MicroTime,
    /// Any JSON.
    Raw,
    Pointer(Box<Type>),
    List(Box<Type>),
    Map(Box<Type>),
    Struct(&'static str),
}

/// One field of a [`Struct`].
#[derive(Debug)]
pub(crate) struct Field {
    /// Its JSON name.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Its type as Go prints it in errors: `[]v1.Container`.
    pub go: String,
    /// Written even when empty.
    pub always: bool,
    /// A structure that is left out when it is zero.
    pub omit_zero: bool,
}

/// A structure type.
#[derive(Debug)]
pub(crate) struct Struct {
    /// Its Go name, which is also its name in the table.
    pub name: &'static str,
    /// Its fields in the order of Go's declaration.
    pub fields: Vec<Field>,
    by_name: FxHashMap<&'static str, usize>,
}

impl Struct {
    /// The field with this JSON name, case-sensitively.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.by_name.get(name).map(|&i| &self.fields[i])
    }
}

/// The structure type of this name; `None` if the table has none.
pub(crate) fn lookup(name: &str) -> Option<&'static Struct> {
    static SCHEMA: OnceLock<FxHashMap<&'static str, Struct>> = OnceLock::new();
    SCHEMA.get_or_init(read).get(name)
}

fn read() -> FxHashMap<&'static str, Struct> {
    let mut types = FxHashMap::default();
    let mut current: Option<Struct> = None;
    for line in TABLES.iter().flat_map(|t| t.lines()) {
        match line.strip_prefix("  ") {
            None => {
                if let Some(done) = current.take() {
                    types.insert(done.name, done);
                }
                current = Some(Struct { name: line, fields: Vec::new(), by_name: FxHashMap::default() });
            }
            Some(line) => {
                let mut words = line.split(' ');
                let (Some(name), Some(ty), Some(current)) = (words.next(), words.next(), current.as_mut())
                else {
                    continue;
                };
                let flag = words.next();
                let field = Field {
                    name,
                    ty: parse(ty),
                    go: go_name(ty.trim_start_matches('*')),
                    always: flag == Some("!"),
                    omit_zero: flag == Some("0"),
                };
                current.by_name.insert(name, current.fields.len());
                current.fields.push(field);
            }
        }
    }
    if let Some(done) = current {
        types.insert(done.name, done);
    }
    types
}

fn parse(ty: &'static str) -> Type {
    if let Some(inner) = ty.strip_prefix('*') {
        return Type::Pointer(Box::new(parse(inner)));
    }
    if let Some(inner) = ty.strip_prefix("[]") {
        return Type::List(Box::new(parse(inner)));
    }
    if let Some(inner) = ty.strip_prefix("map[string]") {
        return Type::Map(Box::new(parse(inner)));
    }
    match ty.split_once(':').map_or(ty, |(base, _)| base) {
        "string" => Type::Text,
        "bool" => Type::Bool,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "Quantity" => Type::Quantity,
        "IntOrString" => Type::IntOrString,
        "Time" => Type::Time,
        "MicroTime" => Type::MicroTime,
        "Raw" => Type::Raw,
        _ => Type::Struct(ty),
    }
}

/// How Go prints the type.
fn go_name(ty: &str) -> String {
    if let Some(inner) = ty.strip_prefix('*') {
        return format!("*{}", go_name(inner));
    }
    if let Some(inner) = ty.strip_prefix("[]") {
        return format!("[]{}", go_name(inner));
    }
    if let Some((_, named)) = ty.split_once(':') {
        return if named.contains('.') { named.to_owned() } else { format!("v1.{named}") };
    }
    if let Some(inner) = ty.strip_prefix("map[string]") {
        return format!("map[string]{}", go_name(inner));
    }
    match ty {
        "string" | "bool" | "int32" | "int64" => ty.to_owned(),
        "Quantity" => "resource.Quantity".to_owned(),
        "IntOrString" => "intstr.IntOrString".to_owned(),
        other => format!("v1.{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(ty: &Type) -> Option<&'static str> {
        match ty {
            Type::Pointer(inner) | Type::List(inner) | Type::Map(inner) => leaf(inner),
            Type::Struct(name) => Some(name),
            _ => None,
        }
    }

    #[test]
    fn every_type_that_is_mentioned_exists() {
        for ty in read().values() {
            for field in &ty.fields {
                if let Some(name) = leaf(&field.ty) {
                    assert!(lookup(name).is_some(), "{}.{} refers to {name}", ty.name, field.name);
                }
            }
        }
    }

    #[test]
    fn go_names_are_those_of_error_texts() {
        let pod = lookup("PodSpec").unwrap();
        assert_eq!(pod.field("containers").unwrap().go, "[]v1.Container");
        assert_eq!(pod.field("overhead").unwrap().go, "v1.ResourceList");
        assert_eq!(pod.field("nodeSelector").unwrap().go, "map[string]string");
        assert_eq!(pod.field("restartPolicy").unwrap().go, "v1.RestartPolicy");
        assert_eq!(lookup("ObjectMeta").unwrap().field("uid").unwrap().go, "types.UID");
    }

    /// A value of every type, every field set.
    fn sample(ty: &Type, depth: usize) -> serde_json::Value {
        use serde_json::json;
        match ty {
            Type::Bool => json!(true),
            Type::Int32 | Type::Int64 => json!(7),
            Type::Text => json!("x"),
            Type::Quantity => json!("1"),
            Type::IntOrString => json!(3),
            Type::Time => json!("2026-01-02T03:04:05Z"),
            Type::MicroTime => json!("2026-01-02T03:04:05.000000Z"),
            Type::Raw => json!({"a": 1}),
            Type::Pointer(inner) => sample(inner, depth),
            Type::List(inner) => json!([sample(inner, depth)]),
            Type::Map(inner) => json!({"k": sample(inner, depth)}),
            Type::Struct(name) => {
                assert!(depth < 20, "{name} contains itself");
                let ty = lookup(name).unwrap();
                ty.fields.iter().map(|f| (f.name.to_owned(), sample(&f.ty, depth + 1))).collect()
            }
        }
    }

    fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(kind: &str, api_version: &str) {
        let mut all = sample(&Type::Struct(lookup(kind).unwrap().name), 0);
        all["kind"] = kind.into();
        all["apiVersion"] = api_version.into();
        let typed: T = serde_json::from_value(all.clone()).unwrap();
        let back = serde_json::to_value(&typed).unwrap();
        // Whatever the typed crate knows, the table knows, and the other way round.
        assert_eq!(back, all, "{kind}");
    }

    #[test]
    fn the_table_agrees_with_the_typed_crate() {
        use k8s_openapi::api::{apps::v1 as apps, core::v1 as core, policy::v1 as policy};
        round_trip::<apps::DaemonSet>("DaemonSet", "apps/v1");
        round_trip::<apps::ReplicaSet>("ReplicaSet", "apps/v1");
        round_trip::<apps::Deployment>("Deployment", "apps/v1");
        round_trip::<apps::ControllerRevision>("ControllerRevision", "apps/v1");
        round_trip::<core::Pod>("Pod", "v1");
        round_trip::<core::Node>("Node", "v1");
        round_trip::<core::Namespace>("Namespace", "v1");
        round_trip::<policy::PodDisruptionBudget>("PodDisruptionBudget", "policy/v1");
        round_trip::<k8s_openapi::api::scheduling::v1::PriorityClass>(
            "PriorityClass",
            "scheduling.k8s.io/v1",
        );
    }
}
