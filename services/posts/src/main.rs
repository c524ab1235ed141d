//! The posts service as a process of its own.

use mimalloc::MiMalloc;

/// The same in all services: keeps less of what is freed than the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(posts::NAME, posts::PORT, posts::VARIABLES, |env, deps| {
        posts::build(&posts::Config::from_env(env, &deps.settings)?, deps)
    })
}
