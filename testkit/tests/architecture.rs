//! Rules of the code that no lint can check.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets what it did not expect fails")]

mod architecture {
    mod pages;
    mod problems;
    mod services;
}

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shared::services::{SERVICE_NAMES, SERVICES};

/// The largest number of lines of a file. A longer file has more than one subject.
const LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Returns all Rust files below a folder, with their text.
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
    for service in SERVICE_NAMES {
        let manifest = read(format!("services/{service}/Cargo.toml"));
        for other in SERVICE_NAMES.iter().filter(|other| **other != service) {
            let depends = manifest
                .lines()
                .any(|line| line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} =")));
            assert!(!depends, "{service} depends on {other}");
        }
    }
    let shared = read("shared/Cargo.toml");
    assert!(
        SERVICE_NAMES.iter().all(|service| !shared.contains(&format!("\n{service}"))),
        "shared depends on a service"
    );
}

#[test]
fn the_domain_knows_neither_http_nor_databases_nor_brokers() {
    for service in SERVICE_NAMES {
        for (path, text) in sources(&root().join("services").join(service).join("src/domain")) {
            for library in ["axum", "sea_orm", "lapin", "sqlx", "reqwest"] {
                assert!(!text.contains(&format!("{library}::")), "{} uses {library}", path.display());
            }
        }
    }
}

/// The services fetch no address that a person names: there is one HTTP client, for the requests of the services and of
/// the pages to the services, and nothing else opens connections (requirement S20 of docs/security.md).
#[test]
fn one_file_opens_addresses() {
    let folders = SERVICE_NAMES.iter().map(|service| format!("services/{service}/src"));
    let folders = folders.chain(["shared/src", "web/src"].map(str::to_owned));
    for (path, text) in folders.flat_map(|folder| sources(&root().join(folder))) {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let opens = ["reqwest::Client::", "Client::builder", "TcpStream::connect", "reqwest::get"];
        let found: Vec<&str> = opens.into_iter().filter(|call| code.contains(call)).collect();
        let may = ["http/client.rs", "tests.rs"].iter().any(|file| path.ends_with(file));
        assert!(found.is_empty() || may, "{} has {found:?}", path.display());
    }
}

/// A migration must do the same for ever. If it took a column's name from an entity, a change of the entity would
/// change it.
#[test]
fn migrations_import_no_entity() {
    for service in SERVICE_NAMES {
        for (path, text) in sources(&root().join("services").join(service).join("src/db/migrations")) {
            let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let named = code.find(|line| line.contains("entities") || line.contains("Entity"));
            assert!(named.is_none(), "{} names an entity: {named:?}", path.display());
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

/// A doc line names its subject first. A line that begins with a question word has to be read twice. Few are left, in
/// texts of the API.
#[test]
fn doc_lines_begin_with_their_subject() {
    const QUESTIONS: [&str; 7] = ["What", "Who", "Whoever", "Whether", "Those", "Where", "How"];
    let (mut lines, mut questions) = (0, Vec::new());
    for (path, text) in members().iter().flat_map(|member| sources(&root().join(member))) {
        for line in text.lines().map(str::trim_start).filter(|line| line.starts_with("///") || line.starts_with("//!"))
        {
            lines += 1;
            let first = line.split_whitespace().nth(1).unwrap_or_default().trim_end_matches(',');
            if QUESTIONS.contains(&first) {
                questions.push(format!("{}: {line}", path.display()));
            }
        }
    }
    assert!(lines > 5_000, "{lines} doc lines were found");
    assert!(questions.len() * 100 < lines, "{} of {lines} doc lines: {questions:#?}", questions.len());
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
        "src/answers/mod.rs",
        "src/streams/mod.rs",
        "src/domain/mod.rs",
        "src/db/entities",
        "src/db/queries",
        "src/db/migrations",
        "src/consumers/mod.rs",
        "tests/api/main.rs",
    ];
    for service in SERVICE_NAMES {
        for room in rooms {
            let path = root().join("services").join(service).join(room);
            assert!(path.exists(), "there is no {}", path.display());
        }
    }
}

/// Returns the names in a text that look like those of environment variables: capitals, with an underscore between two
/// words.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let named = words.filter(|word| word.contains('_') && !word.starts_with('_') && !word.ends_with('_'));
    let named = named.filter(|word| !word.contains(|c: char| c.is_ascii_lowercase()));
    named.map(str::to_owned).collect()
}

/// Returns the variables that the programs read with `env.get("NAME")` and similar calls, and those of the databases and
/// services.
fn variables_read() -> BTreeSet<String> {
    let folders = SERVICE_NAMES.map(|service| format!("services/{service}/src")).into_iter();
    let mut read = BTreeSet::new();
    for folder in folders.chain(["shared/src", "chatty/src", "web/src"].map(str::to_owned)) {
        for (_, text) in sources(&root().join(folder)) {
            let code = text.split("#[cfg(test)]").next().unwrap();
            for (before, after) in code.match_indices("(\"").map(|(at, _)| (&code[..at], &code[at + 2..])) {
                let reads =
                    ["get", "parse", "secret", "switch", "required", ">"].iter().any(|call| before.ends_with(call));
                let name = after.split('"').next().unwrap();
                if reads && names(name).contains(name) {
                    read.insert(name.to_owned());
                }
            }
            // A name that is needed twice is a constant.
            let constants = code.split(": &str = \"").skip(1).filter_map(|rest| rest.split('"').next());
            read.extend(constants.filter(|name| names(name).contains(*name)).map(str::to_owned));
        }
    }
    read.extend(SERVICES.map(|service| service.database_variable.to_owned()));
    // The pages ask all of them.
    read.extend(SERVICES.map(|service| service.url_variable.to_owned()));
    read
}

/// A setting that is described is read by something, and one that is read is described: in `.env.example` and by
/// `--help`.
#[test]
fn every_setting_in_the_texts_is_read_and_every_one_that_is_read_is_described() {
    let variables = variables_read();
    assert!(variables.len() > 20, "{variables:?}");
    let example = read_lines(".env.example", |line| line.trim_start_matches('#').split_once('=').map(|(name, _)| name));
    let missing: Vec<_> = variables.difference(&example).collect();
    assert!(missing.is_empty(), ".env.example does not name {missing:?}");
    let helped = ["shared/src/config/mod.rs", "chatty/src/main.rs", "web/src/lib.rs"].map(str::to_owned).into_iter();
    let own = SERVICE_NAMES.map(|service| format!("services/{service}/src/config.rs"));
    let own = own.into_iter().filter(|path| root().join(path).exists());
    let helped: String = helped.chain(own).map(read).collect();
    // The help of `chatty` makes the rows of the databases from the list of services.
    let databases = SERVICES.map(|service| service.database_variable);
    for name in variables.iter().filter(|name| !databases.contains(&name.as_str())) {
        let row = format!("(\"{name}\", \"");
        assert!(["    ", "["].iter().any(|before| helped.contains(&format!("{before}{row}"))), "--help lacks {name}");
    }
    let compose = read("docker-compose.yml");
    for name in example.difference(&variables) {
        assert!(compose.contains(&format!("${{{name}:")), "nothing reads {name} of .env.example");
    }
    let mut known = variables;
    known.extend(example);
    // This name belongs to the operating system and not to Chatty.
    known.insert("SCHED_IDLE".to_owned());
    for path in files(&root(), &["rs", "py", "yml", "sh", "conf", "toml"]).into_iter().chain([root().join("Makefile")])
    {
        known.extend(names(&fs::read_to_string(path).unwrap()));
    }
    for path in files(&root(), &["md"]) {
        let unknown: Vec<_> = names(&fs::read_to_string(&path).unwrap()).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{} names {unknown:?}, which nothing knows", path.display());
    }
}

fn read_lines(path: &str, name: impl Fn(&str) -> Option<&str>) -> BTreeSet<String> {
    let text = read(path);
    text.lines().filter_map(name).filter(|name| names(name).contains(*name)).map(str::to_owned).collect()
}

/// Returns all files below a folder that have one of these endings, without those in `target` and in hidden folders.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&path, endings));
        } else if path.extension().is_some_and(|ending| endings.iter().any(|wanted| ending == *wanted)) {
            found.push(path);
        }
    }
    found
}

/// Returns the number that stands between two texts. Its thousands are grouped by spaces.
fn number(text: &str, before: &str, after: &str) -> f64 {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map(|(number, _)| number);
    let number = found.unwrap_or_else(|| panic!("docs/scale.md: nothing between `{before}` and `{after}`"));
    number.replace(' ', "").parse().unwrap_or_else(|error| panic!("docs/scale.md: {number}: {error}"))
}

#[test]
fn the_load_in_the_page_on_scale_follows_from_what_it_assumes() {
    const BUSIEST: f64 = 3.0;
    const SECONDS: f64 = 86_400.0;
    let text = read(root().join("docs/scale.md")).split_whitespace().collect::<Vec<_>>().join(" ");
    let assumed = |before: &str, after: &str| number(&text, before, after);
    let reads = assumed("each of them reads ", " posts") + assumed("posts and ", " pages of the feed");
    let likes = assumed("of the feed, likes ", " posts and writes");
    let posts = assumed("posts and writes ", ", and that the busiest hour has three times");
    let said = [(assumed("Then ", " people make"), "people make "), (1e7, "10 million people make ")];
    for (people, before) in said {
        let (_, load) = text.split_once(before).unwrap();
        let said = [("", " reads, "), (" reads, ", " likes and "), (" likes and ", " posts a second")];
        for ((before, after), each) in said.into_iter().zip([reads, likes, posts]) {
            let (stated, follows) = (number(load, before, after), people / 10.0 * each / SECONDS * BUSIEST);
            assert!((follows / stated - 1.0).abs() < 0.05, "{people} people: {stated}{after}, but {follows:.1} follow");
        }
    }
}

/// Writes without an `Idempotency-Key`, see docs/adr/0008: all of auth but registering, and the desk.
const WITHOUT_A_KEY: [&str; 3] = ["/auth/", "/resolve", "/reopen"];

#[test]
fn every_write_takes_a_key_or_is_known_not_to() {
    let description: serde_json::Value = serde_json::from_str(&read("openapi.json")).unwrap();
    let mut writes = 0;
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if !["post", "put", "patch", "delete"].contains(&method.as_str()) {
                continue;
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let takes_a_key = parameters.map(|parameter| &parameter["name"]).any(|name| name == "Idempotency-Key");
            let is_known = path != "/auth/register"
                && WITHOUT_A_KEY.iter().any(|part| path.starts_with(part) || path.ends_with(part));
            assert_ne!(takes_a_key, is_known, "{method} {path}");
            writes += 1;
        }
    }
    assert!(writes > 50);
}
