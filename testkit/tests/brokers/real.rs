//! The tests of this binary on RabbitMQ and Postgres, and those that only a real broker can fail.
//!
//! These tests share one broker and run one after the other in a single test, because starting a broker takes seconds.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use shared::events::broker::{Broker, QueueState, RabbitBroker};
use testkit::servers::postgres::Postgres;
use testkit::servers::rabbitmq::RabbitMq;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

use crate::contract::{PATIENCE, message};
use crate::healing::RunningService;
use crate::process::Link;
use crate::world::Databases;
use crate::{contract, convergence, crashes, healing};

/// The Erlang expression that removes the binding of the queue `posts.user.v1`, for `rabbitmqctl eval`.
const UNBIND: &str = "rabbit_binding:remove({binding, rabbit_misc:r(<<\"/\">>, exchange, <<\"chatty.events\">>), <<\"user\">>, \
                      rabbit_misc:r(<<\"/\">>, queue, <<\"posts.user.v1\">>), []}, <<\"test\">>).";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_contract_and_copies_converge_on_it() {
    let (postgres, rabbitmq) = tokio::try_join!(Postgres::start(false), RabbitMq::start()).unwrap();
    let broker = Arc::new(RabbitBroker::new(rabbitmq.url().into()));
    contract::check(broker, &Databases::postgres(postgres.address(), "contract").await).await;
    replicas_hear_each_other(&rabbitmq.url()).await;
    an_abandoned_attempt_to_connect_blocks_nobody(&rabbitmq.url()).await;
    removed_queues_and_bindings_are_declared_again(
        &rabbitmq,
        &Databases::postgres(postgres.address(), "removed").await,
    )
    .await;
    check_healing(&rabbitmq, &postgres).await;
    let link = || link(&rabbitmq.url());
    crashes::check(link, &Databases::postgres(postgres.address(), "crashes").await).await;
    // Two replicas of each copying service compete for messages, which the in-process broker does not allow.
    for (seed, name) in (1..).zip(["first", "second", "third"]) {
        let databases = Databases::postgres(postgres.address(), name).await;
        convergence::check(seed, link, &databases, 2).await;
    }
}

/// Messages among replicas reach all replicas of the same service and no other service, even from a process that has
/// not published any event.
async fn replicas_hear_each_other(url: &str) {
    let broker = || RabbitBroker::new(url.to_owned().into());
    let (replica, other) = (broker(), broker());
    let mut heard = replica.subscribe_to_replicas("recommendations").await.unwrap();
    let mut elsewhere = other.subscribe_to_replicas("posts").await.unwrap();
    broker().publish_to_replicas("recommendations", b"applied").await.unwrap();
    assert_eq!(heard.next().await.unwrap(), b"applied");
    assert!(elsewhere.next().now_or_never().is_none());
}

/// A future that began to connect and is not polled any more must not block others who need the connection. The relay,
/// for example, does not poll the publication of a batch while it declares queues.
async fn an_abandoned_attempt_to_connect_blocks_nobody(url: &str) {
    let broker = RabbitBroker::new(url.to_owned().into());
    let mut publishing = broker.publish_to_replicas("recommendations", b"left alone");
    assert!((&mut publishing).now_or_never().is_none(), "it connects");
    let declared = timeout(PATIENCE, broker.declare_topology()).await;
    assert!(matches!(declared, Ok(Ok(()))), "the connection is there for others: {declared:?}");
    drop(publishing);
}

/// A queue or a binding that was removed by hand comes back with the next declaration of the topology, and for a queue
/// that had to be created, the owner of its stream is asked for a resync.
async fn removed_queues_and_bindings_are_declared_again(rabbitmq: &RabbitMq, databases: &Databases) {
    let (broker, db) = (RabbitBroker::new(rabbitmq.url().into()), databases.open("auth").await);
    broker.declare_topology().await.unwrap();
    let mut requests = broker.consume("auth.resync.v1", &db).await.unwrap();
    // Requests of earlier tests would be taken for the one that is expected below.
    while let Ok(Some(deliveries)) = timeout(Duration::from_secs(1), requests.next(100)).await {
        requests.ack(deliveries).await;
    }

    rabbitmqctl(rabbitmq, &["delete_queue", "posts.user.v1"]).await;
    let state =
        async || broker.inspect().await.unwrap().into_iter().find(|(queue, _)| queue == "posts.user.v1").unwrap().1;
    for _ in 0..2 {
        assert_eq!(state().await, QueueState::Missing, "looking creates nothing");
    }
    // A queue with the right name and the wrong type, as a person could create it.
    let classic = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"posts.user.v1\">>), true, false, [], none, <<\"guest\">>).";
    rabbitmqctl(rabbitmq, &["eval", classic]).await;
    assert!(matches!(state().await, QueueState::Different(_)), "somebody made it otherwise");
    rabbitmqctl(rabbitmq, &["delete_queue", "posts.user.v1"]).await;
    broker.declare_topology().await.unwrap();
    let request = timeout(PATIENCE, requests.next(1)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&request[0].payload);
    assert!(text.contains("posts.user.v1"), "the queue that was missing asks its owner for everything: {text}");
    assert!(broker.inspect().await.unwrap().iter().all(|(_, state)| matches!(state, QueueState::AsDeclared(_))));

    let mut posts = broker.consume("posts.user.v1", &db).await.unwrap();
    for (bound, text) in [(false, "lost"), (true, "found")] {
        if bound {
            broker.declare_topology().await.unwrap();
        } else {
            rabbitmqctl(rabbitmq, &["eval", UNBIND]).await;
        }
        // A missing binding is not seen by the publisher, because the queues of other copies still take the message.
        assert!(broker.publish(&[message("user", None, text)]).await[0].is_ok(), "other queues take it");
        let taken = timeout(Duration::from_secs(1), posts.next(1)).await;
        assert_eq!(taken.is_ok(), bound, "{text}");
    }
}

/// Runs the cases of `healing.rs`, each in a world of its own.
async fn check_healing(rabbitmq: &RabbitMq, postgres: &Postgres) {
    let broker: Arc<dyn Broker> = Arc::new(RabbitBroker::new(rabbitmq.url().into()));
    let databases = async |name| Databases::postgres(postgres.address(), name).await;
    healing::a_copy_that_does_not_answer_is_unchecked(&databases("unchecked").await, &broker).await;
    healing::an_interrupted_first_start_is_made_good(&databases("interrupted").await, &broker).await;
    healing::rows_changed_by_hand_are_repaired(&databases("by_hand").await, &broker).await;
    healing::a_dropped_copy_comes_back(&databases("dropped").await, &broker).await;
    healing::a_row_ahead_stops_the_owner_until_it_is_forgotten(&databases("ahead").await, &broker).await;
    healing::an_older_owner_publishes_nothing(&databases("older").await, &broker).await;
    let lose = async |owner: &RunningService, _: &RunningService| {
        rabbitmqctl(rabbitmq, &["eval", UNBIND]).await;
        healing::publish(owner.db(), 2).await.unwrap();
    };
    let databases = databases("unbound").await;
    healing::a_lost_message_is_found_by_comparing_recent_changes(&databases, &broker, lose).await;
    broker.declare_topology().await.unwrap();
}

async fn rabbitmqctl(rabbitmq: &RabbitMq, arguments: &[&str]) {
    let output = rabbitmq.rabbitmqctl().unwrap().args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Returns a link through a TCP proxy. Dropping lapin's handles in the middle of a call does not always close their
/// connection, and a killed process would keep its messages.
fn link(broker: &str) -> Link {
    let mut url = Url::parse(broker).unwrap();
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, url.port().unwrap()));
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let transport = forward(TcpListener::from_std(listener).unwrap(), upstream).boxed();
    Link { broker: Arc::new(RabbitBroker::new(String::from(url).into())), transport }
}

/// Forwards connections until this future is dropped, which cuts them.
async fn forward(listener: TcpListener, upstream: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            let mut far = TcpStream::connect(upstream).await.unwrap();
            let _cut = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}
