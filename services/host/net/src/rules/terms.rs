//! A small vocabulary over the nftables crate's types, so that a rule reads as one line.

mod marks;

use std::net::{Ipv4Addr, SocketAddrV4};

use ipnet::Ipv4Net;
use nftables::batch::Batch;
use nftables::expr::{
    CT, Expression, Fib, FibFlag, FibResult, Meta, MetaKey, NamedExpression, Payload, PayloadField, Prefix,
    SetItem,
};
use nftables::schema::{Chain, FlushObject, NfCmd, NfListObject, Nftables, Rule, Table};
use nftables::stmt::{
    CTCount, JumpTarget, Limit, Match, NAT, NATFamily, Operator, Reject, RejectType, Statement,
};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook, RejectCode};

pub(super) use marks::{has_mark, mark_from};

/// A value that packets are compared with.
pub(super) type Value = Expression<'static>;
/// One condition or verdict of a rule.
pub(super) type Term = Statement<'static>;

/// A table being written; applied in one transaction.
pub(super) struct TableWriter {
    family: NfFamily,
    name: String,
    batch: Batch<'static>,
}

/// Where a base chain hooks in: type, hook, priority, policy.
pub(super) type Hook = (NfChainType, NfHook, i32, NfChainPolicy);

impl TableWriter {
    /// In place of any table of that name.
    pub(super) fn new(name: &str) -> Self {
        let mut writer = Self::existing(name);
        writer.begin();
        writer
    }

    /// Goes on with the table of that name for ARP, in place of any.
    pub(super) fn and_arp(mut self) -> Self {
        self.family = NfFamily::ARP;
        self.begin();
        self
    }

    fn begin(&mut self) {
        // Adding first makes the delete valid whether or not the table was there.
        self.batch.add(self.table());
        self.batch.delete(self.table());
        self.batch.add(self.table());
    }

    /// The table of that name, to be changed.
    pub(super) fn existing(name: &str) -> Self {
        Self {
            family: NfFamily::INet,
            name: name.to_owned(),
            batch: Batch::new(),
        }
    }

    fn table(&self) -> NfListObject<'static> {
        NfListObject::Table(Table {
            family: self.family,
            name: self.name.clone().into(),
            handle: None,
        })
    }

    /// Adds a chain (a base chain if it has a hook) with its rules. Chains jumped to must have been added before.
    pub(super) fn chain(&mut self, name: &'static str, hook: Option<Hook>, rules: Vec<Vec<Term>>) {
        let mut chain = self.name_chain(name);
        if let Some((kind, hook, priority, policy)) = hook {
            chain._type = Some(kind);
            chain.hook = Some(hook);
            chain.prio = Some(priority);
            chain.policy = Some(policy);
        }
        self.batch.add(NfListObject::Chain(chain));
        self.add_rules(name, rules);
    }

    /// Puts these rules in place of those that an existing chain has.
    pub(super) fn rewrite(&mut self, name: &'static str, rules: Vec<Vec<Term>>) {
        let chain = self.name_chain(name);
        self.batch.add_cmd(NfCmd::Flush(FlushObject::Chain(chain)));
        self.add_rules(name, rules);
    }

    fn name_chain(&self, name: &'static str) -> Chain<'static> {
        Chain {
            family: self.family,
            table: self.name.clone().into(),
            name: name.into(),
            ..Chain::default()
        }
    }

    fn add_rules(&mut self, name: &'static str, rules: Vec<Vec<Term>>) {
        for expr in rules {
            let rule = Rule {
                family: self.family,
                table: self.name.clone().into(),
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

pub(super) fn number(value: impl Into<u32>) -> Value {
    Expression::Number(value.into())
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

pub(super) fn is_protocol(name: &'static str) -> Term {
    meta_is(MetaKey::L4proto, text(name))
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
        field_is(protocol, "dport", number(socket.port())),
    ]
}

fn conntrack(key: &'static str) -> Value {
    Expression::Named(NamedExpression::CT(CT {
        key: key.into(),
        family: None,
        dir: None,
    }))
}

fn conntrack_has(key: &'static str, value: Value) -> Term {
    compare(conntrack(key), Operator::IN, value)
}

fn conntrack_is(key: &'static str, value: Value) -> Term {
    compare(conntrack(key), Operator::EQ, value)
}

/// Belongs to a connection that was let through before.
pub(super) fn is_reply() -> Term {
    conntrack_has(
        "state",
        Expression::List(vec![text("established"), text("related")]),
    )
}

/// Belongs to a connection that packets have passed both ways, and is no error about one.
pub(super) fn is_established() -> Term {
    conntrack_has("state", text("established"))
}

/// Goes the way of its connection's first packet.
pub(super) fn is_of_who_began() -> Term {
    conntrack_is("direction", text("original"))
}

/// Goes the other way.
pub(super) fn is_of_who_answers() -> Term {
    conntrack_is("direction", text("reply"))
}

/// Its destination was rewritten by a rule of ours.
pub(super) fn was_redirected() -> Term {
    conntrack_has("status", text("dnat"))
}

/// As long as no more than `rate` packets a second come by.
pub(super) fn at_most(rate: u32) -> Term {
    Statement::Limit(Limit {
        rate,
        rate_unit: None,
        per: Some("second".into()),
        burst: Some(rate),
        burst_unit: None,
        inv: None,
    })
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

fn nat(address: Ipv4Addr) -> NAT<'static> {
    NAT {
        addr: Some(text(address)),
        family: Some(NATFamily::IP),
        port: None,
        flags: None,
    }
}

pub(super) fn redirect_to(address: Ipv4Addr) -> Term {
    Statement::DNAT(Some(nat(address)))
}

pub(super) fn appear_as(address: Ipv4Addr) -> Term {
    Statement::SNAT(Some(nat(address)))
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

/// Says no in the middle of a TCP connection, which ends it.
pub(super) fn reset() -> Term {
    Statement::Reject(Some(Reject::new(Some(RejectType::TCPReset), None)))
}

pub(super) fn drop() -> Term {
    Statement::Drop(None)
}

pub(super) fn accept() -> Term {
    Statement::Accept(None)
}

/// Leaves the rest of this chain out.
pub(super) fn go_back() -> Term {
    Statement::Return(None)
}

pub(super) fn goto(target: &'static str) -> Term {
    Statement::Goto(JumpTarget {
        target: target.into(),
    })
}

pub(super) fn jump(target: &'static str) -> Term {
    Statement::Jump(JumpTarget {
        target: target.into(),
    })
}
