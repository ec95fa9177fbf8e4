//! The `AsyncAPI` 3 document of what a tenant's own clients say and hear on NATS, made of the types themselves.
//!
//! ```text
//!   command   ──▶ roost.cmd.<tenant>.any.<sandbox>       answered on a subject below roost.reply.<tenant>
//!   events    ◀── roost.evt.<tenant>.<aggregate>.<id>    each commit once the log has it
//!   read      ──▶ roost.read.<tenant>                    a page of events, for what was missed
//! ```
//!
//! It is checked in as `docs/asyncapi.json`; a test says when that is not what this makes.

mod read;
mod texts;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::command::{SandboxCommand, header};
use crate::commit::Commit;
use crate::event::{SandboxEvent, TemplateEvent, TenantEvent, WebhookEvent};
use crate::reply::Reply;

/// The document.
pub fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut types = settings.into_generator();
    let messages = messages(&mut types);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Roost on NATS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What a tenant's own programs may say and hear with the credentials of `roost nats creds tenant`. Bodies are MessagePack with field names, or JSON where Content-Type says so; events are MessagePack.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/msgpack",
        "servers": {
            "nats": {
                "host": "{host}",
                "protocol": "nats",
                "description": "nats-server with Roost's nats.conf and the authority.conf of `roost nats creds`.",
                "variables": { "host": { "default": "127.0.0.1:4222", "description": "Address and port." } },
                "security": [ { "type": "asymmetricEncryption", "description": "An nkey: the seed in tenant-<tenant>.nk." } ],
            }
        },
        "channels": channels(),
        "operations": operations(),
        "components": { "messages": messages, "schemas": types.take_definitions(true) },
    })
}

fn messages(types: &mut SchemaGenerator) -> Value {
    let event = |title: &str, schema: Value| {
        json!({
            "title": title,
            "contentType": "application/msgpack",
            "headers": {
                "type": "object",
                "properties": { "Nats-Sequence": text("Where it stands in the log; what to read on from is after it.") },
            },
            "payload": schema,
        })
    };
    let sandbox = schema::<Commit<SandboxEvent>>(types);
    let template = schema::<Commit<TemplateEvent>>(types);
    let tenant = schema::<Commit<TenantEvent>>(types);
    let webhook = schema::<Commit<WebhookEvent>>(types);
    json!({
        "command": {
            "title": "A request that may be rejected",
            "headers": { "type": "object", "properties": {
                header::FORWARDED_ID: text("The command's id, of your choosing: sent again under it, it takes effect once."),
                header::CONTENT_TYPE: json!({ "type": "string", "enum": ["application/msgpack", "application/json"], "default": "application/msgpack" }),
                header::DEADLINE: text("Milliseconds since 1970 after which it is rejected, never run late."),
                header::REPLY: text("Where the answer goes: a subject below roost.reply.<tenant>."),
            } },
            "payload": schema::<SandboxCommand>(types),
        },
        "reply": {
            "title": "Accepted, with where its commit stands, or rejected",
            "payload": schema::<Reply>(types),
        },
        "sandboxCommit": event("What happened to a sandbox by one command", sandbox),
        "templateCommit": event("What happened to a template by one command", template),
        "tenantCommit": event("What happened to the tenant by one command", tenant),
        "webhookCommit": event("What happened to a webhook by one command", webhook),
        "read": { "title": "What is asked for of the log", "payload": read::request() },
        "page": { "title": "A page of events, or why there is none", "payload": read::answer() },
    })
}

fn schema<T: schemars::JsonSchema>(types: &mut SchemaGenerator) -> Value {
    types.subschema_for::<T>().to_value()
}

fn channels() -> Value {
    let tenant = json!({ "description": "The tenant's id; credentials are for one." });
    let message = |name: &str| json!({ "$ref": format!("#/components/messages/{name}") });
    let events = |kind: &str, id: &str, commit: &str| {
        json!({
            "address": format!("roost.evt.{{tenant}}.{kind}.{{{id}}}"),
            "parameters": { "tenant": tenant, id: { "description": format!("The id of the {kind}; `*` for all.") } },
            "messages": { commit: message(commit) },
        })
    };
    json!({
        "commands": {
            "address": "roost.cmd.{tenant}.any.{sandbox}",
            "description": "A JetStream publish: the server's answer says that the command is stored, Roost's answer what came of it.",
            "parameters": {
                "tenant": tenant,
                "sandbox": { "description": "The sandbox it is about, which `create` names; `templates` and `webhooks` where it is about those." },
            },
            "messages": { "command": message("command") },
        },
        "replies": {
            "address": "roost.reply.{tenant}.{inbox}",
            "parameters": { "tenant": tenant, "inbox": { "description": "Of the sender's choosing." } },
            "messages": { "reply": message("reply") },
        },
        "sandboxEvents": events("sandbox", "sandbox", "sandboxCommit"),
        "templateEvents": events("template", "template", "templateCommit"),
        "tenantEvents": {
            "address": "roost.evt.{tenant}.tenant.{tenant}",
            "parameters": { "tenant": tenant },
            "messages": { "tenantCommit": message("tenantCommit") },
        },
        "webhookEvents": events("webhook", "webhook", "webhookCommit"),
        "reads": {
            "address": "roost.read.{tenant}",
            "parameters": { "tenant": tenant },
            "messages": { "read": message("read") },
        },
        "pages": {
            "address": null,
            "description": "The inbox of the request.",
            "messages": { "page": message("page") },
        },
    })
}

fn operations() -> Value {
    let channel = |name: &str| json!({ "$ref": format!("#/channels/{name}") });
    let of =
        |channel: &str, message: &str| json!({ "$ref": format!("#/channels/{channel}/messages/{message}") });
    let hears = |channel_name: &str, message: &str, summary: &str| {
        json!({
            "action": "receive",
            "channel": channel(channel_name),
            "summary": summary,
            "messages": [of(channel_name, message)],
        })
    };
    json!({
        "command": {
            "action": "send",
            "channel": channel("commands"),
            "summary": "Ask for something",
            "messages": [of("commands", "command")],
            "reply": { "channel": channel("replies"), "messages": [of("replies", "reply")] },
        },
        "followSandboxes": hears("sandboxEvents", "sandboxCommit", "Hear what happens to sandboxes"),
        "followTemplates": hears("templateEvents", "templateCommit", "Hear what happens to templates"),
        "followTenant": hears("tenantEvents", "tenantCommit", "Hear what happens to keys and limits"),
        "followWebhooks": hears("webhookEvents", "webhookCommit", "Hear what happens to webhooks"),
        "read": {
            "action": "send",
            "channel": channel("reads"),
            "summary": "Read what happened before, or wait for what happens next",
            "messages": [of("reads", "read")],
            "reply": { "channel": channel("pages"), "messages": [of("pages", "page")] },
        },
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}
