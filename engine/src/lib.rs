//! kubetape engine: an event-sourced simulation of Kubernetes DaemonSets.
//!
//! # The one idea: a tape with tracks
//!
//! Everything that happens in a cluster is an [event](event::Event) on one ordered [log]. Every event says who caused
//! it: its [track](event::Track). Machines and the people who run them are on `cluster`, whoever runs kubectl is on
//! `user`, every controller, the scheduler and the kubelets have a track of their own. A *trace* is a log with at least
//! the first two; a *run* has all of them, and so has a recording of a real cluster, whose decisions real controllers
//! made. There is one file format, one reader, one diff.
//!
//! To [replay] a log is to choose, track by track, whether it is played back from the log or simulated by the engine's
//! own [actor](actors). Playing back everything is a pure fold: the state at any moment. Comparing a recording with its
//! own replay is the test of fidelity.
//!
//! Here two workers join, a DaemonSet wants one of them, and the replay finds out which:
//!
//! ```
//! use kubetape_engine::event::{Body, Event, Track};
//! use kubetape_engine::log::Identity;
//! use kubetape_engine::names::{Names, NodeSpec};
//! use kubetape_engine::replay::{Events, Injection, Plan, replay};
//! use kubetape_engine::time::{ApiSeconds, Time};
//! use kubetape_engine::{apply, manifest};
//!
//! // The trace: what machines did.
//! let mut names = Names::new();
//! let mut trace = Vec::new();
//! for (second, name, pool) in [(0, "worker-1", "web"), (1, "worker-2", "gpu")] {
//!     let (name, key, value) = (names.sym(name), names.sym("pool"), names.sym(pool));
//!     let node = names.node(name);
//!     let spec = names.node_spec(NodeSpec { labels: vec![(key, value)], ..NodeSpec::default() });
//!     let body = Body::NodeJoined { node, spec, created: ApiSeconds(second) };
//!     trace.push(Event::new(ApiSeconds(second).start(), Track::Cluster, body));
//! }
//!
//! // What a person does on top of it, through the same strict door as in `kubetape apply`.
//! let yaml = "
//! apiVersion: apps/v1
//! kind: DaemonSet
//! metadata: {name: agent}
//! spec:
//!   selector: {matchLabels: {app: agent}}
//!   template:
//!     metadata: {labels: {app: agent}}
//!     spec:
//!       nodeSelector: {pool: gpu}
//!       containers: [{name: main, image: agent:1}]
//! ";
//! let decoded = manifest::decode("agent.yaml", yaml.as_bytes());
//! let deed = Box::new(move |cluster: &_, names: &mut _| {
//!     Ok(apply::apply(&decoded, "default", cluster, names)?.bodies)
//! });
//! let injections = vec![Injection { at: Some(Time(5_000_000)), deed }];
//!
//! // Everything else is simulated, in virtual time, until nothing is under way any more.
//! let plan = Plan { names, injections, ..Plan::default() };
//! let mut identity = Identity::new();
//! let (world, summary) = replay(&mut Events(trace), plan, &mut identity, &mut |_, _| {})?;
//!
//! assert!(summary.settled);
//! let (_, pod) = world.cluster.pods().next().expect("one node fits");
//! assert_eq!(pod.node.map(|node| world.names.node_name(node)), Some("worker-2"));
//! assert!(pod.ready);
//! # Ok::<(), kubetape_engine::replay::ReplayError>(())
//! ```
//!
//! # Where things are
//!
//! Dependencies point up this list: a module knows those above it and none below.
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`], [`names`], [`quantity`] | moments and API seconds; interned names and dense ids; amounts |
//! | [`saved`] | state as bytes, for checkpoints |
//! | [`event`] | the vocabulary: every event, its track, its cause |
//! | [`log`] | the file: format, writer, reader, recovery, checkpoints, the index of what frames touch |
//! | [`selector`] | label selectors, node affinity and tolerations, compiled |
//! | [`cluster`] | the state that events fold into |
//! | [`disruption`], [`drain`] | what disruption budgets allow; which pods a drain takes from a node |
//! | [`manifest`], [`apply`] | the strict door: YAML to what the API server would store, and to events |
//! | [`actors`] | the DaemonSet controller, kube-scheduler, kubelets, node lifecycle, garbage collection |
//! | [`sim`] | virtual time, and the world in which actors act |
//! | [`told`] | events and their causes in words, for those below |
//! | [`replay`], [`diff`] | tracks played back or simulated; what differs between two logs |
//! | [`explain`] | why a pod is, or is not, on a node; what a rollout waits for |
//! | [`shadow`] | a recording's decisions held against what the actors would have decided |
//! | [`settings`], [`calibrate`] | how actors behave; settings learnt from a recording |
//! | [`redact`] | a log without its names, which replays the same |
//! | [`import`], [`synth`], [`conformance`] | recordings made into logs; traces made up; the engine held against Kubernetes' own code |
//!
//! Looking for why a pod was deleted? [`event::Why`] lists the reasons, [`actors::daemonset`] decides on most of them, and
//! the event's cause leads back to what made it so.
//!
//! # Invariants
//!
//! 1. **One way in.** A cluster changes only in [`cluster::Cluster::apply`]. Folding the events of a run gives exactly the
//!    cluster that the run had.
//! 2. **Deterministic.** The same log, settings and seed give the same run, byte for byte, on any machine. Nothing
//!    follows from how a process numbers names. No iteration over hash maps in an output path, no wall clock, no floating
//!    point in a decision. Ties have one order: time, played back before simulated, order of emission.
//! 3. **Level-triggered in meaning.** What a sync decides equals what a full pass over every node would decide.
//! 4. **Nothing acknowledged is lost; nothing damaged is believed.** A commit that returned survives a crash at any byte;
//!    a torn end is cut, and said; damage is an error that names its place.
//! 5. **Bad input is refused with the place and the reason.** There are two doors: a strict one for what people apply, and a
//!    lenient one for what was recorded, because an API server has accepted that before.
//! 6. **Virtual time only.** Timers are exact microseconds; timestamps inside API objects are whole seconds, as in
//!    Kubernetes, and both are different types.
//!
//! Nothing here knows a terminal, a network or the command line.

pub mod actors;
pub mod apply;
pub mod calibrate;
pub mod cluster;
pub mod conformance;
pub mod diff;
pub mod disruption;
pub mod drain;
pub mod event;
pub mod explain;
pub mod import;
pub mod log;
pub mod manifest;
pub mod names;
mod prefetch;
pub mod quantity;
pub mod redact;
pub mod replay;
pub mod saved;
pub mod selector;
pub mod settings;
pub mod shadow;
pub mod sim;
pub mod synth;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;
pub mod told;
