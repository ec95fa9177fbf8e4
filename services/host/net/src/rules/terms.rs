//! A small vocabulary over the nftables crate's types, so that a rule reads as one line.

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;
use nftables::batch::Batch;
use nftables::expr::{
    CT, Expression, Fib, FibFlag, FibResult, Meta, MetaKey, NamedExpression, Payload, PayloadField, Prefix,
    SetItem,
};
use nftables::schema::{Chain, NfListObject, Nftables, Rule, Table};
use nftables::stmt::{CTCount, JumpTarget, Match, NAT, NATFamily, Operator, Reject, RejectType, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook, RejectCode};

/// A value that packets are compared with.
pub(super) type Value = Expression<'static>;
/// One condition or verdict of a rule.
pub(super) type Term = Statement<'static>;

/// A table being written; applying it replaces any table of that name in one transaction.
pub(super) struct TableWriter {
    name: String,
    batch: Batch<'static>,
}

/// Where a base chain hooks in: type, hook, priority, policy.
pub(super) type Hook = (NfChainType, NfHook, i32, NfChainPolicy);

impl TableWriter {
    pub(super) fn new(name: &str) -> Self {
        let mut writer = Self {
            name: name.to_owned(),
            batch: Batch::new(),
        };
        // Adding first makes the delete valid whether or not the table was there.
        writer.batch.add(writer.table());
        writer.batch.delete(writer.table());
        writer.batch.add(writer.table());
        writer
    }

    fn table(&self) -> NfListObject<'static> {
        NfListObject::Table(Table {
            family: NfFamily::INet,
            name: self.name.clone().into(),
            handle: None,
        })
    }

    /// Adds a chain (a base chain if it has a hook) with its rules. Chains jumped to must have been added before.
    pub(super) fn chain(&mut self, name: &'static str, hook: Option<Hook>, rules: Vec<Vec<Term>>) {
        let (table, family) = (self.name.clone(), NfFamily::INet);
        let mut chain = Chain {
            family,
            table: table.clone().into(),
            name: name.into(),
            ..Chain::default()
        };
        if let Some((kind, hook, priority, policy)) = hook {
            chain._type = Some(kind);
            chain.hook = Some(hook);
            chain.prio = Some(priority);
            chain.policy = Some(policy);
        }
        self.batch.add(NfListObject::Chain(chain));
        for expr in rules {
            let rule = Rule {
                family,
                table: table.clone().into(),
                chain: name.into(),
                expr: expr.into(),
                ..Rule::default()
            };
            self.batch.add(NfListObject::Rule(rule));
        }
    }

    pub(super) fn finish(self) -> Nftables<'static> {
        self.batch.to_nftables()
    }
}

/// The document that deletes `table`, present or not.
pub(crate) fn delete_table(table: &str) -> Nftables<'static> {
    let mut writer = TableWriter::new(table);
    writer.batch.delete(writer.table());
    writer.finish()
}

pub(super) fn text(value: impl std::fmt::Display) -> Value {
    Expression::String(format!("{value}").into())
}

pub(super) fn ip_blocks(blocks: &[Ipv4Net]) -> Value {
    let block = |net: &Ipv4Net| {
        let prefix = Prefix {
            addr: Box::new(text(net.network())),
            len: net.prefix_len().into(),
        };
        SetItem::Element(Expression::Named(NamedExpression::Prefix(prefix)))
    };
    Expression::Named(NamedExpression::Set(blocks.iter().map(block).collect()))
}

pub(super) fn texts(values: &[&'static str]) -> Value {
    Expression::Named(NamedExpression::Set(
        values.iter().map(|value| SetItem::Element(text(value))).collect(),
    ))
}

fn field(protocol: &'static str, field: &'static str) -> Value {
    let field = PayloadField {
        protocol: protocol.into(),
        field: field.into(),
    };
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(field)))
}

fn compare(left: Value, op: Operator, right: Value) -> Term {
    Statement::Match(Match { left, right, op })
}

pub(super) fn field_is(protocol: &'static str, name: &'static str, value: Value) -> Term {
    compare(field(protocol, name), Operator::EQ, value)
}

pub(super) fn field_is_not(protocol: &'static str, name: &'static str, value: Value) -> Term {
    compare(field(protocol, name), Operator::NEQ, value)
}

pub(super) fn meta_is(key: MetaKey, value: Value) -> Term {
    compare(
        Expression::Named(NamedExpression::Meta(Meta { key })),
        Operator::EQ,
        value,
    )
}

pub(super) fn meta_is_not(key: MetaKey, value: Value) -> Term {
    compare(
        Expression::Named(NamedExpression::Meta(Meta { key })),
        Operator::NEQ,
        value,
    )
}

pub(super) fn from_link(name: &'static str) -> Term {
    meta_is(MetaKey::Iifname, text(name))
}

pub(super) fn to_link(name: &'static str) -> Term {
    meta_is(MetaKey::Oifname, text(name))
}

pub(super) fn to_address(address: Ipv4Addr) -> Term {
    field_is("ip", "daddr", text(address))
}

/// `udp`/`tcp` to exactly this address and port.
pub(super) fn to_socket(protocol: &'static str, socket: SocketAddrV4) -> [Term; 2] {
    [
        to_address(*socket.ip()),
        field_is(protocol, "dport", Expression::Number(socket.port().into())),
    ]
}

fn conntrack_has(key: &'static str, value: Value) -> Term {
    let left = Expression::Named(NamedExpression::CT(CT {
        key: key.into(),
        family: None,
        dir: None,
    }));
    compare(left, Operator::IN, value)
}

/// Belongs to a connection that was let through before.
pub(super) fn is_reply() -> Term {
    conntrack_has(
        "state",
        Expression::List(vec![text("established"), text("related")]),
    )
}

/// Its destination was rewritten by a rule of ours.
pub(super) fn was_redirected() -> Term {
    conntrack_has("status", text("dnat"))
}

/// More than `limit` connections are tracked by this rule.
pub(super) fn connections_over(limit: u32) -> Term {
    Statement::CTCount(CTCount {
        val: Expression::Number(limit),
        inv: Some(true),
    })
}

/// The source would not be routed back over the link it came from.
pub(super) fn source_is_spoofed() -> Term {
    let fib = Fib {
        result: FibResult::Oif,
        flags: [FibFlag::Saddr, FibFlag::Iif].into(),
    };
    compare(
        Expression::Named(NamedExpression::Fib(fib)),
        Operator::EQ,
        Expression::Boolean(false),
    )
}

fn nat(address: Ipv4Addr, port: Option<u16>) -> NAT<'static> {
    let port = port.map(|port| Expression::Number(port.into()));
    NAT {
        addr: Some(text(address)),
        family: Some(NATFamily::IP),
        port,
        flags: None,
    }
}

pub(super) fn redirect_to(address: Ipv4Addr, port: Option<u16>) -> Term {
    Statement::DNAT(Some(nat(address, port)))
}

pub(super) fn appear_as(address: Ipv4Addr) -> Term {
    Statement::SNAT(Some(nat(address, None)))
}

pub(super) fn masquerade() -> Term {
    Statement::Masquerade(None)
}

/// Says no at once, so that a program in the guest fails instead of hanging.
pub(super) fn reject() -> Term {
    Statement::Reject(Some(Reject::new(
        Some(RejectType::ICMPX),
        Some(RejectCode::AdminProhibited),
    )))
}

pub(super) fn drop() -> Term {
    Statement::Drop(None)
}

pub(super) fn accept() -> Term {
    Statement::Accept(None)
}

pub(super) fn jump(target: &'static str) -> Term {
    Statement::Jump(JumpTarget {
        target: target.into(),
    })
}
