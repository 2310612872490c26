//! Nodes: joined, left, labels, taints, cordon, capacity, conditions, silence.

use super::author::Author;
use super::{NodeKnown, Weaver};
use crate::event::{Body, ConditionStatus, Event, Flags, Track};
use crate::import::audit::Act;
use crate::import::error::ImportError;
use crate::import::sighting::{ConditionView, NodeView};
use crate::names::{Effect, NodeId, Sym, Taint, sym};

/// Taints that the node lifecycle controller writes from conditions and cordon.
fn is_lifecycle_taint(key: Sym) -> bool {
    matches!(
        key,
        sym::TAINT_NOT_READY
            | sym::TAINT_UNREACHABLE
            | sym::TAINT_UNSCHEDULABLE
            | sym::TAINT_MEMORY_PRESSURE
            | sym::TAINT_DISK_PRESSURE
            | sym::TAINT_PID_PRESSURE
            | sym::TAINT_NETWORK_UNAVAILABLE
    )
}

fn usual_author(key: Sym) -> Track {
    if is_lifecycle_taint(key) { Track::Lifecycle } else { Track::Cluster }
}

impl Weaver<'_> {
    pub(super) fn node_first(&mut self, view: NodeView) -> Result<NodeKnown, ImportError> {
        let node = self.names.node(self.here.name);
        let created = self.here.created.unwrap_or(self.here.at.api_seconds());
        let author = self.author(Act::Create, Track::Cluster);
        self.emit(&author, Body::NodeJoined { node, spec: view.spec, created })?;
        let ready = view.conditions.iter().find(|c| c.condition == sym::READY);
        if ready.is_some_and(|ready| ready.status == ConditionStatus::Unknown) {
            self.emit(&author, Body::NodeSilent { node })?;
        }
        for condition in &view.conditions {
            let track = condition_track(condition);
            self.emit(&Author { track, ..author }, condition_set(node, condition))?;
        }
        let at = self.here.at;
        Ok(NodeKnown { node, view, joined: at, posted: at })
    }

    pub(super) fn node_changed(
        &mut self,
        mut known: NodeKnown,
        view: NodeView,
    ) -> Result<NodeKnown, ImportError> {
        let events = self.out.len();
        let node = known.node;
        if known.view.spec != view.spec {
            self.node_spec_changed(node, &known.view, &view)?;
        }
        self.node_conditions_changed(&mut known, &view)?;
        if self.out.len() == events {
            let same = known.view.annotations == view.annotations;
            if same {
                known.posted = self.here.at;
            }
            self.report.drop_one(if same {
                "Node: heartbeat, or nothing that is kept"
            } else {
                "Node: annotations only"
            });
        }
        Ok(NodeKnown { view, ..known })
    }

    fn node_spec_changed(&mut self, node: NodeId, old: &NodeView, new: &NodeView) -> Result<(), ImportError> {
        let old = self.names.node_spec_of(old.spec).clone();
        let new = self.names.node_spec_of(new.spec).clone();
        if old.labels != new.labels {
            let author = self.author(Act::Change, Track::Cluster);
            for &(key, _) in old.labels.iter().filter(|l| !new.labels.iter().any(|n| n.0 == l.0)) {
                self.emit(&author, Body::NodeLabelRemoved { node, key })?;
            }
            for &(key, value) in new.labels.iter().filter(|label| !old.labels.contains(label)) {
                self.emit(&author, Body::NodeLabelSet { node, key, value })?;
            }
        }
        if old.unschedulable != new.unschedulable {
            let author = self.author(Act::Change, Track::Cluster);
            let cordoned = new.unschedulable;
            self.emit(
                &author,
                if cordoned { Body::NodeCordoned { node } } else { Body::NodeUncordoned { node } },
            )?;
        }
        if old.taints != new.taints {
            self.node_taints_changed(node, &old.taints, &new.taints)?;
        }
        match new.allocatable {
            Some(allocatable) if old.allocatable != new.allocatable => {
                let author = self.author(Act::Status, Track::Cluster);
                self.emit(&author, Body::NodeCapacitySet { node, allocatable })
            }
            _ => Ok(()),
        }
    }

    fn node_taints_changed(&mut self, node: NodeId, old: &[Taint], new: &[Taint]) -> Result<(), ImportError> {
        let id = |taint: &Taint| (taint.key, taint.effect);
        let removed: Vec<(Sym, Effect)> =
            old.iter().map(id).filter(|gone| !new.iter().any(|taint| id(taint) == *gone)).collect();
        for (key, effect) in removed {
            let author = self.author(Act::Change, usual_author(key));
            self.emit(&author, Body::NodeTaintRemoved { node, key, effect })?;
        }
        for &taint in new.iter().filter(|taint| !old.contains(taint)) {
            let author = self.author(Act::Change, usual_author(taint.key));
            self.emit(&author, Body::NodeTaintAdded { node, taint })?;
        }
        Ok(())
    }

    fn node_conditions_changed(&mut self, known: &mut NodeKnown, new: &NodeView) -> Result<(), ImportError> {
        let changed: Vec<ConditionView> = new
            .conditions
            .iter()
            .filter(|condition| !known.view.conditions.contains(condition))
            .copied()
            .collect();
        if known.view.conditions.iter().any(|c| !new.conditions.iter().any(|n| n.condition == c.condition)) {
            self.report.drop_one("Node: condition taken away");
        }
        for condition in changed {
            if condition.condition == sym::READY {
                self.node_ready_changed(known, &condition)?;
            }
            let author = self.author(Act::Status, condition_track(&condition));
            if author.track == Track::Cluster {
                known.posted = self.here.at;
            }
            self.emit(&author, condition_set(known.node, &condition))?;
        }
        Ok(())
    }

    /// A node that stops posting is seen only when its grace period has passed and somebody else writes that it
    /// is Unknown; the silence itself began so much earlier.
    fn node_ready_changed(&mut self, known: &NodeKnown, ready: &ConditionView) -> Result<(), ImportError> {
        let before = known.view.conditions.iter().find(|c| c.condition == sym::READY).map(|c| c.status);
        let (was_silent, is_silent) =
            (before == Some(ConditionStatus::Unknown), ready.status == ConditionStatus::Unknown);
        let node = known.node;
        if is_silent && !was_silent {
            let at = (self.here.at - self.node_grace).max(known.posted).max(known.joined).min(self.here.at);
            let silent =
                Event { flags: Flags::INFERRED, ..Event::new(at, Track::Cluster, Body::NodeSilent { node }) };
            self.report.infer_one("NodeSilent, from Ready=Unknown less the grace period");
            self.apply(&silent)?;
            self.silences.push(silent);
        } else if was_silent && !is_silent {
            let returned = Event {
                flags: Flags::INFERRED,
                ..Event::new(self.here.at, Track::Cluster, Body::NodeReturned { node })
            };
            self.report.infer_one("NodeReturned, from Ready no longer Unknown");
            self.apply(&returned)?;
            self.out.push(returned);
        }
        Ok(())
    }

    pub(super) fn node_left(&mut self, known: &NodeKnown) -> Result<(), ImportError> {
        let author = self.author(Act::Delete, Track::Cluster);
        self.emit(&author, Body::NodeLeft { node: known.node })
    }
}

/// Unknown is what others write of a kubelet that is silent.
fn condition_track(condition: &ConditionView) -> Track {
    if condition.status == ConditionStatus::Unknown { Track::Lifecycle } else { Track::Cluster }
}

fn condition_set(node: NodeId, c: &ConditionView) -> Body {
    Body::NodeConditionSet {
        node,
        condition: c.condition,
        status: c.status,
        reason: c.reason,
        since: c.since,
    }
}
