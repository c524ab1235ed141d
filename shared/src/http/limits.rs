//! Limits on the rate of requests, by the address of the client and by account.
//!
//! The state is in memory: a process forgets it when it ends, and replicas count apart. The limits that must not be
//! forgotten, on wrong passwords and on mails to one mailbox, are rows in the database of auth.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use governor::clock::{Clock, MonotonicClock, Reference};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::ApiError;
use crate::ids::UserId;

/// The limits that apply (draft-ietf-httpapi-ratelimit-headers, section 3).
pub(super) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// The room that is left under the limits (the same draft, section 4).
pub(super) const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The most clients that one limit remembers. While there are as many, all requests share one bucket, until some clients
/// have rested.
const MAX_KEYS: usize = 50_000;
/// The least time between two searches for clients that have rested.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The kind of a path that strangers could use to somebody's harm, and that is limited more strictly than others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strict {
    /// It checks a password or a code.
    Guess,
    /// It sends a mail, or creates an account.
    Mail,
}

/// The operations of a service that are limited more strictly: method, path, kind.
pub type StrictPaths = &'static [(Method, &'static str, Strict)];

/// A limit: a burst at once, and afterwards one request in each period.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// The name in header fields.
    name: &'static str,
    burst: NonZeroU32,
    period: Duration,
}

const fn limit(name: &'static str, burst: u32, period: Duration) -> Limit {
    let burst = match NonZeroU32::new(burst) {
        Some(burst) => burst,
        None => NonZeroU32::MIN,
    };
    Limit { name, burst, period }
}

// The numbers are those of nginx (deploy/nginx/compose/limits.conf), whose `burst` does not count the first request.
const REQUESTS: Limit = limit("requests", 301, Duration::from_millis(10));
const WRITES: Limit = limit("writes", 41, Duration::from_millis(100));
const GUESSES: Limit = limit("guesses", 6, Duration::from_secs(20));
const MAILS: Limit = limit("mails", 4, Duration::from_secs(60));

impl Limit {
    /// Returns the time in which the whole burst comes back, in seconds.
    fn window(self) -> u64 {
        seconds(self.period * self.burst.get())
    }
}

/// Rounds up to whole seconds, at least one.
fn seconds(duration: Duration) -> u64 {
    duration.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX).max(1)
}

/// The client that a request is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Account(UserId),
    /// All clients that no more room is left for.
    Others,
}

impl Key {
    /// An IPv6 client has a network of 64 bits at least, and can choose the rest of the address for each request.
    fn of_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                Self::Address(Ipv6Addr::from(network).into())
            }
            address @ IpAddr::V4(_) => Self::Address(address),
        }
    }
}

/// The result of counting one request.
#[derive(Clone, Copy, Debug)]
struct Use {
    limit: Limit,
    /// The requests that may follow at once.
    remaining: u32,
    /// The time until one more may follow; zero if this one was within the limit.
    wait: Duration,
}

/// One limit with the state of all clients.
struct Buckets<C: Clock> {
    limit: Limit,
    clock: C,
    limiter: RateLimiter<Key, HashMapStateStore<Key>, C, StateInformationMiddleware>,
    max_keys: usize,
    last_sweep: Mutex<C::Instant>,
}

impl<C: Clock + Clone> Buckets<C> {
    fn new(limit: Limit, max_keys: usize, clock: &C) -> Self {
        // The period of each limit above is longer than zero, which is all that could be wrong.
        let quota = Quota::with_period(limit.period).unwrap_or_else(|| Quota::per_second(limit.burst));
        let limiter = RateLimiter::hashmap_with_clock(quota.allow_burst(limit.burst), clock.clone());
        let last_sweep = Mutex::new(clock.now());
        Self { limit, clock: clock.clone(), limiter: limiter.with_middleware(), max_keys, last_sweep }
    }
}

impl<C: Clock> Buckets<C> {
    /// Counts one request of a client, unless it is beyond the limit.
    fn take(&self, key: Key) -> Use {
        let key = if self.has_room() { key } else { Key::Others };
        match self.limiter.check_key(&key) {
            Ok(state) => Use { limit: self.limit, remaining: state.remaining_burst_capacity(), wait: Duration::ZERO },
            Err(refused) => {
                let wait = refused.wait_time_from(self.clock.now()).max(Duration::from_millis(1));
                Use { limit: self.limit, remaining: 0, wait }
            }
        }
    }

    /// Returns whether another client can be remembered. Clients that have rested long enough are forgotten first.
    fn has_room(&self) -> bool {
        if self.limiter.len() < self.max_keys {
            return true;
        }
        let now = self.clock.now();
        let mut last_sweep = self.last_sweep.lock().unwrap_or_else(PoisonError::into_inner);
        if Duration::from(now.duration_since(*last_sweep)) >= SWEEP_EVERY {
            *last_sweep = now;
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        self.limiter.len() < self.max_keys
    }
}

/// All limits of a process.
pub(super) struct RateLimits<C: Clock = MonotonicClock> {
    requests: Buckets<C>,
    writes: Buckets<C>,
    guesses: Buckets<C>,
    mails: Buckets<C>,
    strict: Vec<StrictPaths>,
}

impl RateLimits {
    /// Creates limits under which nobody has sent anything yet. `strict` has the paths of all services of the process.
    pub(super) fn new(strict: Vec<StrictPaths>) -> Self {
        Self::with_clock(strict, MAX_KEYS, &MonotonicClock)
    }
}

impl<C: Clock + Clone> RateLimits<C> {
    fn with_clock(strict: Vec<StrictPaths>, max_keys: usize, clock: &C) -> Self {
        let [requests, writes, guesses, mails] =
            [REQUESTS, WRITES, GUESSES, MAILS].map(|limit| Buckets::new(limit, max_keys, clock));
        Self { requests, writes, guesses, mails, strict }
    }
}

impl<C: Clock> RateLimits<C> {
    fn strict(&self, method: &Method, path: &str) -> Option<Strict> {
        let mut paths = self.strict.iter().copied().flatten();
        paths.find(|(strict, known, _)| strict == method && *known == path).map(|(_, _, kind)| *kind)
    }
}

/// The limits under which one request was counted. Clones share the list.
#[derive(Clone)]
pub(crate) struct Tally<C: Clock = MonotonicClock> {
    limits: Arc<RateLimits<C>>,
    uses: Arc<Mutex<Vec<Use>>>,
}

impl<C: Clock> Tally<C> {
    pub(super) fn new(limits: &Arc<RateLimits<C>>) -> Self {
        Self { limits: Arc::clone(limits), uses: Arc::default() }
    }

    /// Counts a request for the address that it comes from. A write with a token counts for its account instead; see
    /// [`Tally::take_account`]. Nothing is counted while the address is not known.
    ///
    /// # Errors
    /// 429 beyond one of the limits.
    pub(super) fn take_address(
        &self,
        address: Option<IpAddr>,
        method: &Method,
        path: &str,
        has_token: bool,
    ) -> Result<(), ApiError> {
        let Some(key) = address.map(Key::of_address) else { return Ok(()) };
        self.take(&self.limits.requests, key)?;
        match self.limits.strict(method, path) {
            Some(Strict::Guess) => self.take(&self.limits.guesses, key)?,
            Some(Strict::Mail) => self.take(&self.limits.mails, key)?,
            None => {}
        }
        if method.is_safe() || has_token { Ok(()) } else { self.take(&self.limits.writes, key) }
    }

    /// Counts a request for the account whose token it has brought, if it is a write.
    ///
    /// # Errors
    /// 429 beyond the limit.
    pub(crate) fn take_account(&self, account: UserId, method: &Method) -> Result<(), ApiError> {
        if method.is_safe() { Ok(()) } else { self.take(&self.limits.writes, Key::Account(account)) }
    }

    fn take(&self, buckets: &Buckets<C>, key: Key) -> Result<(), ApiError> {
        let used = buckets.take(key);
        self.uses.lock().unwrap_or_else(PoisonError::into_inner).push(used);
        if used.wait.is_zero() {
            return Ok(());
        }
        Err(ApiError::too_many("too_many_requests", "Too many requests, try again later", seconds(used.wait)))
    }

    /// Tells the client the limits and the room that is left under them.
    pub(super) fn describe(&self, headers: &mut HeaderMap) {
        let uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let list = |item: fn(&Use) -> String| uses.iter().map(item).collect::<Vec<_>>().join(", ");
        let policy = list(|used| {
            let Limit { name, burst, .. } = used.limit;
            format!("\"{name}\";q={burst};w={}", used.limit.window())
        });
        let state = list(|used| {
            let spent = used.limit.burst.get().saturating_sub(used.remaining);
            // A refused client is told when it may come again, and others when the whole burst is back.
            let reset = if used.wait.is_zero() { used.limit.period * spent } else { used.wait };
            format!("\"{}\";r={};t={}", used.limit.name, used.remaining, seconds(reset))
        });
        for (name, text) in [(POLICY, policy), (STATE, state)] {
            if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    const STRICT: StrictPaths = &[(Method::POST, "/enter", Strict::Guess), (Method::POST, "/join", Strict::Mail)];

    fn limits(clock: &FakeRelativeClock) -> Arc<RateLimits<FakeRelativeClock>> {
        Arc::new(RateLimits::with_clock(vec![STRICT], 100, clock))
    }

    /// Sends requests until one is refused. Returns the number of those before it.
    fn room(limits: &Arc<RateLimits<FakeRelativeClock>>, address: &str, method: &Method, path: &str) -> usize {
        let address = address.parse().ok();
        (0..1_000).take_while(|_| Tally::new(limits).take_address(address, method, path, false).is_ok()).count()
    }

    #[test]
    fn each_class_has_its_own_room_which_comes_back() {
        let clock = FakeRelativeClock::default();
        let limits = limits(&clock);
        for (path, burst, period) in [("/enter", 6, 20), ("/join", 4, 60)] {
            assert_eq!(room(&limits, "192.0.2.1", &Method::POST, path), burst, "{path}");
            assert_eq!(room(&limits, "192.0.2.2", &Method::POST, path), burst, "{path} from another address");
            clock.advance(Duration::from_secs(period));
            assert_eq!(room(&limits, "192.0.2.1", &Method::POST, path), 1, "{path} later");
            clock.advance(Duration::from_secs(3_600));
        }
        assert_eq!(room(&limits, "192.0.2.1", &Method::DELETE, "/enter"), 41, "another method is an ordinary write");
        assert_eq!(room(&limits, "192.0.2.2", &Method::GET, "/enter"), 301);
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_one_of_ipv4() {
        let limits = limits(&FakeRelativeClock::default());
        assert_eq!(room(&limits, "2001:db8::1", &Method::POST, "/join"), 4);
        assert_eq!(room(&limits, "2001:db8::ffff:1", &Method::POST, "/join"), 0);
        assert_eq!(room(&limits, "2001:db8:0:1::1", &Method::POST, "/join"), 4);
        assert_eq!(room(&limits, "192.0.2.1", &Method::POST, "/join"), 4);
        assert_eq!(room(&limits, "::ffff:192.0.2.1", &Method::POST, "/join"), 0);
        assert_eq!(room(&limits, "not known", &Method::POST, "/join"), 1_000);
    }

    #[test]
    fn writes_with_a_token_count_for_the_account_wherever_they_come_from() {
        let limits = limits(&FakeRelativeClock::default());
        let write = |account, address: &str| {
            let tally = Tally::new(&limits);
            tally.take_address(address.parse().ok(), &Method::POST, "/things", true).unwrap();
            tally.take_account(UserId(account), &Method::POST)
        };
        let refused = (0..42).map(|n| write(1, &format!("192.0.2.{n}"))).filter(Result::is_err).count();
        assert_eq!(refused, 1);
        assert!(write(2, "192.0.2.1").is_ok());
        assert!(Tally::new(&limits).take_account(UserId(1), &Method::GET).is_ok());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let clock = FakeRelativeClock::default();
        let limits = limits(&clock);
        let join = |n: u32| {
            let address = Some(IpAddr::from(n.to_be_bytes()));
            Tally::new(&limits).take_address(address, &Method::POST, "/join", false)
        };
        let refused = (0..1_000).filter(|n| join(*n).is_err()).count();
        assert_eq!(refused, 900 - 4, "all beyond the hundredth share one bucket");
        assert!(limits.mails.limiter.len() <= 101);
        clock.advance(Duration::from_secs(3_600));
        assert!((0..100).all(|n| join(n).is_ok()), "those who have rested make room");
        assert!(limits.mails.limiter.len() <= 101);
    }

    #[test]
    fn header_fields_tell_the_limits_and_the_room() {
        let clock = FakeRelativeClock::default();
        let limits = limits(&clock);
        let fields = |n: usize| {
            let tally = Tally::new(&limits);
            let result = tally.take_address("192.0.2.1".parse().ok(), &Method::POST, "/enter", true);
            let mut headers = HeaderMap::new();
            tally.describe(&mut headers);
            assert_eq!(result.is_err(), n > 6, "{n}");
            [POLICY, STATE].map(|name| headers[name].to_str().unwrap().to_owned())
        };
        let all: Vec<[String; 2]> = (1..=7).map(fields).collect();
        assert_eq!(all[0][0], "\"requests\";q=301;w=4, \"guesses\";q=6;w=120");
        assert_eq!(all[0][1], "\"requests\";r=300;t=1, \"guesses\";r=5;t=20");
        assert_eq!(all[5][1], "\"requests\";r=295;t=1, \"guesses\";r=0;t=120");
        assert_eq!(all[6][1], "\"requests\";r=294;t=1, \"guesses\";r=0;t=20");
        let mut headers = HeaderMap::new();
        Tally::new(&limits).describe(&mut headers);
        assert!(headers.is_empty(), "a request that was not counted");
    }

    #[test]
    fn the_numbers_are_those_of_the_gateway() {
        let gateway = include_str!("../../../deploy/nginx/compose/limits.conf");
        for (limit, rate) in [(GUESSES, "3r/m"), (MAILS, "1r/m"), (WRITES, "10r/s"), (REQUESTS, "100r/s")] {
            let (number, unit) = rate.split_once("r/").unwrap();
            let unit = if unit == "m" { Duration::from_secs(60) } else { Duration::from_secs(1) };
            assert_eq!(limit.period * number.parse().unwrap(), unit, "{rate}");
            for line in [
                format!("zone={}:10m rate={rate};", limit.name),
                format!("limit_req zone={} burst={} nodelay;", limit.name, limit.burst.get() - 1),
            ] {
                assert!(gateway.contains(&line), "{line}");
            }
        }
    }
}
