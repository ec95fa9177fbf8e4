//! How an engine ends, and what is left then: nothing.

use crate::{
    bench::{Bench, Engine, dead, is_dead, nothing_left},
    guest::{BANNER, Behaviour},
};
use anyhow::{Context, Result, ensure};
use roost_engine::{EngineKind, EngineProcess, Exit, Launch, Record, api::InstanceState};

/// The processes of a booted engine. QEMU must be among them, or the case would show nothing.
fn children(engine: &Engine, bench: &Bench) -> Result<Vec<u32>> {
    let children = bench.children();
    ensure!(
        engine.kind == EngineKind::Firecracker || children.len() == 1,
        "children {children:?}"
    );
    Ok(children)
}

pub(crate) async fn a_guest_reset_ends_the_engine(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Reset).await?;
    ensure!(
        bench.process.wait().await == Exit::Code(0),
        "{:?}: {}",
        bench.process.exit(),
        bench.process.log_tail()
    );
    ensure!(bench.console().starts_with(BANNER), "{:?}", bench.console());
    ensure!(
        bench.client.describe().await.is_err(),
        "an ended engine answers nothing"
    );
    bench.process.stop().await?;
    nothing_left(&bench)
}

pub(crate) async fn stop_leaves_nothing(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    let children = children(&engine, &bench)?;
    ensure!(bench.process.stop().await? == Exit::Signal(9));
    for child in children {
        ensure!(is_dead(child), "child {child} outlived stop");
    }
    nothing_left(&bench)
}

pub(crate) async fn stop_while_paused_leaves_nothing(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    bench.client.pause().await?;
    bench.process.stop().await?;
    nothing_left(&bench)
}

pub(crate) async fn a_killed_engine_takes_everything_along(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    let children = children(&engine, &bench)?;
    bench.process.kill()?;
    ensure!(bench.process.wait().await == Exit::Signal(9));
    for child in children {
        dead(child).await?;
    }
    Ok(())
}

pub(crate) async fn an_engine_survives_its_handle_and_is_adopted(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    let pid = bench.process.pid();
    let record = Record::read(&bench.dir.path().join("engine"))?.context("no record")?;
    let adopted = EngineProcess::adopt(record)?;
    ensure!(adopted.pid() == pid);
    ensure!(bench.client.describe().await?.state == InstanceState::Running);
    adopted.stop().await?;
    nothing_left(&bench)
}

/// The host was killed between spawning the engine and recording it.
pub(crate) async fn an_unrecorded_engine_is_found(engine: Engine) -> Result<()> {
    let bench = engine.boot(Behaviour::Tick).await?;
    let record = bench.process.record().clone();
    std::fs::remove_file(record.path())?;
    let launch = Launch::new(engine.kind, &engine.binary, record.id.clone(), record.dir.clone());
    let found = launch.find_orphan()?.context("the engine was not found")?;
    ensure!(
        *found.record() == record,
        "{:?} is not {record:?}",
        found.record()
    );
    ensure!(Record::read(&record.dir)? == Some(record), "it is recorded now");
    found.stop().await?;
    ensure!(launch.find_orphan()?.is_none(), "a stopped engine is no orphan");
    nothing_left(&bench)
}
