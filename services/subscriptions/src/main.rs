//! The subscriptions service as a process of its own.

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(subscriptions::NAME, subscriptions::PORT, |_env, deps| Ok(subscriptions::build(deps)))
}
