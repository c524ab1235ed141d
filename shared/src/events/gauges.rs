//! The gauges of consumers: the lag of each copy in seconds, and the number of messages in each dead-letter queue.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::context::Context;
use super::topology;

/// The time between two reports.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Reports `consumer_lag_seconds` and `dead_letters` for these streams every five seconds until cancelled.
pub async fn run(context: Context, streams: Vec<&'static str>) {
    let mut reports = interval(REPORT_INTERVAL);
    // A slow broker delays the next report; catching up on missed ones would only add load.
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = reports.tick() => {}, () = context.cancel.cancelled() => return }
        report_lags(&context, &streams);
        tokio::select! {
            () = report_dead_letters(&context, &streams) => {},
            () = context.cancel.cancelled() => return,
        }
    }
}

/// Reports the current lags. They are computed anew for each report, because the lag of a batch that is stuck grows
/// without any event in the consumer.
fn report_lags(context: &Context, streams: &[&'static str]) {
    let (now, progress) = (context.db.clock().now(), context.progress.streams());
    for &stream in streams {
        let lag = progress.get(stream).map_or(Duration::ZERO, |stream| stream.lag(now));
        let labels = [("service", context.service), ("stream", stream)];
        metrics::gauge!("consumer_lag_seconds", &labels).set(lag.as_secs_f64());
    }
}

/// Counts and reports the dead letters of each stream and of the resync queue.
async fn report_dead_letters(context: &Context, streams: &[&'static str]) {
    let queues = streams.iter().map(|&stream| (stream, topology::queue(context.service, stream)));
    for (stream, queue) in queues.chain([("resync", topology::resync_queue(context.service))]) {
        match context.broker.count_dead_letters(&queue, &context.db).await {
            Ok(count) => {
                context.progress.record_dead_letters(stream, count);
                let labels = [("service", context.service), ("stream", stream)];
                metrics::gauge!("dead_letters", &labels).set(count as f64);
            }
            // Debug, because a broker that is away is already reported by everything that publishes and consumes.
            Err(error) => tracing::debug!(%error, queue, "Dead letters could not be counted."),
        }
    }
}
