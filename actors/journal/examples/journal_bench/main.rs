//! Measures the log against raw JetStream: the same bytes, headers and server, in alternation.
//!
//! `cargo run --release -p roost-journal --example journal_bench`
//!
//! It prints a table and fails when a bar is missed. Ratios are what counts; the times are this machine's.

mod commit;
mod replay;
mod table;

use table::Table;

#[tokio::main]
async fn main() {
    let mut table = Table::new();
    commit::latency(&mut table).await;
    commit::throughput(&mut table).await;
    replay::replay(&mut table).await;
    table.print();
    if !table.all_met() {
        std::process::exit(1);
    }
}
