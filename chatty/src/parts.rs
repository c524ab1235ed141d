//! The table of the services' crates, with everything in each of them that the suite and the operator's commands call.

use shared::auth::Keys;
use shared::config::{ConfigError, Env, Settings, Variable};
use shared::db::Schema;
use shared::events::Streams;
use shared::service::{Deps, Service};
use shared::services::SERVICES;
use utoipa::openapi::OpenApi;

/// Builds a service. Auth also returns the public keys, which the services that are built after it get in [`Deps`].
type Build = fn(&Env, Deps) -> anyhow::Result<(Service, Option<Keys>)>;

/// A service, as its crate offers it.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// The settings that only this service reads, for `--help`.
    pub(crate) variables: &'static [Variable],
    /// Reads the settings that only this service reads, and fails when one of them is not valid.
    pub(crate) check: fn(&Env, &Settings) -> Result<(), ConfigError>,
    /// Builds the service. Nothing is bound or connected yet.
    pub(crate) build: Build,
    /// Returns the description of the service's routes.
    pub(crate) openapi: fn() -> OpenApi,
    /// Returns the streams that the service owns and those that it keeps copies of.
    pub(crate) streams: fn() -> Streams,
    pub(crate) schema: fn() -> Schema,
}

/// All services in the order of [`SERVICES`].
pub(crate) const PARTS: [Part; SERVICES.len()] = [
    Part {
        name: auth::NAME,
        variables: auth::VARIABLES,
        check: |env, settings| auth::Config::from_env(env, settings).map(drop),
        build: |env, deps| {
            let (service, keys) = auth::build(auth::Config::from_env(env, &deps.settings)?, deps)?;
            Ok((service, Some(keys)))
        },
        openapi: auth::openapi,
        streams: auth::streams,
        schema: auth::schema,
    },
    Part {
        name: posts::NAME,
        variables: posts::VARIABLES,
        check: |env, settings| posts::Config::from_env(env, settings).map(drop),
        build: |env, deps| Ok((posts::build(&posts::Config::from_env(env, &deps.settings)?, deps)?, None)),
        openapi: posts::openapi,
        streams: posts::streams,
        schema: posts::schema,
    },
    Part {
        name: subscriptions::NAME,
        variables: subscriptions::VARIABLES,
        check: |env, _settings| subscriptions::Config::from_env(env).map(drop),
        build: |env, deps| Ok((subscriptions::build(&subscriptions::Config::from_env(env)?, deps), None)),
        openapi: subscriptions::openapi,
        streams: subscriptions::streams,
        schema: subscriptions::schema,
    },
    Part {
        name: admin::NAME,
        variables: &[],
        check: |_env, _settings| Ok(()),
        build: |_env, deps| Ok((admin::build(deps), None)),
        openapi: admin::openapi,
        streams: admin::streams,
        schema: admin::schema,
    },
    Part {
        name: recommendations::NAME,
        variables: &[],
        check: |_env, _settings| Ok(()),
        build: |_env, deps| Ok((recommendations::build(deps), None)),
        openapi: recommendations::openapi,
        streams: recommendations::streams,
        schema: recommendations::schema,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::events::topology::{ROUTES, Route};

    use super::*;

    /// The crates know their own names and ports, since none of them depends on the suite.
    #[test]
    fn the_crates_are_those_of_the_list_of_services() {
        let crates = [
            (auth::NAME, auth::PORT),
            (posts::NAME, posts::PORT),
            (subscriptions::NAME, subscriptions::PORT),
            (admin::NAME, admin::PORT),
            (recommendations::NAME, recommendations::PORT),
        ];
        assert_eq!(crates, SERVICES.map(|service| (service.name, service.port)));
        assert_eq!(PARTS.map(|part| part.name), SERVICES.map(|service| service.name));
    }

    /// A stream that is missing in the table of routes would have no queue, and its messages would be lost.
    #[test]
    fn the_streams_of_each_service_are_those_of_the_table_of_routes() {
        for part in PARTS {
            let streams = (part.streams)();
            let owned: BTreeSet<&str> = streams.sources.iter().map(|source| source.stream()).collect();
            let consumed: BTreeSet<&str> = streams.consumers.iter().map(|consumer| consumer.stream()).collect();
            let routes = |is_meant: fn(&Route, &str) -> bool| -> BTreeSet<&str> {
                ROUTES.iter().filter(|route| is_meant(route, part.name)).map(|route| route.stream).collect()
            };
            assert_eq!(owned, routes(|route, name| route.owner == name), "owned by {}", part.name);
            assert_eq!(consumed, routes(|route, name| route.consumers.contains(&name)), "consumed by {}", part.name);
        }
    }
}
