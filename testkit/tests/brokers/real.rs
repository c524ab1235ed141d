//! The same on RabbitMQ and Postgres.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use shared::events::broker::{Broker, RabbitBroker};
use testkit::servers::postgres::Postgres;
use testkit::servers::rabbitmq::RabbitMq;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use crate::process::Link;
use crate::world::Home;
use crate::{contract, convergence, crashes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_contract_and_copies_converge_on_it() {
    let (postgres, rabbitmq) = tokio::try_join!(Postgres::start(false), RabbitMq::start()).unwrap();
    let broker = Arc::new(RabbitBroker::new(rabbitmq.url().into()));
    contract::check(broker, &Home::postgres(postgres.address(), "contract").await).await;
    replicas_hear_each_other(&rabbitmq.url()).await;
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
