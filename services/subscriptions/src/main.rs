//! The subscriptions service as a process of its own.

use mimalloc::MiMalloc;

/// All programs of the suite use mimalloc: it returns freed memory to the system sooner than the default allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::program::main(subscriptions::NAME, subscriptions::PORT, subscriptions::VARIABLES, |env, deps| {
        Ok(subscriptions::build(&subscriptions::Config::from_env(env)?, deps))
    })
}
