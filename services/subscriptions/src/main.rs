//! The subscriptions service as a process of its own.

use mimalloc::MiMalloc;

/// The same in all services: keeps less of what is freed than the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(subscriptions::NAME, subscriptions::PORT, subscriptions::VARIABLES, |env, deps| {
        Ok(subscriptions::build(&subscriptions::Config::from_env(env)?, deps))
    })
}
