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
}

/// All services. The order matters twice: auth comes first, because the others verify tokens by its keys; services that
/// only keep copies come last, because a backup copies the databases from the last to the first.
pub const SERVICES: [ServiceInfo; 5] = [
    ServiceInfo { name: "auth", port: 8000, database_variable: "AUTH_DATABASE_URL" },
    ServiceInfo { name: "posts", port: 8001, database_variable: "POSTS_DATABASE_URL" },
    ServiceInfo { name: "subscriptions", port: 8002, database_variable: "SUBSCRIPTIONS_DATABASE_URL" },
    ServiceInfo { name: "admin", port: 8003, database_variable: "ADMIN_DATABASE_URL" },
    ServiceInfo { name: "recommendations", port: 8004, database_variable: "RECOMMENDATIONS_DATABASE_URL" },
];

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
        let ports: HashSet<u16> = SERVICES.iter().map(|service| service.port).collect();
        assert_eq!(ports.len(), SERVICES.len());
        for service in SERVICES {
            assert_eq!(service.database_variable, format!("{}_DATABASE_URL", service.name.to_uppercase()));
        }
    }
}
