//! Postgres goes on, but its sessions are not what a service thinks: read-only, without patience, cancelled, or locked out.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::seq::SliceRandom;
use reqwest::Client;
use tokio::time::sleep;

use super::Scene;
use crate::chaos::probes::Probes;
use crate::servers::proxy::Weather;
use crate::stack::SERVICES;

/// Every database is read-only for a while. Either each session is, also those that have begun before; or those that begin
/// meanwhile are, and stay so when the spell is over.
pub(super) async fn make_read_only(scene: &mut Scene<'_>) -> Result<()> {
    let length = scene.moment() * 2;
    let mut probes = Probes::default();
    if scene.rng.random_bool(0.5) {
        let reload = "SELECT pg_reload_conf();";
        let on = format!("ALTER SYSTEM SET default_transaction_read_only = on;\n{reload}\n");
        scene.as_superuser("postgres", &on).await?;
        // A moment later every session has read it.
        sleep(Duration::from_millis(500)).await;
        probes.go_on(scene.world, length).await;
        let off = format!("ALTER SYSTEM RESET default_transaction_read_only;\n{reload}\n");
        scene.as_superuser("postgres", &off).await?;
        ensure!(probes.refused > 0, "a read-only database refused nothing");
    } else {
        alter_each(scene, "DATABASE", "SET default_transaction_read_only = on").await?;
        reconnect(scene).await?;
        sleep(length).await;
        alter_each(scene, "DATABASE", "RESET default_transaction_read_only").await?;
    }
    Ok(())
}

/// For a while a lock is waited for, a statement takes and a transaction rests some milliseconds at most, and an operator
/// cancels what runs. Sessions that begin meanwhile keep these limits.
pub(super) async fn time_out(scene: &mut Scene<'_>) -> Result<()> {
    const LIMITS: [&str; 3] = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"];
    let milliseconds = scene.rng.random_range(2..10);
    for setting in LIMITS {
        alter_each(scene, "ROLE", &format!("SET {setting} = '{milliseconds}ms'")).await?;
    }
    reconnect(scene).await?;
    let length = scene.moment().as_secs_f64() * 3.0;
    let for_a_while = |statement: &str, pause: f64| {
        format!(
            "DO $$ DECLARE finish timestamptz := clock_timestamp() + interval '{length} s'; BEGIN \
             WHILE clock_timestamp() < finish LOOP {statement}; PERFORM pg_sleep({pause}); COMMIT; \
             PERFORM pg_sleep({pause}); END LOOP; END $$;"
        )
    };
    let cancel = for_a_while(
        "PERFORM pg_cancel_backend(pid) FROM pg_stat_activity \
         WHERE application_name LIKE 'chatty-%' AND state = 'active' AND random() < 0.5",
        0.01,
    );
    // What others hold is waited for in vain.
    let hold = for_a_while("PERFORM 1 FROM posts FOR UPDATE", 0.05);
    tokio::try_join!(scene.as_superuser("postgres", &cancel), scene.as_superuser("posts", &hold))?;
    for setting in LIMITS {
        alter_each(scene, "ROLE", &format!("RESET {setting}")).await?;
    }
    Ok(())
}

/// For a while a session is terminated that does nothing for some milliseconds in the middle of a transaction.
pub(super) async fn terminate_idle(scene: &mut Scene<'_>) -> Result<()> {
    let milliseconds = scene.rng.random_range(1..4);
    let set = format!("SET idle_in_transaction_session_timeout = '{milliseconds}ms'");
    alter_each(scene, "ROLE", &set).await?;
    reconnect(scene).await?;
    sleep(scene.moment() * 2).await;
    alter_each(scene, "ROLE", "RESET idle_in_transaction_session_timeout").await
}

/// Some tables of each service are locked at once, longer than a statement may take. Each service says that it is alive.
pub(super) async fn lock_tables(scene: &mut Scene<'_>) -> Result<()> {
    let seconds = scene.rng.random_range(3..8);
    let mut scripts = Vec::new();
    for service in SERVICES {
        let tables = scene.psql(service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").await?;
        let mut tables: Vec<&str> = tables.lines().collect();
        tables.shuffle(scene.rng);
        tables.truncate(scene.rng.random_range(2..5));
        let tables = tables.join(", ");
        let script =
            format!("BEGIN; LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({seconds}); COMMIT;");
        scripts.push((service, script));
    }
    let scene = &*scene;
    let lock = scripts.iter().map(|(service, script)| async move {
        match scene.as_superuser(service, script).await {
            // It met the locks of the service in another order, and is the one that gives way.
            Err(error) if error.to_string().contains("deadlock detected") => Ok(()),
            locked => locked.map(drop),
        }
    });
    let ask = async {
        sleep(Duration::from_millis(500)).await;
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        for service in SERVICES {
            let url = &scene.stack.addresses().services.get(service).context("a service")?.url;
            let alive = client.get(format!("{url}/livez")).send().await?;
            ensure!(alive.status() == 200, "{service} is not alive while tables are locked");
        }
        Ok(())
    };
    let (locked, asked) = tokio::join!(futures_util::future::try_join_all(lock), ask);
    locked.map(drop).and(asked)
}

/// Changes the database or the role of each service.
async fn alter_each(scene: &Scene<'_>, what: &str, change: &str) -> Result<()> {
    let script: String = SERVICES.iter().map(|name| format!("ALTER {what} {name} {change};\n")).collect();
    scene.as_superuser("postgres", &script).await.map(drop)
}

/// Breaks every connection to Postgres, so that each session begins anew.
async fn reconnect(scene: &Scene<'_>) -> Result<()> {
    let proxy = scene.stack.proxy("postgres")?;
    proxy.set(Weather::Cut);
    sleep(Duration::from_millis(100)).await;
    proxy.set(Weather::Clear);
    Ok(())
}
