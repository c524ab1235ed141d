//! Memory: P21.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use testkit::stack::SERVICES;

use super::reads;
use crate::cpu;
use crate::report::{Bound, Outcome};
use crate::rounds::Compared;
use crate::world::World;

/// How long the services have nothing to do before they are looked at.
const REST: Duration = Duration::from_secs(20);

/// A service at rest, with its consumers, relay, caches and connections, beside an axum server that only answers.
pub(crate) async fn at_rest(world: &World, programs: &Path) -> Result<Outcome> {
    let anchor = reads::same_bytes(programs, b"{}").await?;
    tokio::time::sleep(REST).await;
    let bare = mebibytes(cpu::memory(&[anchor.process.pid()?]));
    let mut compared = Compared::default();
    let mut each = Vec::new();
    for service in SERVICES {
        let size = mebibytes(cpu::memory(&[world.stack.pid(service)?]));
        compared.anchor.push(bare);
        compared.chatty.push(size);
        each.push(format!("{service} {size:.0}"));
    }
    let what = ("own memory (PSS) of a service at rest: the median of five", "bare axum");
    Ok(Outcome::new("P21", what, "MiB", &compared, Bound::AtMost(2.5, 1.5), (true, each.join(", "))))
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
