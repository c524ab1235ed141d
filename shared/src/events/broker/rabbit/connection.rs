//! Connections to RabbitMQ that are opened on first use and opened anew after they broke; the time limit for every
//! operation on them; and conversions to the types of AMQP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{Connection, ConnectionProperties};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::events::broker::BrokerError;

/// The longest time for connecting, for one operation, or for the confirms of a batch.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);
/// The heartbeat timeout in seconds that is negotiated with RabbitMQ, by which both sides notice a dead peer (RabbitMQ
/// documentation, "Detecting Dead TCP Connections with Heartbeats and TCP Keepalives").
const HEARTBEAT: u32 = 10;
/// The size of a frame in bytes; larger messages are split. lapin reserves memory for 64 frames on each connection.
const FRAME_MAX: u32 = 32 * 1024;

/// A connection to one of the nodes of RabbitMQ, which is opened on first use and opened anew after it broke.
pub(super) struct ReconnectingConnection {
    urls: Vec<SecretString>,
    /// The index of the node that is tried first: the one after the last node that answered, since a connection is only
    /// opened anew after that node's connection broke.
    next: AtomicUsize,
    name: &'static str,
    connection: std::sync::Mutex<Option<Arc<Connection>>>,
    /// Held while a connection is being opened.
    connecting: Mutex<()>,
}

impl ReconnectingConnection {
    /// Creates a connection to one of these nodes without opening it. RabbitMQ lists it under `name`.
    pub(super) fn new(urls: Vec<SecretString>, name: &'static str) -> Self {
        let (next, connection, connecting) = Default::default();
        Self { urls, next, name, connection, connecting }
    }

    /// Opens a separate connection, which RabbitMQ lists under `name`, to the first node that answers. When all nodes
    /// fail, an error that may pass is returned rather than a refusal, because a node that comes up may not know its
    /// users yet (ADR 20).
    pub(super) async fn open_another(&self, name: &str) -> Result<Connection, BrokerError> {
        let mut failed = BrokerError::new("the broker has no URL");
        let next = self.next.load(Ordering::Relaxed) % self.urls.len().max(1);
        let nodes = self.urls.iter().enumerate().cycle().skip(next).take(self.urls.len());
        for (tried, (index, url)) in nodes.enumerate() {
            let mut url = url.expose_secret().to_owned();
            // lapin reads these settings from the URL only. A value that the operator has set there is kept.
            for (name, value) in [("heartbeat", HEARTBEAT), ("frame_max", FRAME_MAX)] {
                if !url.contains(&format!("{name}=")) {
                    let separator = if url.contains('?') { '&' } else { '?' };
                    url.push_str(&format!("{separator}{name}={value}"));
                }
            }
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            match with_timeout(Connection::connect(&url, properties)).await {
                Ok(connection) => {
                    self.next.store(index + 1, Ordering::Relaxed);
                    return Ok(connection);
                }
                // The first error that may pass is kept; a refusal gives way to the error of the next node.
                Err(error) if tried == 0 || failed.is_refused() => failed = error,
                Err(_) => {}
            }
        }
        Err(failed)
    }

    /// Returns the open connection, or opens one.
    ///
    /// A separate task opens it. A caller's future may stay unpolled while the caller waits for something else that
    /// needs the connection too; if that future held the lock, neither would make progress.
    #[expect(clippy::disallowed_methods, reason = "it ends by itself, within the time that connecting may take")]
    pub(super) async fn get(self: &Arc<Self>) -> Result<Arc<Connection>, BrokerError> {
        if let Some(open) = self.get_open() {
            return Ok(open);
        }
        let this = Arc::clone(self);
        let opened = tokio::spawn(async move { this.open().await }).await;
        opened.unwrap_or_else(|error| Err(BrokerError::new(error.to_string())))
    }

    async fn open(&self) -> Result<Arc<Connection>, BrokerError> {
        let _alone = self.connecting.lock().await;
        // Another task may have opened it while this one waited for the lock.
        if let Some(open) = self.get_open() {
            return Ok(open);
        }
        let connection = Arc::new(self.open_another(self.name).await?);
        *self.locked() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Drops a connection that failed; the next use opens a new one.
    pub(super) fn disconnect(&self) {
        *self.locked() = None;
    }

    /// Returns the connection if it is open. It neither opens one nor waits for one that is being opened.
    pub(super) fn get_open(&self) -> Option<Arc<Connection>> {
        self.locked().as_ref().filter(|connection| connection.status().connected()).map(Arc::clone)
    }

    fn locked(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Limits an operation to [`TIMEOUT`], so that a broker that has fallen silent does not hold up the caller for ever.
pub(super) async fn with_timeout<T>(work: impl Future<Output = lapin::Result<T>>) -> Result<T, BrokerError> {
    timeout(TIMEOUT, work).await.map_err(|_elapsed| BrokerError::new("the broker took too long"))?.map_err(Into::into)
}

/// Makes AMQP's short string, the type of names, routing keys and most properties.
pub(super) fn short_string(text: &str) -> ShortString {
    ShortString::from(text)
}

/// Makes AMQP's long string, the type of text in arguments and headers.
pub(super) fn long_string(text: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(text))
}

/// Makes AMQP's field table, the type of queue arguments and headers.
pub(super) fn field_table(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(short_string(name), value.clone());
    }
    table
}
