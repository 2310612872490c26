use super::model::Report; pub fn document(_d:&Report)->String{String::new()}
