//! The posts service as a process of its own.

fn main() -> std::process::ExitCode {
    shared::lifecycle::main(posts::NAME, posts::PORT, |env, deps| {
        posts::build(&posts::Config::from_env(env, &deps.settings)?, deps)
    })
}
