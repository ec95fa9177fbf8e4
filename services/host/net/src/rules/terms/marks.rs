//! Maps from addresses to the marks of connections.

use nftables::expr::{Elem, Expression, Map as Lookup, NamedExpression, SetItem};
use nftables::schema::{Element, FlushObject, Map, NfCmd, NfListObject, SetFlag, SetType, SetTypeValue};
use nftables::stmt::{Mangle, Statement};

use super::{TableWriter, Term, Value, compare, conntrack, field, number, text};
use crate::names::Pin;

/// Addresses that a map may hold; more than one guest may have (see `names`), whose old ones the kernel removes in its
/// own time.
const SIZE: u32 = 8192;

impl TableWriter {
    /// Adds a map without elements; those that are added end by themselves.
    pub(in crate::rules) fn address_marks(&mut self, name: &'static str) {
        let map = Map {
            flags: Some([SetFlag::Timeout].into()),
            size: Some(SIZE),
            ..self.name_map(name)
        };
        self.batch.add(NfListObject::Map(Box::new(map)));
    }

    /// Empties a map.
    pub(in crate::rules) fn forget_addresses(&mut self, name: &'static str) {
        let map = Box::new(self.name_map(name));
        self.batch.add_cmd(NfCmd::Flush(FlushObject::Map(map)));
    }

    /// Adds elements to a map.
    pub(in crate::rules) fn mark_addresses(&mut self, name: &'static str, pins: &[Pin]) {
        if let Some(elements) = self.elements(name, pins, element) {
            self.batch.add(elements);
        }
    }

    /// Removes elements from a map, all of which it has.
    pub(in crate::rules) fn unmark_addresses(&mut self, name: &'static str, pins: &[Pin]) {
        let key = |pin: &Pin| pair(text(pin.address), pin.mark);
        if let Some(elements) = self.elements(name, pins, key) {
            self.batch.delete(elements);
        }
    }

    fn elements(
        &self,
        name: &'static str,
        pins: &[Pin],
        write: impl Fn(&Pin) -> Value,
    ) -> Option<NfListObject<'static>> {
        let elements = Element {
            family: self.family,
            table: self.name.clone().into(),
            name: name.into(),
            elem: pins.iter().map(write).collect(),
        };
        (!pins.is_empty()).then_some(NfListObject::Element(elements))
    }

    fn name_map(&self, name: &'static str) -> Map<'static> {
        Map {
            family: self.family,
            table: self.name.clone().into(),
            name: name.into(),
            handle: None,
            set_type: SetTypeValue::Single(SetType::Ipv4Addr),
            map: SetTypeValue::Single(SetType::Mark),
            policy: None,
            flags: None,
            elem: None,
            timeout: None,
            gc_interval: None,
            size: None,
            comment: None,
        }
    }
}

fn pair(address: Value, mark: u32) -> Value {
    Expression::List(vec![address, number(mark)])
}

fn element(pin: &Pin) -> Value {
    let elem = Elem {
        val: Box::new(text(pin.address)),
        timeout: Some(u32::try_from(pin.life.as_secs()).unwrap_or(u32::MAX)),
        ..Elem::default()
    };
    pair(Expression::Named(NamedExpression::Elem(elem)), pin.mark)
}

/// Marks the packet's connection with what the map `name` has for its `address` (`saddr` or `daddr`); if it has nothing,
/// the rest of the rule does not happen.
pub(in crate::rules) fn mark_from(address: &'static str, name: &'static str) -> Term {
    let lookup = Lookup {
        key: field("ip", address),
        data: Expression::String(format!("@{name}").into()),
    };
    Statement::Mangle(Mangle {
        key: conntrack("mark"),
        value: Expression::Named(NamedExpression::Map(Box::new(lookup))),
    })
}

/// The packet's connection has one of these marks.
pub(in crate::rules) fn has_mark(marks: &[u32]) -> Term {
    let marks = marks.iter().map(|mark| SetItem::Element(number(*mark)));
    let any = Expression::Named(NamedExpression::Set(marks.collect()));
    compare(conntrack("mark"), nftables::stmt::Operator::EQ, any)
}
