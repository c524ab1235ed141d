//! The program that Chatty's events are compared with: RabbitMQ and lapin alone, with one quorum queue, persistent
//! messages of 400 bytes, and publisher confirms. Each mode prints one line of JSON.
//!
//! - `anchor-lapin AMQP_URL lag RATE SECONDS`: publishes `RATE` messages a second, and prints the p50 and the p99 of
//!   the milliseconds from the moment when a message is due until it is consumed.
//! - `anchor-lapin AMQP_URL publish COUNT WINDOW`: prints the messages published per second, of which at most `WINDOW`
//!   are unconfirmed at any time.
//! - `anchor-lapin AMQP_URL consume COUNT`: prints the messages per second that are taken from a full queue and
//!   acknowledged 500 at a time.
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for people who run it alone")]

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions,
};

use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, PublisherConfirm};
use tokio::time::{Instant, sleep_until};

/// The name of the queue. The queue is deleted at the end of each run.
const QUEUE: &str = "anchor.lapin";
/// The size of a message in bytes.
const BYTES: usize = 400;
/// The number of messages that the broker sends at most before the first of them is acknowledged.
const PREFETCH: u16 = 1_000;
/// The number of messages that are acknowledged at a time.
const ACK_EVERY: usize = 500;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (url, mode) = words.split_first().context("the first argument is the broker's URL")?;
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut quorum = FieldTable::default();
    quorum.insert("x-queue-type".into(), AMQPValue::LongString(LongString::from("quorum")));
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, quorum).await?;
    let result = match mode {
        ["lag", rate, seconds] => lag(&connection, &channel, rate.parse()?, seconds.parse()?).await,
        ["publish", count, window] => {
            let rate = publish(&channel, count.parse()?, window.parse()?).await?;
            Ok(format!("{{\"per_second\":{rate:.1}}}"))
        }
        ["consume", count] => {
            let count = count.parse()?;
            publish(&channel, count, 1_000).await?;
            consume(&channel, count).await
        }
        _ => bail!("the modes are `lag RATE SECONDS`, `publish COUNT WINDOW` and `consume COUNT`"),
    };
    // The queue is deleted after an error, too, so that the next run begins with an empty one.
    channel.queue_delete(QUEUE.into(), QueueDeleteOptions::default()).await?;
    println!("{}", result?);
    Ok(())
}

async fn send(channel: &Channel, body: &[u8]) -> Result<PublisherConfirm> {
    let persistent = BasicProperties::default().with_delivery_mode(2);
    Ok(channel.basic_publish("".into(), QUEUE.into(), BasicPublishOptions::default(), body, persistent).await?)
}

async fn subscribe(channel: &Channel) -> Result<Consumer> {
    let options = BasicConsumeOptions::default();
    Ok(channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default()).await?)
}

/// Publishes `count` messages, of which at most `window` are unconfirmed at any time. Returns the number of messages
/// per second.
async fn publish(channel: &Channel, count: usize, window: usize) -> Result<f64> {
    let (body, begun) = (vec![b'x'; BYTES], Instant::now());
    let mut unconfirmed = VecDeque::with_capacity(window);
    for _ in 0..count {
        if unconfirmed.len() == window
            && let Some(confirm) = unconfirmed.pop_front()
        {
            confirm.await?;
        }
        unconfirmed.push_back(send(channel, &body).await?);
    }
    for confirm in unconfirmed {
        confirm.await?;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}

/// Consumes `count` messages. Returns the number of messages per second as JSON.
async fn consume(channel: &Channel, count: usize) -> Result<String> {
    let mut consumer = subscribe(channel).await?;
    let begun = Instant::now();
    for n in 1..=count {
        let delivery = consumer.next().await.context("the queue is lost")??;
        if n % ACK_EVERY == 0 || n == count {
            delivery.acker.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
    Ok(format!("{{\"per_second\":{rate:.1}}}"))
}

/// Publishes `rate` messages per second for this number of seconds in an open loop, and measures the time from the
/// moment when a message was due until it was consumed. Returns the p50 and the p99 in milliseconds as JSON.
async fn lag(connection: &Connection, channel: &Channel, rate: f64, seconds: f64) -> Result<String> {
    let receiving = connection.create_channel().await?;
    receiving.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut consumer = subscribe(&receiving).await?;
    let start = Instant::now() + Duration::from_millis(100);
    let due = |n: usize| start + Duration::from_secs_f64(n as f64 / rate);
    let count = (rate * seconds) as usize;
    let sending = async {
        let mut body = vec![b'x'; BYTES];
        for n in 0..count {
            sleep_until(due(n)).await;
            body.splice(..8, (n as u64).to_be_bytes());
            // The broker still sends confirms, but nothing waits for them in this mode.
            drop(send(channel, &body).await?);
        }
        anyhow::Ok(())
    };
    let receiving = async {
        let mut lags = Histogram::<u64>::new_with_max(60_000_000, 3)?;
        for _ in 0..count {
            let delivery = consumer.next().await.context("the queue is lost")??;
            let number = delivery.data.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
            let lag = Instant::now().saturating_duration_since(due(usize::try_from(number)?));
            lags.saturating_record(u64::try_from(lag.as_micros())?);
            delivery.acker.ack(BasicAckOptions::default()).await?;
        }
        receiving.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
        anyhow::Ok(lags)
    };
    let ((), lags) = tokio::try_join!(sending, receiving)?;
    let millis = |share| lags.value_at_quantile(share) as f64 / 1_000.0;
    Ok(format!("{{\"p50_ms\":{:.3},\"p99_ms\":{:.3}}}", millis(0.5), millis(0.99)))
}
