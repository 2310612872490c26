//! `kubetape synth`, `bench` and `sweep` as a person runs them.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn kubetape(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubetape"));
    command.current_dir(folder).args(words.split_whitespace()).env_remove("JOB_COMPLETION_INDEX");
    command.output().unwrap()
}

fn succeeds(folder: &Path, words: &str) -> String {
    let output = kubetape(folder, words);
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_seed_makes_the_same_bytes_and_another_seed_others() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let options = "--nodes 30 --daemonsets 4 --changes 200";
    succeeds(folder, &format!("synth -o a.tape {options}"));
    succeeds(folder, &format!("synth -o b.tape {options}"));
    succeeds(folder, &format!("synth -o c.tape {options} --seed 2"));
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(bytes("a.tape"), bytes("b.tape"));
    assert_ne!(bytes("a.tape"), bytes("c.tape"));
    let summary = succeeds(folder, "run a.tape --format json");
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert!(summary.is_object());
}

#[test]
fn failures_from_a_file_are_in_the_trace() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("spot.csv"), "0,remove,a\n5000,add,a\n").unwrap();
    succeeds(folder, "synth -o s.tape --nodes 5 --daemonsets 1 --changes 0 --failures spot.csv");
    let events = succeeds(folder, "show s.tape events --format json");
    assert_eq!(events.lines().filter(|line| line.contains("NodeLeft")).count(), 1, "{events}");
    fs::write(folder.join("bad.csv"), "0,remove,a\n5000,explode,a\n").unwrap();
    let refused = kubetape(folder, "synth -o t.tape --nodes 5 --changes 0 --failures bad.csv");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("bad.csv:2"));
}

#[test]
fn every_preset_is_measured_and_compared_with_a_result_that_was_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = succeeds(folder, "bench --preset all --scale 0.0005 --runs 1 --format json --no-profile");
    let document: Value = serde_json::from_str(&text).unwrap();
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), 9);
    for result in results {
        for field in [
            "preset",
            "median_seconds",
            "input_events",
            "events",
            "events_per_second",
            "ns_per_input_event",
            "creates",
            "deletes",
            "syncs",
            "status_writes",
            "bytes_per_pod",
            "peak_rss_bytes",
            "digest",
        ] {
            assert!(!result[field].is_null(), "{field} of {result}");
        }
        assert!(result["events"].as_u64() >= result["input_events"].as_u64());
    }
    // What another digest says is no matter of speed.
    fs::write(folder.join("same.json"), &text).unwrap();
    let digest = results[0]["digest"].as_str().unwrap();
    fs::write(folder.join("other.json"), text.replace(digest, "0")).unwrap();
    let compared = kubetape(folder, "bench --preset rollout-5k --scale 0.0005 --baseline other.json");
    assert_eq!(compared.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&compared.stdout).contains("different run"));
    let compared = kubetape(folder, "bench --preset rollout-5k --scale 0.0005 --baseline same.json");
    assert!(String::from_utf8_lossy(&compared.stdout).contains("VERDICT"));

    let perfdata = succeeds(folder, "bench --preset label-5k --scale 0.01 --runs 1 --format perfdata");
    let perfdata: Value = serde_json::from_str(&perfdata).unwrap();
    assert_eq!(perfdata["version"], "v1");
    assert!(perfdata["dataItems"][0]["data"]["Perc50"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_preset_from_a_log_into_a_log_is_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let options = "--scale 0.0005 --runs 1 --no-profile --logs --format json";
    let text = succeeds(folder.path(), &format!("bench --preset label-5k --preset rollout-5k {options}"));
    let document: Value = serde_json::from_str(&text).unwrap();
    for result in document["results"].as_array().unwrap() {
        for field in ["memory_seconds", "disk_seconds"] {
            assert!(result["logged"][field].as_f64().unwrap() > 0.0, "{result}");
        }
    }
}

const SWEEP: &str = "sweep --preset churn-1k --preset rollout-5k --scale 0.0002 --seeds 1..3";

#[test]
fn parts_of_a_sweep_merge_into_the_bytes_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for ending in ["csv", "jsonl", "parquet"] {
        succeeds(folder, &format!("{SWEEP} -o whole.{ending} --jobs 2"));
        succeeds(folder, &format!("{SWEEP} -o part-0.{ending} --shard 0/2"));
        let mut indexed = Command::new(env!("CARGO_BIN_EXE_kubetape"));
        let words = format!("{SWEEP} -o part-1.{ending} --shard /2");
        indexed.current_dir(folder).args(words.split_whitespace()).env("JOB_COMPLETION_INDEX", "1");
        assert!(indexed.output().unwrap().status.success());
        succeeds(folder, &format!("sweep --merge part-1.{ending} part-0.{ending} -o merged.{ending}"));
        let bytes = |name: &str| fs::read(folder.join(format!("{name}.{ending}"))).unwrap();
        assert!(bytes("merged") == bytes("whole"), "{ending}");
        let lines = |name: &str| String::from_utf8(bytes(name)).unwrap().lines().count();
        match ending {
            "parquet" => assert!(bytes("whole").starts_with(b"PAR1")),
            _ => assert_eq!(lines("whole"), 6 + usize::from(ending == "csv")),
        }
        assert!(!folder.join(format!("whole.{ending}.partial")).exists());
    }
    let mixed = kubetape(folder, "sweep --merge part-0.csv part-1.parquet -o mixed.csv");
    assert_eq!(mixed.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&mixed.stderr).contains("part-1.parquet"));
    let missing = kubetape(folder, "sweep --merge part-1.csv -o half.csv");
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("missing"));
}

#[test]
fn a_run_that_fails_is_reported_and_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, "synth -o good.tape --nodes 5 --daemonsets 1 --changes 20");
    fs::write(folder.join("bad.tape"), "this is no log").unwrap();
    fs::write(folder.join("fast.json"), r#"{"kubelet":{"start_us":0}}"#).unwrap();
    fs::write(folder.join("wrong.yaml"), "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\n")
        .unwrap();
    let sweep =
        kubetape(folder, "sweep bad.tape good.tape -f wrong.yaml --as-is --settings fast.json -o t.jsonl");
    assert_eq!(sweep.status.code(), Some(1), "{}", String::from_utf8_lossy(&sweep.stderr));
    let text = fs::read_to_string(folder.join("t.jsonl")).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<bool> = rows.iter().map(|row| row["error"] != "").collect();
    assert_eq!(failed, [true, true, false, true], "{text}");
    assert_eq!(rows[2]["settings"], "fast.json");
    assert!(rows[2]["pods"].as_u64().unwrap() > 0);
}

#[test]
fn an_interrupted_sweep_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeeds(folder, &format!("{SWEEP} -o whole.jsonl"));
    let whole = fs::read_to_string(folder.join("whole.jsonl")).unwrap();
    // As it is when the machine went down in the middle of the third line.
    let fails = kubetape(folder, &format!("{SWEEP} -o missing/x.jsonl"));
    assert_eq!(fails.status.code(), Some(2));
    let fingerprint = fingerprint(folder);
    let mut kept: Vec<&str> = whole.lines().take(3).collect();
    kept[2] = &kept[2][..40];
    fs::write(folder.join("again.jsonl.partial"), format!("{fingerprint}\n{}", kept.join("\n"))).unwrap();
    let again = kubetape(folder, &format!("{SWEEP} -o again.jsonl"));
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("2 of 6 runs were made before"), "{said}");
    assert_eq!(fs::read_to_string(folder.join("again.jsonl")).unwrap(), whole);
    // What another sweep has left is not taken for one's own.
    fs::write(folder.join("other.jsonl.partial"), "0123\n").unwrap();
    assert_eq!(kubetape(folder, &format!("{SWEEP} -o other.jsonl")).status.code(), Some(2));
}

/// The fingerprint of [`SWEEP`], out of the journal of one that cannot put its table where a folder is.
fn fingerprint(folder: &Path) -> String {
    fs::create_dir(folder.join("blocked.jsonl")).unwrap();
    fs::write(folder.join("blocked.jsonl/x"), "").unwrap();
    assert!(!kubetape(folder, &format!("{SWEEP} --force -o blocked.jsonl")).status.success());
    let journal = fs::read_to_string(folder.join("blocked.jsonl.partial")).unwrap();
    assert_eq!(journal.lines().count(), 7, "all runs are kept although the table could not be written");
    journal.lines().next().unwrap().to_owned()
}
