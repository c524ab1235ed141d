//! Tests of the private RabbitMQ: it has the settings of Chatty's brokers, obeys `rabbitmqctl`, can be restarted, and
//! takes its port mapper with it when it ends.

use testkit::servers::process::Process;
use testkit::servers::rabbitmq::RabbitMq;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_broker_starts_answers_rabbitmqctl_and_starts_again() {
    let broker = RabbitMq::start().await.unwrap();
    let mut list = broker.rabbitmqctl().unwrap();
    let output = list.args(["-q", "environment"]).output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("{heartbeat,10}"), "{text}");
    assert!(text.contains("{wal_max_size_bytes,64000000}"), "{text}");

    let spec = broker.process().spec().clone();
    broker.process().stop();
    assert!(!broker.process().is_alive());
    let again = Process::start(spec, None).await.unwrap();
    assert!(again.is_alive());
}

#[tokio::test]
async fn dropping_the_broker_ends_it_and_its_port_mapper() {
    let broker = RabbitMq::start().await.unwrap();
    let env = &broker.process().spec().env;
    let ports: Vec<u16> = ["ERL_EPMD_PORT", "RABBITMQ_NODE_PORT", "RABBITMQ_DIST_PORT"]
        .iter()
        .map(|name| env[*name].parse().unwrap())
        .collect();
    for port in &ports {
        TcpStream::connect(("127.0.0.1", *port)).await.unwrap();
    }
    drop(broker);
    for port in &ports {
        assert!(TcpStream::connect(("127.0.0.1", *port)).await.is_err());
    }
}
