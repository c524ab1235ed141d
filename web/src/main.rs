//! The pages as a process of their own.

use mimalloc::MiMalloc;

/// All programs of the suite use mimalloc: it returns freed memory to the system sooner than the default allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::program::main_of_pages(web::NAME, web::PORT, web::VARIABLES, |env, settings, peers| {
        Ok(web::build(web::Config::from_env(env, settings)?, settings, peers))
    })
}
