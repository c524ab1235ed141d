//! `chatty dead-letters`: messages that a consumer could not apply, and has put aside so that they do not block its
//! queue.
//!
//! With RabbitMQ, dead letters are in queues of their own. In the one-process suite they are in a table of the
//! consumer's database.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use shared::config::Env;
use shared::events::broker::{Broker, DeadLetter, DeadLetterAction, LocalBroker};
use shared::events::topology;

use crate::output;
use crate::suite::{OpenedService, Operator};

/// The commands about dead letters.
#[derive(Subcommand)]
pub(crate) enum DeadLetters {
    /// List the dead letters of all queues, with the reason why each could not be applied.
    #[command(after_help = "Example:\n  chatty dead-letters list --json")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show a dead letter with its reason and its whole message.
    Show {
        /// The queue, as `list` prints it.
        queue: String,
        /// The id of the letter, as `list` prints it.
        id: String,
    },
    /// Put letters back into their queue. This is always safe, because a state that is older than the copy is ignored.
    #[command(after_help = "Example:\n  chatty dead-letters redrive posts.user.v1")]
    Redrive(Selection),
    /// Delete letters.
    Drop(Selection),
}

/// The selected letters of one queue.
#[derive(Args)]
pub(crate) struct Selection {
    /// The queue, as `list` prints it.
    queue: String,
    /// The ids of the letters. Without ids: all letters of the queue.
    ids: Vec<String>,
}

impl DeadLetters {
    /// Carries out the command.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let operator = Operator::open(env).await?;
        match self {
            Self::List { json } => list(&operator, json).await?,
            Self::Show { queue, id } => {
                // A queue of RabbitMQ cannot be searched by id, so all of its letters are read.
                let letters = read_letters(&operator, &queue).await?;
                let Some(letter) = letters.into_iter().find(|letter| letter.id == id) else {
                    bail!("{queue} holds no dead letter {id}");
                };
                output::print_line(format_args!(
                    "queue   {}\nreason  {}\n\n{}",
                    letter.queue, letter.reason, letter.payload
                ))?;
            }
            Self::Redrive(selection) => settle(&operator, selection, DeadLetterAction::Redrive).await?,
            Self::Drop(selection) => settle(&operator, selection, DeadLetterAction::Drop).await?,
        }
        operator.close().await;
        Ok(ExitCode::SUCCESS)
    }
}

async fn list(operator: &Operator, json: bool) -> anyhow::Result<()> {
    let mut all = Vec::new();
    for (queue, _) in topology::queues() {
        all.extend(read_letters(operator, &queue).await?);
    }
    if json {
        return output::print_line(serde_json::to_string_pretty(&all)?);
    }
    for letter in &all {
        output::print_line(format_args!("{}  {}  {}", letter.queue, letter.id, letter.reason))?;
    }
    output::print_line(format_args!("{} dead letters", all.len()))
}

/// Returns the service whose consumer reads a queue. The name of the service is the first part of the queue's name.
fn service_of_queue<'a>(operator: &'a Operator, queue: &str) -> anyhow::Result<&'a OpenedService> {
    operator.service(queue.split('.').next().unwrap_or_default())
}

/// Reads the dead letters of a queue from RabbitMQ, or from the service's database in the one-process form.
async fn read_letters(operator: &Operator, queue: &str) -> anyhow::Result<Vec<DeadLetter>> {
    let db = &service_of_queue(operator, queue)?.db;
    // The in-process broker keeps dead letters in the database alone, so an instance without services can read them.
    Ok(match &operator.broker {
        Some(broker) => broker.dead_letters(queue, db).await?,
        None => LocalBroker::new(&[]).dead_letters(queue, db).await?,
    })
}

/// Sends the selected letters again or deletes them, and prints their number.
async fn settle(operator: &Operator, selection: Selection, action: DeadLetterAction) -> anyhow::Result<()> {
    let db = &service_of_queue(operator, &selection.queue)?.db;
    let ids = (!selection.ids.is_empty()).then_some(selection.ids.as_slice());
    let settled = match &operator.broker {
        Some(broker) => broker.settle_dead_letters(&selection.queue, ids, action, db).await?,
        None => LocalBroker::new(&[]).settle_dead_letters(&selection.queue, ids, action, db).await?,
    };
    let done = if action == DeadLetterAction::Redrive { "put back into the queue" } else { "deleted" };
    output::print_line(format_args!("{settled} dead letters {done}"))
}
