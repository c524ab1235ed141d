//! Tests that the files that cannot read `shared::services` agree with it: they name every service, and the pages where
//! all programs stand, and no other.

use std::collections::BTreeSet;

use shared::events::topology::ROUTES;
use shared::services::{SERVICE_NAMES, SERVICES, WEB};

use crate::read;

/// The lines that a file has once for each service: the file, the line, and the names that may stand in the place of
/// the first name although no service has them. A line whose names have that of the pages must stand there for the pages,
/// too. In a line, `{name}` and `{NAME}` stand for the name of the service in small and in capital letters, and `{port}`
/// for its port.
const LINES: [(&str, &str, &[&str]); 24] = [
    ("Cargo.toml", "\n    \"services/{name}\",\n", &[]),
    ("Cargo.toml", "\n{name} = { path = \"services/{name}\" }\n", &[]),
    ("Dockerfile", " --package {name} ", &["chatty", WEB.name]),
    ("Dockerfile", " target/dist/{name} ", &["chatty", WEB.name]),
    (
        "Dockerfile",
        "FROM base AS {name}\nCOPY --from=build /out/{name} /usr/local/bin/{name}\nEXPOSE {port}\n\
         ENTRYPOINT [\"/usr/local/bin/{name}\"]\n",
        &["chatty", WEB.name],
    ),
    ("docker-compose.yml", "\n  {name}:\n    <<: *service\n    build: { context: ., target: {name} }\n", &[WEB.name]),
    ("docker-compose.yml", "    build: { context: ., target: {name} }\n", &["chatty", WEB.name]),
    ("docker-compose.yml", "\n      CHATTY_LISTEN: 0.0.0.0:{port}\n", &[WEB.name]),
    (
        "docker-compose.yml",
        "\n      CHATTY_LISTEN: 0.0.0.0:{port}\n      \
         DATABASE_URL: postgres://{name}:${{NAME}_DB_PASSWORD}@postgres:5432/{name}_db\n",
        &[],
    ),
    ("docker-compose.yml", "      test: [\"CMD\", \"/usr/local/bin/{name}\", \"healthcheck\"]\n", &[WEB.name]),
    ("docker-compose.yml", "\n      {NAME}_DB_PASSWORD: ${{NAME}_DB_PASSWORD:?copy .env.example to .env}\n", &[]),
    (
        "docker-compose.yml",
        "\n      {NAME}_DATABASE_URL: postgres://{name}:${{NAME}_DB_PASSWORD}@postgres:5432/{name}_db\n",
        &[],
    ),
    ("docker-compose.yml", "    volumes: [\"{name}-data:/var/lib/chatty\"]\n", &[WEB.name]),
    ("docker-compose.yml", "\n  {name}-data:\n", &["postgres", "rabbitmq", "prometheus", "grafana", WEB.name]),
    (".env.example", "\n#{NAME}_DATABASE_URL=postgres://{name}:password@127.0.0.1:5432/{name}_db\n", &[]),
    (".env.example", "\n{NAME}_DB_PASSWORD=development-{name}\n", &[]),
    (".env.example", "{name} {port}", &[WEB.name]),
    ("deploy/postgres/init.sh", "\ncreate_owner {name} \"${NAME}_DB_PASSWORD\"\n", &[]),
    ("deploy/prometheus/prometheus.yml", "      - { names: [{name}], type: A, port: {port}, ", &[WEB.name]),
    ("deploy/prometheus/alerts.yml", " absent(up{job=\"chatty\", service=\"{name}\"})\n", &[WEB.name]),
    (
        "deploy/nginx/compose/upstreams.conf",
        "\nupstream {name} {\n    zone {name} 64k;\n    server {name}:{port} resolve;\n",
        &[WEB.name],
    ),
    ("README.md", "](services/{name}/README.md)", &[]),
    ("docs/workspace.dsl", "{name} = container \"{name}\" ", &[WEB.name]),
    ("docs/workspace.dsl", " \"Rust, port {port}\"\n", &[WEB.name]),
];

#[test]
fn every_file_names_the_services_of_the_list_and_no_other() {
    let mut problems = Vec::new();
    for (path, line, others) in LINES {
        let text = read(path);
        let services = SERVICES.map(|service| (service.name, service.port)).into_iter();
        let pages = others.contains(&WEB.name).then_some((WEB.name, WEB.port));
        for (name, port) in services.chain(pages) {
            let line = filled(line, name, port);
            if !text.contains(&line) {
                problems.push(format!("{path} lacks:\n{}", line.trim_matches('\n')));
            }
        }
        let is_stranger =
            |name: &&str| !others.contains(name) && !SERVICE_NAMES.contains(&name.to_lowercase().as_str());
        for name in named(&text, line).into_iter().filter(is_stranger) {
            problems.push(format!("{path} has {name} where a service should stand in:\n{}", line.trim_matches('\n')));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// Returns a line of [`LINES`] for a program.
fn filled(line: &str, name: &str, port: u16) -> String {
    let line = line.replace("{name}", name).replace("{NAME}", &name.to_uppercase());
    line.replace("{port}", &port.to_string())
}

/// Returns everything that stands in a text where a line of [`LINES`] has its first name. Returns nothing when the line
/// has no text before that name.
fn named<'a>(text: &'a str, line: &str) -> BTreeSet<&'a str> {
    let line = line.replace("{NAME}", "{name}");
    let Some((before, after)) = line.split_once("{name}") else { return BTreeSet::new() };
    let before = before.rsplit("{port}").next().unwrap();
    let after = after.split("{name}").next().unwrap().split("{port}").next().unwrap();
    if before.is_empty() { BTreeSet::new() } else { between(text, before, after) }
}

/// Returns everything that stands between two marks on one line.
fn between<'a>(text: &'a str, before: &str, after: &str) -> BTreeSet<&'a str> {
    let starts = text.match_indices(before).filter_map(|(at, mark)| text.get(at + mark.len()..));
    let found = starts.filter_map(|rest| rest.split_once(after)).map(|(found, _)| found);
    found.filter(|found| !found.contains('\n')).collect()
}

/// Returns the part of a file from one mark to another.
fn part(path: &str, from: &str, to: &str) -> String {
    let text = read(path);
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{path} has no `{from}`"));
    rest.split_once(to).map_or(rest, |(part, _)| part).to_owned()
}

#[test]
fn make_builds_the_services_of_the_list() {
    assert_eq!(part("Makefile", "\nSERVICES := ", "\n"), SERVICE_NAMES.join(" "));
    assert_eq!(part("Makefile", "\nPROGRAMS := ", "\n"), format!("$(SERVICES) {}", WEB.name));
}

/// The database of each service allows 60 connections, and the superuser needs some too.
#[test]
fn postgres_has_connections_for_all_services() {
    let limit = part("deploy/postgres/init.sh", "CONNECTION LIMIT ", ";").parse::<usize>().unwrap();
    let all = part("docker-compose.yml", "max_connections=", "\"").parse::<usize>().unwrap();
    assert!(all >= limit * SERVICES.len() + 20, "{all} connections for {} services", SERVICES.len());
}

#[test]
fn the_gateway_waits_for_all_programs_and_routes_to_each() {
    let programs: BTreeSet<&str> = SERVICE_NAMES.into_iter().chain([WEB.name]).collect();
    let gateway = part("docker-compose.yml", "\n  nginx:\n", "\n\n");
    let awaited = between(&gateway, "\n      ", ": { condition: service_healthy }");
    assert_eq!(awaited, programs);
    let map = part("nginx.conf", "map $uri $service {", "\n    }");
    let rows = map.lines().filter_map(|row| row.split_whitespace().last()?.strip_suffix(';'));
    let routed: BTreeSet<&str> = rows.filter(|service| *service != "\"\"").collect();
    assert_eq!(routed, programs);
    let rest = map.lines().last().unwrap();
    assert!(rest.trim_start().starts_with("default ") && rest.ends_with(&format!(" {};", WEB.name)), "{rest}");
}

#[test]
fn the_documents_name_all_services_and_streams() {
    let images = part("deploy/README.md", "**Images.**", "\n- ");
    let mut programs = SERVICE_NAMES.into_iter().chain([WEB.name]);
    let table = part("ARCHITECTURE.md", "\n| service |", "\n\n");
    let events = read("docs/events.md");
    assert!(programs.all(|name| images.contains(&format!("`{name}`"))), "deploy/README.md: {images}");
    assert_eq!(table.lines().skip(2).count(), SERVICES.len(), "ARCHITECTURE.md: {table}");
    for name in SERVICE_NAMES {
        let row = table.lines().find(|row| row.starts_with(&format!("| {name} |")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row of {name}"));
        for route in ROUTES.iter().filter(|route| route.owner == name) {
            assert!(row.contains(&format!("`{}`", route.stream)), "ARCHITECTURE.md: {name} owns {}", route.stream);
        }
    }
    for route in ROUTES {
        let row = format!("\n| `{}` | {} | {} |", route.stream, route.owner, route.consumers.join(", "));
        assert!(events.contains(&row), "docs/events.md lacks{row}");
    }
}
