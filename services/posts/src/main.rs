//! The program that runs the posts service as a process of its own.

use mimalloc::MiMalloc;

/// The allocator of every service. It returns freed memory to the system earlier than the default one.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::program::main(posts::NAME, posts::PORT, posts::VARIABLES, |env, deps| {
        posts::build(&posts::Config::from_env(env, &deps.settings)?, deps)
    })
}
