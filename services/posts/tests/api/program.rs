//! The program `posts`: its command line.

use std::path::Path;

#[test]
fn the_program_tells_its_version_and_its_settings() {
    let program = Path::new(env!("CARGO_BIN_EXE_posts"));
    testkit::program::check_command_line(program, &["healthcheck", "DATABASE_URL", "MEDIA_URL"]).unwrap();
}
