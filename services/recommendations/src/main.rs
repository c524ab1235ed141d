//! The recommendations service as a process of its own.

use mimalloc::MiMalloc;

/// All programs of the suite use mimalloc: it returns freed memory to the system sooner than the default allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::program::main(recommendations::NAME, recommendations::PORT, &[], |_env, deps| {
        Ok(recommendations::build(deps))
    })
}
