//! The recommendations service as a process of its own.

use recommendations::{Config, NAME, PORT, build};

use mimalloc::MiMalloc;

/// The same in all services: keeps less of what is freed than the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(NAME, PORT, |env, deps| Ok(build(&Config::from_env(env, &deps.settings)?, deps)))
}
