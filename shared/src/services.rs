//! The list of the suite's services: the only place where their names and ports are typed.
//!
//! Tests, benchmarks and the operator's commands read the list. A test of the architecture compares it with the files
//! that cannot read it, such as the Dockerfile and the configuration of the gateway.

/// A service of the suite.
#[derive(Clone, Copy, Debug)]
pub struct ServiceInfo {
    /// The name of the service's crate, program, image, SQLite file and role in Postgres, and the beginning of its
    /// queues' names.
    pub name: &'static str,
    /// The port that the service serves on, unless `CHATTY_LISTEN` names another one.
    pub port: u16,
    /// The environment variable that tells the operator's commands the URL of the service's database.
    pub database_variable: &'static str,
    /// The environment variable that tells other services the service's URL.
    pub url_variable: &'static str,
}

/// All services. The order matters twice: auth comes first, because the others verify tokens by its keys; services that
/// only keep copies come last, because a backup copies the databases from the last to the first.
pub const SERVICES: [ServiceInfo; 5] = [
    service("auth", 8000, "AUTH_DATABASE_URL", "AUTH_URL"),
    service("posts", 8001, "POSTS_DATABASE_URL", "POSTS_URL"),
    service("subscriptions", 8002, "SUBSCRIPTIONS_DATABASE_URL", "SUBSCRIPTIONS_URL"),
    service("admin", 8003, "ADMIN_DATABASE_URL", "ADMIN_URL"),
    service("recommendations", 8004, "RECOMMENDATIONS_DATABASE_URL", "RECOMMENDATIONS_URL"),
];

const fn service(
    name: &'static str,
    port: u16,
    database_variable: &'static str,
    url_variable: &'static str,
) -> ServiceInfo {
    ServiceInfo { name, port, database_variable, url_variable }
}

/// The program of the pages, which is a client of the services: it has no database and no events.
#[derive(Clone, Copy, Debug)]
pub struct PagesInfo {
    /// The name of its crate, program and image.
    pub name: &'static str,
    /// The port that it serves on, unless `CHATTY_LISTEN` names another one.
    pub port: u16,
}

/// The pages.
pub const WEB: PagesInfo = PagesInfo { name: "web", port: 8005 };

/// The names of all services, in the same order.
pub const SERVICE_NAMES: [&str; SERVICES.len()] = names();

#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it, and would refuse an index that is too high")]
const fn names() -> [&'static str; SERVICES.len()] {
    let (mut names, mut place) = ([""; SERVICES.len()], 0);
    while place < names.len() {
        names[place] = SERVICES[place].name;
        place += 1;
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_services_share_a_port_and_each_variable_has_the_name_of_its_service() {
        let ports: HashSet<u16> = SERVICES.iter().map(|service| service.port).chain([WEB.port]).collect();
        assert_eq!(ports.len(), SERVICES.len() + 1);
        for service in SERVICES {
            assert_eq!(service.database_variable, format!("{}_DATABASE_URL", service.name.to_uppercase()));
            assert_eq!(service.url_variable, format!("{}_URL", service.name.to_uppercase()));
        }
    }
}
