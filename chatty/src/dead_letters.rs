//! `chatty dead-letters`: messages that could not be applied.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use shared::config::Env;
use shared::events::broker::{Broker, DeadLetter, LocalBroker, Verdict};
use shared::events::topology;

use crate::output;
use crate::suite::{Operator, Seen};

/// Commands about dead letters.
#[derive(Subcommand)]
pub(crate) enum DeadLetters {
    /// List them.
    #[command(after_help = "Example:\n  chatty dead-letters list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one with its whole message.
    Show {
        /// The queue, as `list` prints it.
        queue: String,
        /// The letter's id.
        id: String,
    },
    /// Put letters back into their queue. Always safe: states carry versions.
    #[command(after_help = "Example:\n  chatty dead-letters redrive posts.user.v1")]
    Redrive(Which),
    /// Throw letters away.
    Drop(Which),
}

/// Letters of one queue.
#[derive(Args)]
pub(crate) struct Which {
    /// The queue, as `list` prints it.
    queue: String,
    /// The letters; all of the queue when none is named.
    ids: Vec<String>,
}

impl DeadLetters {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        match self {
            Self::List { json } => list(&operator, json).await?,
            Self::Show { queue, id } => {
                let letters = letters(&operator, &queue).await?;
                let Some(letter) = letters.into_iter().find(|letter| letter.id == id) else {
                    bail!("{queue} holds no dead letter {id}");
                };
                output::line(format_args!(
                    "queue   {}\nreason  {}\n\n{}",
                    letter.queue, letter.reason, letter.payload
                ))?;
            }
            Self::Redrive(which) => settle(&operator, which, Verdict::Redrive).await?,
            Self::Drop(which) => settle(&operator, which, Verdict::Drop).await?,
        }
        operator.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(operator: &Operator, json: bool) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for (queue, _) in topology::queues() {
        all.extend(letters(operator, &queue).await?);
    }
    if json {
        return output::line(serde_json::to_string_pretty(&all)?);
    }
    for letter in &all {
        output::line(format_args!("{}  {}  {}", letter.queue, letter.id, letter.reason))?;
    }
    output::line(format_args!("{} dead letters", all.len()))
}

fn owner<'a>(operator: &'a Operator, queue: &str) -> anyhow::Result<&'a Seen> {
    operator.service(queue.split('.').next().unwrap_or_default())
}

async fn letters(operator: &Operator, queue: &str) -> anyhow::Result<Vec<DeadLetter>> {
    let db = &owner(operator, queue)?.db;
    Ok(match &operator.broker {
        Some(broker) => broker.dead_letters(queue, db).await?,
        None => LocalBroker::new(&[]).dead_letters(queue, db).await?,
    })
}

async fn settle(operator: &Operator, which: Which, verdict: Verdict) -> anyhow::Result<()> {
    let db = &owner(operator, &which.queue)?.db;
    let ids = (!which.ids.is_empty()).then_some(which.ids.as_slice());
    let settled = match &operator.broker {
        Some(broker) => broker.settle(&which.queue, ids, verdict, db).await?,
        None => LocalBroker::new(&[]).settle(&which.queue, ids, verdict, db).await?,
    };
    let done = if verdict == Verdict::Redrive { "sent again" } else { "dropped" };
    output::line(format_args!("{settled} dead letters {done}"))
}
