//! The admin service as a process of its own.

use mimalloc::MiMalloc;

/// The same in all services: keeps less of what is freed than the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(admin::NAME, admin::PORT, &[], |_env, deps| Ok(admin::build(deps)))
}
