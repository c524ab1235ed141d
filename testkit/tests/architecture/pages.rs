//! The pages are a client of the public API: they could be taken away, and nothing else would change.

use shared::services::SERVICE_NAMES;

use crate::{members, read, root, sources};

/// Libraries and modules of `shared` that reach data in another way than by the API.
const DATA: [&str; 10] = [
    "sea_orm",
    "sqlx",
    "lapin",
    "reqwest",
    "shared::db",
    "shared::work",
    "shared::outbox",
    "shared::events",
    "shared::service::",
    "shared::auth",
];

/// Returns whether a manifest has a dependency.
fn depends(manifest: &str, name: &str) -> bool {
    manifest.lines().any(|line| line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} =")))
}

#[test]
fn the_pages_know_the_api_alone() {
    let manifest = read("web/Cargo.toml");
    let known: Vec<&str> = SERVICE_NAMES.into_iter().filter(|service| depends(&manifest, service)).collect();
    assert!(known.is_empty(), "web depends on {known:?}");
    for (path, text) in sources(&root().join("web/src")) {
        let found: Vec<&str> = DATA.into_iter().filter(|name| text.contains(name)).collect();
        assert!(found.is_empty(), "{} uses {found:?}", path.display());
        // A group of imports would hide its names from the list above.
        assert!(!text.contains("use shared::{"), "{}: one line for each module of shared", path.display());
    }
}

#[test]
fn nothing_but_the_suite_in_one_process_knows_the_pages() {
    for member in members().iter().filter(|member| !["chatty", "web"].contains(&member.as_str())) {
        assert!(!depends(&read(format!("{member}/Cargo.toml")), "web"), "{member} depends on web");
    }
}

/// The forms of the pages stand in the limits of the gateway by their paths, which must be those of the router.
#[test]
fn the_gateway_limits_forms_that_exist() {
    let limits = read("deploy/nginx/compose/limits.conf");
    let router = read("web/src/router.rs");
    let rows = limits.split('"').filter_map(|row| row.trim_start_matches("~^").strip_prefix("POST /"));
    let forms: Vec<&str> = rows.filter(|path| !path.starts_with("auth/")).collect();
    assert!(forms.len() >= 10, "{forms:?}");
    for path in forms {
        // A row that ends with a slash is the beginning of paths.
        let end = if path.ends_with('/') { "" } else { "\"" };
        assert!(router.contains(&format!("\"/{path}{end}")), "there is no form at /{path}");
    }
}
