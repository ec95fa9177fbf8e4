//! Who may do what on NATS: Roost's users and tenants, their credentials, and what nats-server is told of them.
//!
//! ```text
//!   Folder ── authority.json   who there is: roles, names, public keys
//!     │   └── <user>.nk        a seed each, for its owner alone
//!     └─ render ──▶ authority.conf, which nats.conf includes
//!
//!   account SYS      the server's own; tells Roost's processes whether it syncs
//!   account ROOST    JetStream; hosts, gateways, reconcilers, webhooks, operators, each with what it needs
//!   account of each tenant   no JetStream; commands and pages in, its events and answers out
//! ```
//!
//! A tenant has an account of its own because permissions alone would not hold it: nats-server checks what a client publishes
//! and subscribes to, but neither the subject that a consumer delivers to nor the one that an answer goes to, and JetStream
//! writes to both. What crosses accounts goes through imports and exports, which nobody can name a subject beyond.

mod conf;
mod folder;
mod member;
mod permissions;

pub use conf::render;
pub use folder::{AuthorityError, Folder};
pub use member::{InvalidMember, Member, Role, User};
