#![allow(missing_docs)]
use std::io::{BufRead, BufReader};
#[test]
fn show() {
    for l in BufReader::new(flate2::read::GzDecoder::new(
        std::fs::File::open("/work/shared/oracle/validation/cases.jsonl.gz").unwrap(),
    ))
    .lines()
    {
        let c: serde_json::Value = serde_json::from_str(&l.unwrap()).unwrap();
        let m = c["response"]["message"].as_str().unwrap_or("");
        if m.contains("yaml: line") {
            let d = kubetape_engine::manifest::decode_body("x", c["manifest"].as_str().unwrap().as_bytes());
            let r = kubetape_engine::manifest::admit(&d, None, "default").unwrap_err();
            println!(
                "{}\n  want {}\n  got  {} {:?}",
                c["id"],
                &m[60..m.len().min(150)],
                r.message,
                r.problems[0].place
            );
        }
    }
}
