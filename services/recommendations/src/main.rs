//! The recommendations service as a process of its own.

use recommendations::{Config, NAME, PORT, build};

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(NAME, PORT, |env, deps| Ok(build(&Config::from_env(env, &deps.settings)?, deps)))
}
