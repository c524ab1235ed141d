//! The command line of the program.

use std::path::Path;

#[test]
fn the_program_tells_its_version_and_its_settings() {
    let program = Path::new(env!("CARGO_BIN_EXE_auth"));
    testkit::program::check_command_line(program, &["healthcheck", "DATABASE_URL", "JWT_PRIVATE_KEY_FILE", "SMTP_URL"])
        .unwrap();
}
