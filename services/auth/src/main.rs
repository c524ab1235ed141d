//! The auth service as a process of its own.

use mimalloc::MiMalloc;

/// The same in all services: keeps less of what is freed than the system's allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(auth::NAME, auth::PORT, auth::VARIABLES, |env, deps| {
        let config = auth::Config::from_env(env, &deps.settings)?;
        auth::build(config, deps).map(|(service, _keys)| service)
    })
}
