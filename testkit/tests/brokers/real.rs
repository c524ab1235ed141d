//! The same on RabbitMQ and Postgres.

use std::sync::Arc;

use shared::events::broker::{Broker, RabbitBroker};
use testkit::servers::postgres::Postgres;
use testkit::servers::rabbitmq::RabbitMq;

use crate::world::Home;
use crate::{contract, convergence};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_keeps_the_contract_and_copies_converge_on_it() {
    let (postgres, rabbitmq) = tokio::try_join!(Postgres::start(false), RabbitMq::start()).unwrap();
    let broker = || Arc::new(RabbitBroker::new(rabbitmq.url().into())) as Arc<dyn Broker>;
    contract::check(broker(), &Home::postgres(postgres.address(), "contract").await).await;
    for seed in 1..=3 {
        let home = Home::postgres(postgres.address(), &format!("seed{seed}")).await;
        convergence::check(seed, broker(), &home, 2).await;
    }
}
