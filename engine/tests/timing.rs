//! How long a stock control plane takes for a thousand nodes: recorded, and simulated with the default settings and
//! kubelets as fast as the recorded ones.
#![allow(clippy::unwrap_used)]

mod common;

use kubetape_engine::calibrate::Calibration;
use kubetape_engine::event::{Body, Event};
use kubetape_engine::names::{Names, ObjectId};
use kubetape_engine::replay::{Events, Plan, Settings, Tracks, replay};
use kubetape_engine::time::{Micros, Time};

use common::{Kept, recording, shared};

/// The DaemonSet of a name.
fn named(names: &Names, object: ObjectId, name: &str) -> bool {
    names.text(names.object_key(object).name) == name
}

/// From the first event of a kind to the moment at which a status says that all pods are there, up to date and
/// available.
fn rollout(
    names: &Names,
    events: &[Event],
    name: &str,
    nodes: u32,
    trigger: impl Fn(&Event) -> bool,
) -> (Time, Micros) {
    let from = events.iter().position(trigger).unwrap();
    let generation = events[..from].iter().filter_map(|event| match event.body {
        Body::StatusWritten { object, status } if named(names, object, name) => {
            Some(status.observed_generation)
        }
        _ => None,
    });
    let known = generation.max().unwrap_or(0);
    let changes = matches!(events[from].body, Body::Applied { .. });
    let done = events[from..].iter().find(|event| match event.body {
        Body::StatusWritten { object, status } if named(names, object, name) => {
            let counts = [status.desired, status.updated, status.available];
            counts == [nodes; 3] && (!changes || status.observed_generation > known)
        }
        _ => false,
    });
    (events[from].at, done.unwrap().at - events[from].at)
}

/// How long each phase took.
fn phases(names: &Names, events: &[Event]) -> [(&'static str, Micros); 4] {
    let applied = |event: &Event, name| match event.body {
        Body::Applied { object, .. } => named(names, object, name),
        _ => false,
    };
    let (rollout_from, initial) = rollout(names, events, "agent", 1_000, |event| applied(event, "agent"));
    let joined = events.iter().find(|event| matches!(event.body, Body::NodeJoined { .. })).unwrap().at;
    let untainted =
        |event: &&Event| matches!(event.body, Body::NodeTaintRemoved { .. }) && event.at < rollout_from;
    let registered = events.iter().rfind(untainted).unwrap().at - joined;
    let stormed =
        |event: &Event| matches!(event.body, Body::NodeLabelSet { key, .. } if names.text(key) == "storm");
    let (storm_from, storm) = rollout(names, events, "selected", 500, stormed);
    let again = |event: &Event| applied(event, "agent") && event.at > storm_from;
    let (_, rolling) = rollout(names, events, "agent", 1_000, again);
    [
        ("registering 1,000 nodes", registered),
        ("initial rollout", initial),
        ("label storm on 500 nodes", storm),
        ("rolling update, maxUnavailable 10 %", rolling),
    ]
}

#[test]
fn a_stock_control_plane_takes_as_long_as_recorded() {
    let Some(folder) = shared("oracle/live/E-1000") else { return };
    let (names, trace) = recording(&folder);
    let mut calibration = Calibration::default();
    trace.iter().for_each(|event| calibration.note(event));
    let learnt = calibration.finish(Settings::default(), &names);
    eprintln!("{}", learnt.settings.document());
    let recorded = phases(&names, &trace);

    // The control plane's limits are the stock ones; only latencies are the recording's.
    let mut settings = learnt.settings;
    settings.daemon_set = Settings::default().daemon_set;
    let play = Tracks::parse("cluster,user").unwrap();
    let plan = Plan { play, names, settings, ..Plan::default() };
    let mut run = Kept::default();
    let (world, _) = replay(&mut Events(trace), plan, &mut run, &mut |_, _| {}).unwrap();
    let simulated = phases(&world.names, &run.0);
    for ((phase, recorded), (_, simulated)) in recorded.iter().zip(&simulated) {
        let percent = (simulated.0 - recorded.0) as f64 * 100.0 / recorded.0 as f64;
        eprintln!("{phase}: recorded {recorded}, simulated {simulated}, {percent:+.1} %");
        assert!(percent.abs() < 10.0, "{phase}: {percent:+.1} %");
    }
}
