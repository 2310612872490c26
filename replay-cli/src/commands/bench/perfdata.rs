//! Results in the form that Kubernetes' performance dashboard reads (`perftype.PerfData`).

use serde_json::{Value, json};

use super::result::Outcome;

/// All results as one document: durations in milliseconds, rates and sizes beside them.
pub fn of(results: &[Outcome]) -> Value {
    let items: Vec<Value> = results.iter().flat_map(items).collect();
    json!({ "version": "v1", "dataItems": items, "labels": { "benchmark": "kubetape" } })
}

fn items(outcome: &Outcome) -> [Value; 4] {
    let labels = |metric: &str| json!({ "preset": outcome.preset, "Metric": metric });
    let mut seconds = outcome.seconds.clone();
    seconds.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let index = (seconds.len().saturating_sub(1) * percent).div_ceil(100);
        seconds.get(index).map_or(0.0, |seconds| seconds * 1e3)
    };
    [
        json!({
            "data": { "Perc50": outcome.median_seconds * 1e3, "Perc90": at(90), "Perc99": at(99) },
            "unit": "ms",
            "labels": labels("replay"),
        }),
        json!({
            "data": { "Events": outcome.events_per_second, "Syncs": outcome.syncs_per_second },
            "unit": "1/s",
            "labels": labels("throughput"),
        }),
        json!({
            "data": { "InputEvent": outcome.ns_per_input_event },
            "unit": "ns",
            "labels": labels("latency"),
        }),
        json!({
            "data": {
                "PeakRSS": outcome.peak_rss_bytes,
                "Pod": outcome.bytes_per_pod,
                "Event": outcome.bytes_per_event,
            },
            "unit": "bytes",
            "labels": labels("memory"),
        }),
    ]
}
