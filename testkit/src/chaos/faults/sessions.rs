//! Faults of sessions: Postgres runs, but its sessions are read-only (F11d), end or fail by tight limits (F12c, F12d),
//! or wait for locks on tables (F21b).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::seq::SliceRandom;
use reqwest::Client;
use shared::services::SERVICE_NAMES;
use tokio::time::sleep;

use super::Scene;
use crate::chaos::probes::Probes;
use crate::servers::proxy::Condition;

/// Makes every database read-only for a while (F11d). Chance decides between two forms. In the first, all sessions
/// become read-only. In the second, only the sessions that begin meanwhile do, and these stay read-only afterwards, so
/// that a service has to close them.
pub(super) async fn make_read_only(scene: &mut Scene<'_>) -> Result<()> {
    let length = scene.random_outage() * 2;
    let mut probes = Probes::default();
    if scene.rng.random_bool(0.5) {
        let reload = "SELECT pg_reload_conf();";
        let on = format!("ALTER SYSTEM SET default_transaction_read_only = on;\n{reload}\n");
        scene.as_superuser("postgres", &on).await?;
        // Sessions read the new configuration a moment after the reload.
        sleep(Duration::from_millis(500)).await;
        probes.write_and_read_for(scene.world, length).await;
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

/// Limits waiting for locks, statements and idle transactions to some milliseconds for a while, and cancels running
/// statements (F12c). Sessions that begin meanwhile keep these limits until they are closed.
pub(super) async fn time_out(scene: &mut Scene<'_>) -> Result<()> {
    const LIMITS: [&str; 3] = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"];
    let milliseconds = scene.rng.random_range(2..10);
    for setting in LIMITS {
        alter_each(scene, "ROLE", &format!("SET {setting} = '{milliseconds}ms'")).await?;
    }
    reconnect(scene).await?;
    let length = scene.random_outage().as_secs_f64() * 3.0;
    // The loop runs in the server, and commits each round so that no lock outlives its round.
    let repeat_for_length = |statement: &str, pause: f64| {
        format!(
            "DO $$ DECLARE finish timestamptz := clock_timestamp() + interval '{length} s'; BEGIN \
             WHILE clock_timestamp() < finish LOOP {statement}; PERFORM pg_sleep({pause}); COMMIT; \
             PERFORM pg_sleep({pause}); END LOOP; END $$;"
        )
    };
    let cancel = repeat_for_length(
        "PERFORM pg_cancel_backend(pid) FROM pg_stat_activity \
         WHERE application_name LIKE 'chatty-%' AND state = 'active' AND random() < 0.5",
        0.01,
    );
    // These locks are held longer than the limit, so that the services' statements run into it.
    let hold = repeat_for_length("PERFORM 1 FROM posts FOR UPDATE", 0.05);
    tokio::try_join!(scene.as_superuser("postgres", &cancel), scene.as_superuser("posts", &hold))?;
    for setting in LIMITS {
        alter_each(scene, "ROLE", &format!("RESET {setting}")).await?;
    }
    Ok(())
}

/// Limits idle transactions alone to some milliseconds for a while (F12d). Unlike the other limits this one terminates
/// the session (25P03).
pub(super) async fn terminate_idle(scene: &mut Scene<'_>) -> Result<()> {
    let milliseconds = scene.rng.random_range(1..4);
    let set = format!("SET idle_in_transaction_session_timeout = '{milliseconds}ms'");
    alter_each(scene, "ROLE", &set).await?;
    reconnect(scene).await?;
    sleep(scene.random_outage() * 2).await;
    alter_each(scene, "ROLE", "RESET idle_in_transaction_session_timeout").await
}

/// Locks some tables of each service for 3 to 7 s, which is longer than a statement may take (F21b). `/livez` of each
/// service has to answer meanwhile.
pub(super) async fn lock_tables(scene: &mut Scene<'_>) -> Result<()> {
    let seconds = scene.rng.random_range(3..8);
    let mut scripts = Vec::new();
    for service in SERVICE_NAMES {
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
            // This script and the service took their locks in opposite orders, and Postgres failed the script.
            Err(error) if error.to_string().contains("deadlock detected") => Ok(()),
            locked => locked.map(drop),
        }
    });
    let ask = async {
        sleep(Duration::from_millis(500)).await;
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build()?;
        for service in SERVICE_NAMES {
            let url = &scene.stack.addresses().services.get(service).context("a service")?.url;
            let alive = client.get(format!("{url}/livez")).send().await?;
            ensure!(alive.status() == 200, "{service} is not alive while tables are locked");
        }
        Ok(())
    };
    let (locked, asked) = tokio::join!(futures_util::future::try_join_all(lock), ask);
    locked.map(drop).and(asked)
}

/// Runs `ALTER DATABASE` or `ALTER ROLE` (`what`) for each service. Such a setting applies to new sessions only.
async fn alter_each(scene: &Scene<'_>, what: &str, change: &str) -> Result<()> {
    let script: String = SERVICE_NAMES.iter().map(|name| format!("ALTER {what} {name} {change};\n")).collect();
    scene.as_superuser("postgres", &script).await.map(drop)
}

/// Breaks every connection to Postgres, so that all sessions begin anew, with the present settings.
async fn reconnect(scene: &Scene<'_>) -> Result<()> {
    let proxy = scene.stack.proxy("postgres")?;
    proxy.set(Condition::Cut);
    sleep(Duration::from_millis(100)).await;
    proxy.set(Condition::Normal);
    Ok(())
}
