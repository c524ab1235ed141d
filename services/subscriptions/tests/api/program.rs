//! The command line of the service's program.

use std::path::Path;

#[test]
fn the_program_tells_its_version_and_its_settings() {
    let program = Path::new(env!("CARGO_BIN_EXE_subscriptions"));
    testkit::program::check_command_line(program, &["healthcheck", "DATABASE_URL", "FEED_MAX_POSTS"]).unwrap();
}
