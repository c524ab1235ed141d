//! Bounds the connections of a process, in all and by address. At the bound, a new connection replaces the one that has
//! been idle for longest, so that idle clients cannot keep others out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::task::AbortHandle;

/// The most connections of a process at a time. Fewer where the system allows fewer open files.
const MAX_CONNECTIONS: usize = 20_000;
/// The least number of connections, in all and for one address, on a system that allows few open files. Elsewhere one
/// address may have a tenth of all connections.
const MIN_CONNECTIONS: usize = 256;
/// The open files that are reserved for databases, brokers, pictures and logs.
const OTHER_FILES: u64 = 256;
/// The time for which a client may take nothing of its answer.
const STALLED: Duration = Duration::from_secs(15);

/// The bounds of all listeners of a process together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The most connections in all.
    pub(super) all: usize,
    /// The most connections from one address.
    pub(super) per_address: usize,
    /// The time for which a write may make no progress.
    pub(super) stalled: Duration,
}

impl Limits {
    /// Returns the bounds that the system allows. Raises the process's limit of open files as far as the system permits
    /// it.
    pub(super) fn of_process() -> Self {
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(1_024, |(soft, hard)| {
            let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
            if raised { hard } else { soft }
        });
        let all = usize::try_from(files.saturating_sub(OTHER_FILES))
            .unwrap_or(MAX_CONNECTIONS)
            .clamp(MIN_CONNECTIONS, MAX_CONNECTIONS);
        Self { all, per_address: (all / 10).max(MIN_CONNECTIONS), stalled: STALLED }
    }
}

/// The mark of an answer that has no end of its own, such as a stream of events. The handler sends a clone as an
/// [`Extension`](axum::Extension) of its answer, and keeps the mark as long as the answer lasts: until then, the
/// connection is not taken for an idle one.
#[derive(Clone, Debug, Default)]
pub struct Unending(Arc<()>);

/// The activity of one connection: written by the connection, read when one has to make room.
#[derive(Debug)]
pub(super) struct Activity {
    /// Goes up by one when the head of a request has been read, and again when the request has been answered. So the
    /// connection waits for its client while the value is even.
    progress: AtomicU64,
    /// The time when the last request, or else the connection, began, in milliseconds since `base`.
    since: AtomicU64,
    base: Instant,
    /// The mark of an answer without an end. Such an answer is the last one of its connection.
    unending: OnceLock<Weak<()>>,
}

impl Activity {
    fn new(base: Instant) -> Self {
        let since = AtomicU64::new(millis(base, Instant::now()));
        Self { progress: AtomicU64::new(0), since, base, unending: OnceLock::new() }
    }

    /// Takes the connection for busy until the mark is dropped.
    pub(super) fn lasts(&self, unending: &Unending) {
        let _earlier = self.unending.set(Arc::downgrade(&unending.0));
    }

    /// Records that a request has begun.
    pub(super) fn begin(&self, now: Instant) {
        self.since.store(millis(self.base, now), Ordering::Relaxed);
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the request has been answered.
    pub(super) fn end(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the number of requests that have begun, plus those that have been answered.
    pub(super) fn progress(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    fn is_idle(&self) -> bool {
        let lasts = self.unending.get().is_some_and(|answer| answer.strong_count() > 0);
        self.progress().is_multiple_of(2) && !lasts
    }
}

fn millis(base: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(base).as_millis()).unwrap_or(u64::MAX)
}

/// All connections of a process.
pub(super) struct Connections {
    limits: Limits,
    base: Instant,
    table: Mutex<Table>,
}

/// The connections by the address that they count for, and by number. Connections through a gateway count for no
/// address.
#[derive(Default)]
struct Table {
    next: u64,
    all: usize,
    by_address: HashMap<Option<IpAddr>, HashMap<u64, Known>>,
}

struct Known {
    activity: Arc<Activity>,
    task: AbortHandle,
}

/// The place of a connection in the table; dropping it makes room.
pub(super) struct Place {
    connections: Arc<Connections>,
    address: Option<IpAddr>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.locked().remove(self.address, self.number);
    }
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, base: Instant::now(), table: Mutex::default() })
    }

    /// Returns the time for which a write may make no progress.
    pub(super) fn stalled(&self) -> Duration {
        self.limits.stalled
    }

    /// Starts the task of a new connection by `start`. `address` is `None` for a connection through a gateway. At a
    /// bound, the connection that has been idle for longest is closed first: one of the same address if that address
    /// has too many. Returns `false` and starts nothing if none of them is idle.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        start: impl FnOnce(Arc<Activity>, Place) -> AbortHandle,
    ) -> bool {
        let address = address.map(counted_as);
        // The lock is held until the connection stands in the table: a task that ends at once removes itself only after
        // that.
        let mut table = self.locked();
        let of_address = table.by_address.get(&address).map_or(0, HashMap::len);
        if address.is_some() && of_address >= self.limits.per_address {
            if !table.close_idlest(|of| of == address) {
                return false;
            }
        } else if table.all >= self.limits.all && !table.close_idlest(|_| true) {
            return false;
        }
        table.next += 1;
        let number = table.next;
        let activity = Arc::new(Activity::new(self.base));
        let place = Place { connections: Arc::clone(self), address, number };
        let task = start(Arc::clone(&activity), place);
        table.by_address.entry(address).or_default().insert(number, Known { activity, task });
        table.all += 1;
        true
    }

    fn locked(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn remove(&mut self, address: Option<IpAddr>, number: u64) -> Option<Known> {
        let of_address = self.by_address.get_mut(&address)?;
        let known = of_address.remove(&number)?;
        if of_address.is_empty() {
            self.by_address.remove(&address);
        }
        self.all -= 1;
        Some(known)
    }

    /// Closes the connection that has been idle for longest among some addresses. Returns `false` when none is idle.
    fn close_idlest(&mut self, among: impl Fn(Option<IpAddr>) -> bool) -> bool {
        let connections = self.by_address.iter().filter(|(address, _)| among(**address));
        let idle = connections.flat_map(|(address, known)| {
            let idle = known.iter().filter(|(_, known)| known.activity.is_idle());
            idle.map(|(number, known)| (known.activity.since.load(Ordering::Relaxed), *number, *address))
        });
        let Some((_, number, address)) = idle.min() else { return false };
        if let Some(known) = self.remove(address, number) {
            known.task.abort();
        }
        true
    }
}

/// Returns the address that a connection counts for. For IPv6 it is the network of 64 bits, because one client may have
/// all addresses of such a network.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}
