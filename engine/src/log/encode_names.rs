//! From this process's numbers to the log's; new names are collected into a delta.

use super::decode_names::LogNames;
use super::dictionary::{TABLES, Table};
use super::digest::RunHasher;
use super::payload::Delta;
use crate::names::{DocId, Names, NodeId, NodeSpecId, ObjectId, ResourcesId, ShapeId, Sym};

/// The log's numbers of what this process knows, by this process's number; 0 is "not yet".
#[derive(Clone, Default)]
pub(super) struct NameTables {
    numbers: [Vec<u32>; TABLES],
    counts: [u32; TABLES],
}

/// The dictionary while a batch is being encoded.
pub(super) struct EncodeNames<'a> {
    pub names: &'a Names,
    pub tables: &'a mut NameTables,
    pub delta: &'a mut Delta,
    pub hasher: &'a mut RunHasher,
}

impl NameTables {
    /// The tables after everything that a reader has read: what it read is known.
    pub fn after(read: &LogNames) -> NameTables {
        let mut tables = NameTables::default();
        let mut learn = |table: Table, indexes: &mut dyn Iterator<Item = usize>| {
            for index in indexes {
                tables.assign(table, index);
            }
        };
        learn(Table::Symbols, &mut read.symbols.iter().map(|id| id.index()));
        learn(Table::Nodes, &mut read.nodes.iter().map(|id| id.index()));
        learn(Table::Objects, &mut read.objects.iter().map(|id| id.index()));
        learn(Table::Documents, &mut read.documents.iter().map(|id| id.index()));
        learn(Table::Shapes, &mut read.shapes.iter().map(|id| id.index()));
        learn(Table::Resources, &mut read.resources.iter().map(|id| id.index()));
        learn(Table::NodeSpecs, &mut read.node_specs.iter().map(|id| id.index()));
        tables
    }

    /// How many entries each table has.
    pub fn counts(&self) -> [u32; TABLES] {
        self.counts
    }

    /// For each table this process's numbers (from 0) in order of the log's.
    pub fn by_number(&self) -> [Vec<u32>; TABLES] {
        std::array::from_fn(|table| {
            let mut indexes = vec![0; self.counts[table] as usize];
            for (index, &number) in self.numbers[table].iter().enumerate().filter(|(_, number)| **number != 0)
            {
                // Dictionaries are numbered by 32 bits.
                indexes[number as usize - 1] = index as u32;
            }
            indexes
        })
    }

    /// The log's number of a node; 0 if it has none.
    pub fn node_number(&self, node: NodeId) -> u32 {
        self.known(Table::Nodes, node.index()).unwrap_or(0)
    }

    /// The log's number of an object; 0 if it has none.
    pub fn object_number(&self, object: ObjectId) -> u32 {
        self.known(Table::Objects, object.index()).unwrap_or(0)
    }

    fn known(&self, table: Table, index: usize) -> Option<u32> {
        self.numbers[table as usize].get(index).copied().filter(|&number| number != 0)
    }

    fn assign(&mut self, table: Table, index: usize) -> u32 {
        let numbers = &mut self.numbers[table as usize];
        if numbers.len() <= index {
            numbers.resize(index + 1, 0);
        }
        self.counts[table as usize] += 1;
        numbers[index] = self.counts[table as usize];
        self.counts[table as usize]
    }
}

impl EncodeNames<'_> {
    pub fn sym(&mut self, sym: Sym) -> u32 {
        if sym.is_empty() {
            return 0;
        }
        if let Some(number) = self.tables.known(Table::Symbols, sym.index()) {
            return number;
        }
        let text = self.names.text(sym);
        self.delta.symbols.push(text);
        self.hasher.text(Table::Symbols, text);
        self.tables.assign(Table::Symbols, sym.index())
    }

    pub fn node(&mut self, node: NodeId) -> u32 {
        if let Some(number) = self.tables.known(Table::Nodes, node.index()) {
            return number;
        }
        let name = self.sym(self.names.node_sym(node));
        self.enter(Table::Nodes, node.index(), &[name])
    }

    pub fn object(&mut self, object: ObjectId) -> u32 {
        if let Some(number) = self.tables.known(Table::Objects, object.index()) {
            return number;
        }
        let key = self.names.object_key(object);
        let entry = [self.sym(key.kind), self.sym(key.namespace), self.sym(key.name), key.incarnation];
        self.enter(Table::Objects, object.index(), &entry)
    }

    pub fn doc(&mut self, doc: DocId) -> u32 {
        if let Some(number) = self.tables.known(Table::Documents, doc.index()) {
            return number;
        }
        let text = self.names.doc_text(doc);
        self.delta.documents.push(text);
        self.hasher.text(Table::Documents, text);
        self.tables.assign(Table::Documents, doc.index())
    }

    pub fn shape(&mut self, shape: ShapeId) -> u32 {
        if let Some(number) = self.tables.known(Table::Shapes, shape.index()) {
            return number;
        }
        let value = self.names.pod_shape(shape);
        let generation = value.template_generation.unwrap_or(0) as u64;
        let entry = [
            self.doc(value.doc),
            self.sym(value.revision_hash),
            u32::from(value.template_generation.is_some()),
            generation as u32,
            (generation >> 32) as u32,
        ];
        self.enter(Table::Shapes, shape.index(), &entry)
    }

    pub fn resources(&mut self, resources: ResourcesId) -> u32 {
        if let Some(number) = self.tables.known(Table::Resources, resources.index()) {
            return number;
        }
        let amounts = &self.names.resource_list(resources).0;
        let mut entry = vec![amounts.len() as u32];
        for &(name, amount) in amounts {
            entry.extend([self.sym(name), amount as u32, (amount as u64 >> 32) as u32]);
        }
        self.enter(Table::Resources, resources.index(), &entry)
    }

    pub fn node_spec(&mut self, spec: NodeSpecId) -> u32 {
        if let Some(number) = self.tables.known(Table::NodeSpecs, spec.index()) {
            return number;
        }
        let value = self.names.node_spec_of(spec);
        let mut entry = vec![
            value.labels.len() as u32,
            value.taints.len() as u32,
            u32::from(value.unschedulable),
            value.allocatable.map_or(0, |list| self.resources(list)),
        ];
        for &(key, label) in &value.labels {
            entry.extend([self.sym(key), self.sym(label)]);
        }
        for taint in &value.taints {
            entry.extend([self.sym(taint.key), self.sym(taint.value), taint.effect as u32]);
        }
        self.enter(Table::NodeSpecs, spec.index(), &entry)
    }

    fn enter(&mut self, table: Table, index: usize, entry: &[u32]) -> u32 {
        let list = match table {
            Table::Nodes => &mut self.delta.nodes,
            Table::Objects => &mut self.delta.objects,
            Table::Shapes => &mut self.delta.shapes,
            Table::Resources => &mut self.delta.resources,
            Table::NodeSpecs => &mut self.delta.node_specs,
            Table::Symbols | Table::Documents => unreachable!("texts are entered where they are met"),
        };
        list.extend_from_slice(entry);
        self.hasher.entry(table, entry.iter().copied());
        self.tables.assign(table, index)
    }
}
