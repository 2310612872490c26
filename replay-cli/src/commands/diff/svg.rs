use super::model::{Chart,Document};
use kubetape_engine::diff::Comparison;
use kubetape_engine::names::Names;
pub fn charts(_c:&Comparison,_d:&Document,_a:&Names,_b:&Names)->Vec<Chart>{Vec::new()}
