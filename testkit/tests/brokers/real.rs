//! The same on RabbitMQ and Postgres.

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
use crate::healing::Running;
use crate::process::Link;
use crate::world::Home;
use crate::{contract, convergence, crashes, healing};

/// Takes the binding of a queue away.
const UNBIND: &str = "rabbit_binding:remove({binding, rabbit_misc:r(<<\"/\">>, exchange, <<\"chatty.events\">>), <<\"user\">>, \
                      rabbit_misc:r(<<\"/\">>, queue, <<\"posts.user.v1\">>), []}, <<\"test\">>).";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_contract_and_copies_converge_on_it() {
    let (postgres, rabbitmq) = tokio::try_join!(Postgres::start(false), RabbitMq::start()).unwrap();
    let broker = Arc::new(RabbitBroker::new(rabbitmq.url().into()));
    contract::check(broker, &Home::postgres(postgres.address(), "contract").await).await;
    replicas_hear_each_other(&rabbitmq.url()).await;
    who_is_left_alone_while_connecting_keeps_nobody_waiting(&rabbitmq.url()).await;
    what_somebody_removed_is_declared_again(&rabbitmq, &Home::postgres(postgres.address(), "removed").await).await;
    healing(&rabbitmq, &postgres).await;
    let link = || link(&rabbitmq.url());
    crashes::check(link, &Home::postgres(postgres.address(), "crashes").await).await;
    for (seed, name) in (1..).zip(["first", "second", "third"]) {
        let home = Home::postgres(postgres.address(), name).await;
        convergence::check(seed, link, &home, 2).await;
    }
}

/// Also a replica that has never published an event is heard, by its own service alone.
async fn replicas_hear_each_other(url: &str) {
    let broker = || RabbitBroker::new(url.to_owned().into());
    let (replica, other) = (broker(), broker());
    let mut heard = replica.listen("recommendations").await.unwrap();
    let mut elsewhere = other.listen("posts").await.unwrap();
    broker().broadcast("recommendations", b"applied").await.unwrap();
    assert_eq!(heard.next().await.unwrap(), b"applied");
    assert!(elsewhere.next().now_or_never().is_none());
}

/// As a batch of the relay, which nobody polls while the relay declares queues.
async fn who_is_left_alone_while_connecting_keeps_nobody_waiting(url: &str) {
    let broker = RabbitBroker::new(url.to_owned().into());
    let mut telling = broker.broadcast("recommendations", b"left alone");
    assert!((&mut telling).now_or_never().is_none(), "it connects");
    let declared = timeout(PATIENCE, broker.declare()).await;
    assert!(matches!(declared, Ok(Ok(()))), "the connection is there for others: {declared:?}");
    drop(telling);
}

async fn what_somebody_removed_is_declared_again(rabbitmq: &RabbitMq, home: &Home) {
    let (broker, db) = (RabbitBroker::new(rabbitmq.url().into()), home.open("auth").await);
    broker.declare().await.unwrap();
    let mut requests = broker.consume("auth.resync.v1", &db).await.unwrap();
    while let Ok(Some(deliveries)) = timeout(Duration::from_secs(1), requests.next(100)).await {
        requests.ack(deliveries).await;
    }

    rabbitmqctl(rabbitmq, &["delete_queue", "posts.user.v1"]).await;
    let state =
        async || broker.inspect().await.unwrap().into_iter().find(|(queue, _)| queue == "posts.user.v1").unwrap().1;
    for _ in 0..2 {
        assert_eq!(state().await, QueueState::Missing, "looking creates nothing");
    }
    let classic = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"posts.user.v1\">>), true, false, [], none, <<\"guest\">>).";
    rabbitmqctl(rabbitmq, &["eval", classic]).await;
    assert!(matches!(state().await, QueueState::Different(_)), "somebody made it otherwise");
    rabbitmqctl(rabbitmq, &["delete_queue", "posts.user.v1"]).await;
    broker.declare().await.unwrap();
    let request = timeout(PATIENCE, requests.next(1)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&request[0].payload);
    assert!(text.contains("posts.user.v1"), "the queue that was missing asks its owner for everything: {text}");
    assert!(broker.inspect().await.unwrap().iter().all(|(_, state)| matches!(state, QueueState::AsDeclared(_))));

    let mut posts = broker.consume("posts.user.v1", &db).await.unwrap();
    for (bound, text) in [(false, "lost"), (true, "found")] {
        if bound {
            broker.declare().await.unwrap();
        } else {
            rabbitmqctl(rabbitmq, &["eval", UNBIND]).await;
        }
        assert!(broker.publish(&[message("user", None, text)]).await[0].is_ok(), "other queues take it");
        let taken = timeout(Duration::from_secs(1), posts.next(1)).await;
        assert_eq!(taken.is_ok(), bound, "{text}");
    }
}

/// The cases that comparisons heal, each in a world of its own.
async fn healing(rabbitmq: &RabbitMq, postgres: &Postgres) {
    let broker: Arc<dyn Broker> = Arc::new(RabbitBroker::new(rabbitmq.url().into()));
    let home = async |name| Home::postgres(postgres.address(), name).await;
    healing::who_does_not_answer_is_unchecked(&home("unchecked").await, &broker).await;
    healing::an_interrupted_first_start_is_made_good(&home("interrupted").await, &broker).await;
    healing::rows_changed_by_hand_are_repaired(&home("by_hand").await, &broker).await;
    healing::a_dropped_copy_comes_back(&home("dropped").await, &broker).await;
    healing::a_row_ahead_stops_the_owner_until_it_is_forgotten(&home("ahead").await, &broker).await;
    healing::an_older_owner_publishes_nothing(&home("older").await, &broker).await;
    let lose = async |owner: &Running, _: &Running| {
        rabbitmqctl(rabbitmq, &["eval", UNBIND]).await;
        healing::publish(owner.db(), 2).await.unwrap();
    };
    let home = home("unbound").await;
    healing::what_was_lost_on_the_way_is_found_by_what_was_published(&home, &broker, lose).await;
    broker.declare().await.unwrap();
}

async fn rabbitmqctl(rabbitmq: &RabbitMq, arguments: &[&str]) {
    let output = rabbitmq.rabbitmqctl().unwrap().args(arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A link through a proxy, because dropping lapin's handles in the midst of a call does not always close a connection.
fn link(broker: &str) -> Link {
    let mut url = Url::parse(broker).unwrap();
    let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, url.port().unwrap()));
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let wire = pass_on(TcpListener::from_std(listener).unwrap(), upstream).boxed();
    Link { broker: Arc::new(RabbitBroker::new(String::from(url).into())), wire }
}

/// Passes connections on; dropping it cuts them.
async fn pass_on(listener: TcpListener, upstream: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        let (mut near, _) = listener.accept().await.unwrap();
        connections.spawn(async move {
            let mut far = TcpStream::connect(upstream).await.unwrap();
            let _cut = copy_bidirectional(&mut near, &mut far).await;
        });
    }
}
