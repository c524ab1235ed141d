//! The admin service as a process of its own.

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(admin::NAME, admin::PORT, |_env, deps| Ok(admin::build(deps)))
}
