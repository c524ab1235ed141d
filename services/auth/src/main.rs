//! The auth service as a process of its own.

use mimalloc::MiMalloc;

/// The allocator of all services: it returns more of the freed memory to the system than the default one.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> std::process::ExitCode {
    shared::program::main(auth::NAME, auth::PORT, auth::VARIABLES, |env, deps| {
        let config = auth::Config::from_env(env, &deps.settings)?;
        auth::build(config, deps).map(|(service, _keys)| service)
    })
}
