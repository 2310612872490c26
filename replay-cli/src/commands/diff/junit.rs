use super::model::Document; pub fn document(_d:&Document)->String{String::new()}
