//! The program behind `make bench`, which compares Chatty with other programs that do the same work (the anchors). Both
//! are measured in turns in one run.
//!
//! The goals, their numbers and the method are explained in docs/performance.md. A missed goal does not make the
//! program fail, but the table names it.
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
use goals::{events, feed, login, memory, overload, reads, recommend, search, start, streams, writes};
use report::Outcome;
use rounds::Effort;
use world::World;

/// Measures the goals of docs/performance.md.
#[derive(Parser)]
#[command(version, after_help = "Example: bench --only P8,P9 --full")]
struct Cli {
    /// The goals to measure, such as `P8,P9` [default: all].
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measures nine rounds of four seconds instead of five of two, for figures that are published.
    #[arg(long)]
    full: bool,
    /// The folder of the programs.
    #[arg(long, default_value = "target/dist")]
    bin_dir: PathBuf,
    /// The folder in which Python packages are installed.
    #[arg(long, default_value = "target/bench")]
    tools: PathBuf,
    /// The folder for the results.
    #[arg(long, default_value = "bench/results")]
    results: PathBuf,
}

/// The goals that `--only` accepts. P14 and P24 are not listed, because they are measured with P12 and P8.
const GOALS: [&str; 24] = [
    "P21", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P10", "P11", "P12", "P13", "P15", "P16", "P17",
    "P18", "P19", "P20", "P22", "P23", "P27", "P28",
];
/// The measurements that have no number. `--only` accepts them, too.
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

/// Refuses names that `--only` does not accept.
fn check_names(names: &[String]) -> Result<()> {
    let known: Vec<&str> = GOALS.into_iter().chain(OTHERS).collect();
    for name in names {
        ensure!(known.contains(&name.as_str()), "`{name}` is not one of {}", known.join(", "));
    }
    Ok(())
}

/// Measures the wanted goals, one after the other on one stack, and writes the results.
async fn run(cli: &Cli) -> Result<Vec<Outcome>> {
    check_names(&cli.only)?;
    let wanted = |goal: &str| cli.only.is_empty() || cli.only.iter().any(|name| name == goal);
    let effort = if cli.full { Effort::FULL } else { Effort::SHORT };
    let mut world = World::start(std::path::absolute(&cli.bin_dir)?).await?;
    let mut outcomes = Vec::new();
    // This comes before any load, because it measures the memory of services that have done nothing yet.
    let mut at_rest = None;
    if wanted("P21") || wanted("memory") {
        at_rest = Some(memory::measure_at_rest(&world, &cli.bin_dir, &cli.tools).await?);
    }
    writes::seed_posts(&world).await?;
    let machine = machine().await?;
    // Results are written after each goal, so that they are not lost if a later goal fails.
    let mut done = |new: Vec<Outcome>| {
        new.iter().for_each(|outcome| println!("{}", outcome.row()));
        outcomes.extend(new);
        report::write(&cli.results, &machine, &outcomes)
    };
    done(at_rest.iter().flatten().cloned().collect())?;
    if wanted("P1") {
        done(reads::measure_post(&world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P2") {
        done(vec![reads::measure_with_token(&world, effort).await?])?;
    }
    if wanted("P3") {
        done(reads::measure_gateway(&world, effort).await?)?;
    }
    if wanted("P4") {
        done(reads::measure_person(&world, effort, &cli.tools).await?)?;
    }
    if wanted("P5") {
        done(vec![reads::measure_cold(&mut world, effort).await?])?;
    }
    if wanted("P6") {
        done(vec![reads::measure_stampede(&mut world).await?])?;
    }
    if wanted("P7") {
        done(feed::measure_first_page(&mut world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P8") {
        done(writes::measure_likes(&world, effort).await?)?;
    }
    if wanted("P9") {
        done(writes::measure_likes_of_one_post(&world, effort).await?)?;
    }
    if wanted("P10") {
        done(vec![writes::measure_single_client(&world, effort).await?])?;
    }
    if wanted("P11") {
        done(vec![writes::measure_hits(&world).await?])?;
    }
    if wanted("P13") {
        done(events::measure_lag(&world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P12") {
        done(events::measure_backlog(&mut world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P15") {
        done(recommend::measure_calls(effort, &cli.tools).await?)?;
    }
    if wanted("P16") {
        done(recommend::measure_over_http(&mut world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P17") {
        done(recommend::measure_large(effort)?)?;
    }
    if wanted("P18") {
        done(recommend::measure_quality()?)?;
    }
    if wanted("P19") {
        done(login::measure_storm(&world, effort).await?)?;
    }
    if wanted("P20") {
        done(vec![login::measure_one_check(effort, &cli.tools).await?])?;
    }
    if wanted("P22") {
        done(vec![start::measure_until_ready(&mut world, &cli.bin_dir, effort).await?])?;
        done(vec![start::measure_with_likes(&mut world, effort).await?])?;
    }
    if wanted("P23") {
        done(overload::measure_flood(&world, effort, cli.full).await?)?;
    }
    if wanted("P27") {
        done(streams::measure_streams(&world, &cli.bin_dir, effort).await?)?;
    }
    if wanted("P28") {
        done(search::measure(&mut world, effort).await?)?;
    }
    if wanted("prototype") {
        done(overload::run_prototype_tests(&world, &cli.tools).await?)?;
    }
    // This comes last, since it leaves a million posts in the databases.
    if let Some([at_rest, _]) = at_rest.filter(|_| wanted("memory")) {
        done(memory::measure_with_posts(&mut world, &at_rest, cli.full).await?)?;
    }
    // The table is printed once more as a whole, below the rows that were printed after each goal.
    println!("\n{}", report::table(&outcomes));
    world.stack.stop()?;
    Ok(outcomes)
}

/// Returns a line about the day and the machine for the head of the results.
async fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1));
    let cores = std::thread::available_parallelism()?;
    let date = tokio::process::Command::new("date").arg("--iso-8601").output().await?.stdout;
    let date = String::from_utf8(date).context("a date")?;
    let (date, model, flushes) = (date.trim(), model.unwrap_or("unknown").trim(), flushes_per_second()?);
    Ok(format!("{date}, {cores} cores, {model}, {flushes:.0} flushes of its disk a second"))
}

/// Measures how many times a second the disk confirms 8 KiB as safe (fdatasync). The file lies in the folder for
/// temporary files, and so on the same disk as the databases.
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
