//! Publishing with confirms: a message counts as published when RabbitMQ has confirmed that every queue it is routed to
//! has stored it (RabbitMQ documentation, "Consumer Acknowledgements and Publisher Confirms").

use futures_util::future::join_all;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};

use super::connection::{TIMEOUT, short_string, with_timeout};
use crate::events::broker::BrokerError;
use crate::outbox::OutboxMessage;

/// AMQP's delivery mode of a persistent message.
pub(super) const PERSISTENT: u8 = 2;

/// Opens a channel in confirm mode.
pub(super) async fn open_confirm_channel(connection: &Connection) -> Result<Channel, BrokerError> {
    let channel = with_timeout(connection.create_channel()).await?;
    with_timeout(channel.confirm_select(ConfirmSelectOptions::default())).await?;
    Ok(channel)
}

/// Publishes one message to its target queue and waits for the confirm.
pub(super) async fn publish_confirmed(channel: &Channel, message: &OutboxMessage) -> Result<(), BrokerError> {
    publish_batch(channel, "", std::slice::from_ref(message)).await.pop().unwrap_or(Ok(()))
}

/// Publishes a batch and waits for every confirm. Each result is that of the message at the same position. A message
/// that no queue takes is an [unroutable](BrokerError::unroutable) error.
///
/// The messages are published concurrently, because handing each of them over waits for lapin's thread. The channel
/// must not be used by anybody else meanwhile: lapin attaches a returned message to the next confirm of its channel,
/// whatever message that confirm belongs to. Therefore the returned messages of the whole batch are collected by their
/// ids before any message counts as published.
#[expect(clippy::disallowed_methods, reason = "this is where the outbox leaves for the broker")]
pub(super) async fn publish_batch(
    channel: &Channel,
    exchange: &str,
    batch: &[OutboxMessage],
) -> Vec<Result<(), BrokerError>> {
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    // Without `mandatory` the broker would confirm a message that no queue takes, and drop it.
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let late = || BrokerError::new("the broker did not confirm in time");
    let publish = async |message: &OutboxMessage| {
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type(short_string("application/cloudevents+json"))
            .with_message_id(short_string(&message.message_id));
        // The default exchange, whose name is empty, routes to the queue that the routing key names.
        let (exchange, key) = match &message.target {
            Some(queue) => ("", queue.as_str()),
            None => (exchange, message.stream.as_str()),
        };
        let sent =
            channel.basic_publish(short_string(exchange), short_string(key), options, &message.payload, properties);
        match tokio::time::timeout_at(deadline, sent).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(BrokerError::from(error)),
            Err(_elapsed) => Err(late()),
        }
    };
    let confirms = join_all(batch.iter().map(publish)).await;
    let mut returned: Vec<String> = Vec::new();
    let mut results = Vec::with_capacity(batch.len());
    for confirm in confirms {
        results.push(match confirm {
            Err(error) => Err(error),
            Ok(confirm) => match tokio::time::timeout_at(deadline, confirm).await {
                // An acknowledgement may carry a returned message, and not necessarily the acknowledged one.
                Ok(Ok(Confirmation::Ack(carried))) => {
                    let id = carried.and_then(|returned| returned.delivery.properties.message_id().clone());
                    returned.extend(id.map(|id| id.to_string()));
                    Ok(())
                }
                Ok(Ok(_)) => Err(BrokerError::new("the broker refused the message")),
                Ok(Err(error)) => Err(error.into()),
                Err(_elapsed) => Err(late()),
            },
        });
    }
    for (message, result) in batch.iter().zip(&mut results) {
        if returned.contains(&message.message_id) {
            *result = Err(BrokerError::unroutable(format!("no queue takes {}", message.stream)));
        }
    }
    results
}
