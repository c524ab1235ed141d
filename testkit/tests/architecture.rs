//! Rules of the code that no lint can check.
#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect fails")]

use std::fs;
use std::path::{Path, PathBuf};

const SERVICES: [&str; 5] = ["auth", "posts", "subscriptions", "admin", "recommendations"];
/// A longer file has more than one subject.
const LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// All Rust files below a folder, with their text.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn members() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let list = manifest.split_once("\nmembers = [").unwrap().1.split_once(']').unwrap().0;
    list.split(',').map(|member| member.trim().trim_matches('"').to_owned()).filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_service_depends_on_another() {
    for service in SERVICES {
        let manifest = read(format!("services/{service}/Cargo.toml"));
        for other in SERVICES.iter().filter(|other| **other != service) {
            let depends = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} =")));
            assert!(!depends, "{service} depends on {other}");
        }
    }
    let shared = read("shared/Cargo.toml");
    assert!(SERVICES.iter().all(|service| !shared.contains(&format!("\n{service}"))), "shared depends on a service");
}

#[test]
fn the_domain_knows_neither_http_nor_databases_nor_brokers() {
    for service in SERVICES {
        for (path, text) in sources(&root().join("services").join(service).join("src/domain")) {
            for library in ["axum", "sea_orm", "lapin", "sqlx", "reqwest"] {
                assert!(!text.contains(&format!("{library}::")), "{} uses {library}", path.display());
            }
        }
    }
}

#[test]
fn files_are_short() {
    for member in members() {
        for (path, text) in sources(&root().join(member)) {
            let lines = text.lines().count();
            assert!(lines <= LINES, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn every_member_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    for member in members() {
        assert!(map.contains(&member), "ARCHITECTURE.md does not name {member}");
    }
}

#[test]
fn services_have_the_same_rooms() {
    let rooms = [
        "README.md",
        "src/main.rs",
        "src/lib.rs",
        "src/state.rs",
        "src/router.rs",
        "src/error.rs",
        "src/routes/mod.rs",
        "src/domain/mod.rs",
        "src/db/entities",
        "src/db/queries",
        "src/db/migrations",
        "src/consumers/mod.rs",
        "tests/api/main.rs",
    ];
    for service in SERVICES {
        for room in rooms {
            let path = root().join("services").join(service).join(room);
            assert!(path.exists(), "there is no {}", path.display());
        }
    }
}
