//! RabbitMQ and its queues.

use shared::config::Env;
use shared::events::broker::{QueueState, RabbitBroker};

use super::{Finding, databases};

pub(super) async fn check(env: &Env, distributed: bool) -> Vec<Finding> {
    let Some(url) = env.secret("AMQP_URL").filter(|_| distributed) else {
        return if distributed { Vec::new() } else { vec![Finding::ok("broker", "in the process")] };
    };
    let queues = match RabbitBroker::new(url).inspect().await {
        Ok(queues) => queues,
        Err(error) => {
            let fix = "see whether RabbitMQ runs, and whether AMQP_URL has the right password and virtual host";
            return vec![Finding::problem("broker", error, fix)];
        }
    };
    let mut findings = Vec::new();
    let (mut good, mut missing, mut dead) = (0, Vec::new(), 0);
    for (queue, state) in queues {
        match state {
            QueueState::AsDeclared(messages) => {
                good += 1;
                dead += if queue.ends_with(".dlq") { u64::from(messages) } else { 0 };
            }
            QueueState::Missing => missing.push(queue),
            QueueState::Different(reason) => findings.push(Finding::problem(
                format!("queue {queue}"),
                format!("its arguments are not those of this version: {reason}"),
                "stop the services, delete the queue and start them: they declare it anew, and it is filled by a resync",
            )),
            QueueState::Hidden(reason) => findings.push(Finding::problem(
                format!("queue {queue}"),
                format!("it cannot be looked at: {reason}"),
                "see the log of RabbitMQ, whether all its nodes run, and whether the user of AMQP_URL may configure queues",
            )),
        }
    }
    if !missing.is_empty() {
        let found =
            format!("{} queues are missing, such as {}", missing.len(), missing.first().map_or("", String::as_str));
        findings.push(Finding::warning(
            "queues",
            found,
            "start the services: each declares all; this command creates none",
        ));
    }
    findings.push(Finding::ok("broker", format!("it answers; {good} queues are as this version declares them")));
    findings.push(databases::dead_letters("dead letters".to_owned(), dead));
    findings
}
