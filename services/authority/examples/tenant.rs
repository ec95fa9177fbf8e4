//! A tenant's own program: makes a sandbox by a message, hears that it runs, ends it, and reads back what happened.
//!
//! ```sh
//! cargo run -p roost-authority --example tenant -- nats://127.0.0.1:4222 tenant-acme.nk acme
//! ```

use std::error::Error;

use async_nats::{Client, ConnectOptions, HeaderMap, Subscriber, jetstream};
use futures::StreamExt;
use roost_schemas::command::{Create, Kill, SandboxCommand, header};
use roost_schemas::commit::Commit;
use roost_schemas::event::SandboxEvent;
use roost_schemas::reply::Reply;

const SANDBOX: &str = "rusty1";

struct Tenant {
    client: Client,
    id: String,
    replies: Subscriber,
    inbox: String,
}

impl Tenant {
    async fn connect(url: &str, seed: &str, id: String) -> Result<Self, Box<dyn Error>> {
        let client = ConnectOptions::with_nkey(seed.trim().to_owned())
            .connect(url)
            .await?;
        let inbox = format!("roost.reply.{id}.{}", std::process::id());
        let replies = client.subscribe(inbox.clone()).await?;
        Ok(Self {
            client,
            id,
            replies,
            inbox,
        })
    }

    /// Sends a command, and waits for what comes of it.
    async fn command(&mut self, command: &SandboxCommand) -> Result<Reply, Box<dyn Error>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::REPLY, self.inbox.as_str());
        let subject = format!("roost.cmd.{}.any.{SANDBOX}", self.id);
        let stored = jetstream::new(self.client.clone())
            .publish_with_headers(subject, headers, command.encode().into())
            .await?;
        stored.await?;
        let reply = self.replies.next().await.ok_or("the connection ended")?;
        Ok(Reply::decode(&reply.payload)?)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(url), Some(file), Some(id)) = (args.next(), args.next(), args.next()) else {
        return Err("say where nats-server is, the file with the credentials, and the tenant".into());
    };
    let mut tenant = Tenant::connect(&url, &std::fs::read_to_string(file)?, id).await?;
    let subject = format!("roost.evt.{}.sandbox.{SANDBOX}", tenant.id);
    let mut events = tenant.client.subscribe(subject).await?;
    let create: Create = serde_json::from_str(r#"{"spec": {"template": "minimal"}}"#)?;
    println!("{:?}", tenant.command(&SandboxCommand::Create(create)).await?);
    while let Some(event) = events.next().await {
        let commit = Commit::<SandboxEvent>::decode(&event.payload)?;
        println!("{:?}", commit.events);
        let is_running = |event: &SandboxEvent| matches!(event, SandboxEvent::Running(_));
        if commit.events.iter().any(is_running) {
            break;
        }
    }
    let kill: Kill = serde_json::from_str("{}")?;
    println!("{:?}", tenant.command(&SandboxCommand::Kill(kill)).await?);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, "application/json");
    let subject = format!("roost.read.{}", tenant.id);
    let asked = format!(r#"{{"sandboxes": ["{SANDBOX}"]}}"#);
    let page = tenant
        .client
        .request_with_headers(subject, headers, asked.into())
        .await?;
    println!("{}", String::from_utf8_lossy(&page.payload));
    Ok(())
}
