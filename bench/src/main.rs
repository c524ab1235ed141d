//! `make bench`: Chatty beside what a person would use instead, in one run.
#![expect(clippy::print_stdout, reason = "the table is what the program is for")]

mod anchors;
mod cpu;
mod goals;
mod inverted;
mod likes;
mod load;
mod report;
mod rounds;
mod world;

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use goals::{events, feed, login, memory, overload, reads, recommend, start, writes};
use report::Outcome;
use rounds::Effort;
use world::World;

/// Measures the goals of docs/performance.md.
#[derive(Parser)]
#[command(version, after_help = "Example: bench --only P8,P9 --full")]
struct Cli {
    /// Only these goals, such as `P8,P9` [default: all].
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Nine rounds of four seconds instead of five of two, for figures that are published.
    #[arg(long)]
    full: bool,
    /// Where the programs lie.
    #[arg(long, default_value = "target/dist")]
    bin_dir: PathBuf,
    /// Where Python packages are installed.
    #[arg(long, default_value = "target/bench")]
    tools: PathBuf,
    /// Where the results go.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

/// All goals, in the order of the table.
const GOALS: [&str; 22] = [
    "P21", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P15", "P16", "P17",
    "P18", "P19", "P20", "P22", "P23",
];
/// What has no number.
const OTHERS: [&str; 2] = ["prototype", "memory"];

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Cli::parse()).await {
        Ok(outcomes) => {
            let missed: Vec<&str> =
                outcomes.iter().filter(|outcome| !outcome.pass).map(|outcome| outcome.goal.as_str()).collect();
            if missed.is_empty() {
                println!("All goals that were measured are held.");
            } else {
                println!("Missed: {}.", missed.join(", "));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<Vec<Outcome>> {
    for name in &cli.only {
        let known: Vec<&str> = GOALS.into_iter().chain(OTHERS).collect();
        ensure!(known.contains(&name.as_str()), "`{name}` is not one of {}", known.join(", "));
    }
    let wanted = |goal: &str| cli.only.is_empty() || cli.only.iter().any(|name| name == goal);
    let effort = if cli.full { Effort::FULL } else { Effort::SHORT };
    let mut world = World::start(std::path::absolute(&cli.bin_dir)?).await?;
    let mut outcomes = Vec::new();
    let mut at_rest = None;
    if wanted("P21") || wanted("memory") {
        at_rest = Some(memory::at_rest(&world, &cli.bin_dir, &cli.tools).await?);
    }
    writes::seed_posts(&world).await?;
    let machine = machine().await?;
    // Written after each goal: what was measured is not lost when a later one fails.
    let mut done = |new: Vec<Outcome>| {
        new.iter().for_each(|outcome| println!("{}", outcome.row()));
        outcomes.extend(new);
        report::write(&cli.results, &machine, &outcomes)
    };
    done(at_rest.iter().flatten().cloned().collect())?;
    if wanted("P1") {
        done(reads::post(&world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P2") {
        done(vec![reads::with_token(&world, effort).await?])?;
    }
    if wanted("P3") {
        done(reads::through_gateway(&world, effort).await?)?;
    }
    if wanted("P4") {
        done(reads::person(&world, effort, &cli.tools).await?)?;
    }
    if wanted("P5") {
        done(vec![reads::cold(&mut world, effort).await?])?;
    }
    if wanted("P6") {
        done(vec![reads::stampede(&mut world).await?])?;
    }
    if wanted("P7") {
        done(feed::first_page(&mut world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P8") {
        done(writes::likes(&world, effort).await?)?;
    }
    if wanted("P9") {
        done(writes::one_post(&world, effort).await?)?;
    }
    if wanted("P10") {
        done(vec![writes::alone(&world, effort).await?])?;
    }
    if wanted("P11") {
        done(vec![writes::hits(&world).await?])?;
    }
    if wanted("P13") {
        done(events::lag(&world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P12") {
        done(events::backlog(&mut world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P15") {
        done(recommend::calls(effort, &cli.tools).await?)?;
    }
    if wanted("P16") {
        done(recommend::over_http(&mut world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P17") {
        done(recommend::large(effort)?)?;
    }
    if wanted("P18") {
        done(recommend::quality()?)?;
    }
    if wanted("P19") {
        done(login::storm(&world, effort).await?)?;
    }
    if wanted("P20") {
        done(vec![login::one_check(effort, &cli.tools).await?])?;
    }
    if wanted("P22") {
        done(vec![start::until_ready(&mut world, &cli.bin_dir, effort).await?])?;
        done(vec![start::with_likes(&mut world, effort).await?])?;
    }
    if wanted("P23") {
        done(overload::flood(&world, effort, cli.full).await?)?;
    }
    if wanted("prototype") {
        done(overload::prototype(&world, &cli.tools).await?)?;
    }
    if let Some([at_rest, _]) = at_rest.filter(|_| wanted("memory")) {
        done(memory::with_posts(&mut world, &at_rest, cli.full).await?)?;
    }
    println!("\n{}", report::table(&outcomes));
    world.stack.stop()?;
    Ok(outcomes)
}

/// What it was measured on.
async fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism()?;
    let date = tokio::process::Command::new("date").arg("--iso-8601").output().await?.stdout;
    let date = String::from_utf8(date).context("a date")?;
    let (date, model, flushes) = (date.trim(), model.unwrap_or("unknown").trim(), flushes_per_second()?);
    Ok(format!("{date}, {cores} cores, {model}, {flushes:.0} flushes of its disk a second"))
}

/// How often a second the disk says that 8 KiB are safe. The databases lie on the same one, in the folder for temporary
/// files.
fn flushes_per_second() -> Result<f64> {
    let (mut file, begun) = (tempfile::tempfile()?, Instant::now());
    let mut flushes = 0.0;
    while begun.elapsed() < Duration::from_secs(1) {
        file.rewind()?;
        file.write_all(&[0; 8_192])?;
        file.sync_data()?;
        flushes += 1.0;
    }
    Ok(flushes / begun.elapsed().as_secs_f64())
}
