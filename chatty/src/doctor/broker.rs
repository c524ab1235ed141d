//! The checks of RabbitMQ: whether it answers, and whether its queues are as this version declares them.

use shared::config::Env;
use shared::events::broker::{QueueState, RabbitBroker};

use super::{Finding, databases};

/// Checks the broker and its queues. It declares nothing, because a check must not change what it checks.
pub(super) async fn check(env: &Env, distributed: bool) -> Vec<Finding> {
    let Some(url) = env.secret("AMQP_URL").filter(|_| distributed) else {
        // A missing AMQP_URL is a finding about the settings already.
        return if distributed { Vec::new() } else { vec![Finding::ok("broker", "it is inside the one process")] };
    };
    let queues = match RabbitBroker::new(url).inspect().await {
        Ok(queues) => queues,
        Err(error) => {
            let fix = "check that RabbitMQ runs, and that AMQP_URL has the right password and virtual host";
            return vec![Finding::problem("broker", error, fix)];
        }
    };
    let mut findings = Vec::new();
    let (mut as_declared, mut missing, mut dead) = (0, Vec::new(), 0);
    for (queue, state) in queues {
        match state {
            QueueState::AsDeclared(messages) => {
                as_declared += 1;
                dead += if queue.ends_with(".dlq") { u64::from(messages) } else { 0 };
            }
            QueueState::Missing => missing.push(queue),
            QueueState::Different(reason) => findings.push(Finding::problem(
                format!("queue {queue}"),
                format!("its arguments differ from those of this version: {reason}"),
                "stop the services, delete the queue, start the services: they declare and fill the queue again",
            )),
            QueueState::Inaccessible(reason) => findings.push(Finding::problem(
                format!("queue {queue}"),
                format!("it cannot be examined: {reason}"),
                "see RabbitMQ's log; check that all its nodes run, and that AMQP_URL's user may configure queues",
            )),
        }
    }
    if !missing.is_empty() {
        let found =
            format!("{} queues are missing, such as {}", missing.len(), missing.first().map_or("", String::as_str));
        findings.push(Finding::warning(
            "queues",
            found,
            "start the services: each of them declares all queues, which this command does not",
        ));
    }
    findings.push(Finding::ok("broker", format!("it answers; {as_declared} queues are as this version declares them")));
    findings.push(databases::dead_letters_finding("dead letters".to_owned(), dead));
    findings
}
