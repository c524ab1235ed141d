//! The auth service as a process of its own.

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(auth::NAME, auth::PORT, |env, deps| {
        let config = auth::Config::from_env(env, &deps.settings)?;
        auth::build(config, deps).map(|(service, _keys)| service)
    })
}
