//! The command line of the program.

use std::path::Path;

#[test]
fn the_program_tells_its_version_and_its_settings() {
    let program = Path::new(env!("CARGO_BIN_EXE_web"));
    testkit::program::check_command_line(program, &["healthcheck", "WEB_COOKIE_KEY_FILE", "POSTS_URL"]).unwrap();
}
