//! The parts of a stack: their ports, their environment, and the order in which they stop.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use shared::services::{SERVICE_NAMES, SERVICES, ServiceInfo, WEB};
use url::Url;

use crate::servers::disk::SmallDisk;
use crate::servers::machine::{free_ports, is_program, make_folder};
use crate::servers::nginx::{self, NginxOptions};
use crate::servers::postgres::{PostgresAddress, STANDBY};
use crate::servers::process::{Ending, Probe, Spec};
use crate::servers::proxy::Proxy;
use crate::servers::rabbitmq::RabbitMqPlan;
use crate::stack::StackOptions;
use crate::stack::layout::Layout;
use crate::stack::state::{Addresses, Service, State};

/// The servers that a stack starts beside the services.
const SERVERS: [&str; 4] = ["postgres", "rabbitmq", "nginx", "mail"];

/// The nodes of the broker. A stack with one node has the first of them.
pub const BROKERS: [&str; 3] = ["rabbitmq", "rabbitmq2", "rabbitmq3"];

/// The name of the folder of the pictures.
const MEDIA: &str = "media";

/// The name of the folder of the Unix sockets through which the gateway reaches the services and the pages.
const SOCKETS: &str = "sockets";

/// RabbitMQ's port mapper. It starts and stops with the broker, and is no part that can be restarted alone.
pub(super) const MAPPER: &str = "epmd";

/// The order in which parts stop: each group together, and before the groups that it needs.
pub(super) const STOP_ORDER: [&[&str]; 6] =
    [&["nginx"], &[WEB.name], &SERVICE_NAMES, &BROKERS, &["postgres", STANDBY, "mail"], &[MAPPER]];

/// The limit of connections to the database of a service.
const CONNECTION_LIMIT: u32 = 20;
/// The number of connections of one replica. Three replicas of a service must fit into the limit.
const CONNECTIONS_PER_REPLICA: u32 = 6;

/// The place of the standby. There is no description of its process yet, because its data is a copy of the running
/// primary's.
#[derive(Debug)]
pub(super) struct Standby {
    pub(super) data: PathBuf,
    pub(super) port: u16,
    pub(super) log: PathBuf,
}

/// The services that can have several replicas behind the gateway.
const REPLICATED: [&str; 2] = ["posts", "subscriptions"];

/// Returns the names of the parts that can be restarted in a stack with one broker node and without a standby.
pub fn part_names() -> impl Iterator<Item = &'static str> {
    SERVERS.into_iter().chain(SERVICE_NAMES).chain([WEB.name])
}

/// The way to start every part of a stack.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) postgres: Spec,
    pub(super) brokers: Vec<Spec>,
    pub(super) mapper: Spec,
    pub(super) mail: Spec,
    pub(super) nginx: Spec,
    /// The text of the `rabbitmqctl` script.
    pub(super) rabbitmqctl: String,
    pub(super) standby: Option<Standby>,
    pub(super) database: PostgresAddress,
    /// The broker's URL, which does not lead through a proxy.
    amqp_url: String,
    /// The ports of the services' first replicas.
    ports: BTreeMap<String, u16>,
    /// The further replicas: name of the part, service, port.
    replicas: Vec<(String, String, u16)>,
    /// The port of the pages.
    web: u16,
    /// The port of the gateway.
    gateway: u16,
    /// The ports of the mail sink.
    smtp: u16,
    mail_page: u16,
    data: PathBuf,
    logs: BTreeMap<String, PathBuf>,
}

impl Plan {
    /// Chooses ports, creates folders and configurations below `data`, and describes every part.
    ///
    /// # Errors
    /// If a program is missing, or if the options contradict each other.
    pub(super) fn prepare(options: &StackOptions, layout: &Layout, data: &Path) -> Result<Self> {
        for name in SERVICE_NAMES.into_iter().chain([WEB.name]) {
            let program = options.bin_dir.join(name);
            ensure!(is_program(&program), "{} is not there; build the services first", program.display());
        }
        ensure!((1..=BROKERS.len()).contains(&options.brokers), "a broker has one to {} nodes", BROKERS.len());
        let clustered = options.brokers > 1 || options.standby;
        ensure!(!(options.proxied && clustered), "a proxy stands in front of one server, not of several");
        let [postgres_port, standby_port, gateway, web, smtp, mail_page] = free_ports()?;
        let service_ports: [u16; SERVICE_NAMES.len()] = free_ports()?;
        let ports: BTreeMap<String, u16> = SERVICE_NAMES.map(str::to_owned).into_iter().zip(service_ports).collect();
        for folder in SERVICE_NAMES.into_iter().chain([WEB.name, "mail"]) {
            make_folder(&data.join(folder), None)?;
        }
        // The gateway's workers may run as another user, who has to pass through these two.
        for folder in [MEDIA, SOCKETS] {
            make_folder(&data.join(folder), None)?;
            fs::set_permissions(data.join(folder), Permissions::from_mode(0o711))?;
        }
        let place = |name: &str| format!("unix:{}", socket(data, name).display());
        let programs = SERVICE_NAMES.into_iter().chain([WEB.name]);
        let mut upstreams: BTreeMap<String, Vec<String>> =
            programs.map(|name| (name.to_owned(), vec![place(name)])).collect();
        // A service's first replica has the name of the service; the others have a number behind it.
        let mut replicas = Vec::new();
        for (service, number) in REPLICATED.into_iter().flat_map(|name| (2..=options.replicas).map(move |n| (name, n)))
        {
            let ([port], name) = (free_ports()?, format!("{service}-{number}"));
            make_folder(&data.join(&name), None)?;
            upstreams.entry(service.to_owned()).or_default().push(place(&name));
            replicas.push((name, service.to_owned(), port));
        }

        let (database, postgres) =
            PostgresAddress::prepare(&data.join("postgres"), postgres_port, layout.log("postgres"), true)?;
        let nodes: Vec<_> = BROKERS.iter().take(options.brokers).map(|name| (*name, layout.log(name))).collect();
        let rabbitmq = RabbitMqPlan::prepare(&data.join("rabbitmq"), &nodes)?;
        let nginx = nginx::prepare(&NginxOptions {
            repository: &options.repository,
            prefix: &data.join("nginx"),
            log: &layout.log("nginx"),
            access_log: &layout.log("nginx-access"),
            port: gateway,
            upstreams: &upstreams,
            media: &data.join(MEDIA),
        })?;
        let mail = mail_spec(options, data, layout, smtp, mail_page);
        Ok(Self {
            postgres,
            rabbitmqctl: rabbitmq.rabbitmqctl_script()?,
            amqp_url: rabbitmq.url(),
            brokers: rabbitmq.nodes,
            mapper: rabbitmq.mapper,
            mail,
            nginx,
            standby: options.standby.then(|| Standby {
                data: data.join(STANDBY),
                port: standby_port,
                log: layout.log(STANDBY),
            }),
            database,
            logs: SERVICE_NAMES
                .into_iter()
                .chain([WEB.name])
                .chain(replicas.iter().map(|(name, ..)| name.as_str()))
                .map(|name| (name.to_owned(), layout.log(name)))
                .collect(),
            ports,
            replicas,
            web,
            gateway,
            smtp,
            mail_page,
            data: data.to_path_buf(),
        })
    }

    /// Returns the addresses of all parts. The services' databases are filled in once they are created.
    pub(super) fn addresses(&self) -> Addresses {
        let services = self.ports.iter().map(|(name, port)| {
            let service = Service { url: local(*port), database_url: String::new() };
            (name.clone(), service)
        });
        Addresses {
            gateway_url: local(self.gateway),
            web_url: local(self.web),
            mail_url: local(self.mail_page),
            postgres_url: self.database.url(),
            amqp_url: self.amqp_url.clone(),
            services: services.collect(),
        }
    }

    /// Returns the folder on which the small disk is mounted.
    pub(super) fn disk(&self) -> PathBuf {
        self.data.join("disk")
    }

    /// Creates the services' databases, and puts them and the pictures on the small disk if there is one. Completes the
    /// addresses in `state`.
    pub(super) async fn create_databases(&self, state: &mut State, disk: Option<&SmallDisk>) -> Result<()> {
        // Databases and pictures share the disk, so that a full one hits both.
        let tablespace = disk.map(|_| "small");
        if let (Some(disk), Some(name)) = (disk, tablespace) {
            self.database.create_tablespace(name, &disk.path().join("databases")).await?;
            let media = disk.path().join("media");
            make_folder(&media, None)?;
            // The gateway and posts know the folder by its old path.
            fs::remove_dir(self.data.join(MEDIA))?;
            symlink(media, self.data.join(MEDIA))?;
        }
        for (name, service) in &mut state.addresses.services {
            let url = self.database.create_database(name, CONNECTION_LIMIT, tablespace).await?;
            service.database_url = match &self.standby {
                Some(standby) => self.database.with_standby(&url, standby.port),
                None => url,
            };
        }
        Ok(())
    }

    /// Returns the servers that can have a proxy, each with its port.
    pub(super) fn proxied_ports(&self) -> Result<[(&'static str, u16); 2]> {
        let broker = Url::parse(&self.amqp_url)?.port().context("the broker has no port")?;
        Ok([("postgres", self.database.port), ("rabbitmq", broker)])
    }

    /// Describes the pages, which reach the services at their own ports. They have neither a database nor a broker.
    pub(super) fn pages(&self, options: &StackOptions) -> Spec {
        let mut env = self.common_environment(WEB.name, self.web);
        env.extend(self.service_urls());
        env.extend(options.service_env.iter().cloned());
        self.program((WEB.name, WEB.name), env, self.web, options)
    }

    /// Describes every replica of every service. The URLs in its environment lead through the proxies, where there are
    /// any.
    pub(super) fn services(
        &self,
        state: &State,
        options: &StackOptions,
        proxies: &BTreeMap<&'static str, Proxy>,
    ) -> Result<Vec<Spec>> {
        let addresses = &state.addresses;
        let first = self.ports.iter().map(|(name, port)| (name, name, *port));
        let started = first.chain(self.replicas.iter().map(|(name, service, port)| (name, service, *port)));
        // Only the services go through proxies. The operator's program and the checks of a run need the real servers.
        let through = |url: &str, server: &str| -> Result<String> {
            let Some(proxy) = proxies.get(server) else { return Ok(url.to_owned()) };
            let mut url = Url::parse(url)?;
            ensure!(url.set_port(Some(proxy.port())).is_ok(), "a URL without a port");
            Ok(url.into())
        };
        let amqp_url = through(&self.amqp_url, "rabbitmq")?;
        let specs = started.map(|(name, service, port)| {
            let address = addresses.services.get(service).context("no such service")?;
            let database_url = through(&address.database_url, "postgres")?;
            let env = self.environment((name, service), port, &database_url, &amqp_url, options);
            Ok(self.program((name, service), env, port, options))
        });
        specs.collect()
    }

    /// Describes a part that runs one of Chatty's programs.
    fn program(
        &self,
        (name, program): (&str, &str),
        env: BTreeMap<String, String>,
        port: u16,
        options: &StackOptions,
    ) -> Spec {
        Spec {
            name: name.to_owned(),
            program: options.bin_dir.join(program),
            args: Vec::new(),
            env,
            folder: self.data.join(name),
            log: self.logs.get(name).cloned().unwrap_or_default(),
            account: None,
            probe: Probe::Readyz(port),
            ending: Ending::Term,
            persistent: false,
            deadline: Duration::from_secs(60),
        }
    }

    fn environment(
        &self,
        (name, service): (&str, &str),
        port: u16,
        database_url: &str,
        amqp_url: &str,
        options: &StackOptions,
    ) -> BTreeMap<String, String> {
        let auth = self.ports.get("auth").copied().unwrap_or_default();
        let mut env = self.common_environment(name, port);
        env.extend(
            [
                ("DATABASE_URL", database_url.to_owned()),
                ("DATABASE_MAX_CONNECTIONS", CONNECTIONS_PER_REPLICA.to_string()),
                ("AMQP_URL", amqp_url.to_owned()),
                ("MAIL_FROM", "Chatty <no-reply@chatty.example>".to_owned()),
                ("AUTH_JWKS_URL", format!("{}/.well-known/jwks.json", local(auth))),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        if service == "auth" {
            // The benchmarks read the key to sign tokens for thousands of people.
            let key = self.data.join(name).join("jwt.pem").display().to_string();
            env.insert("JWT_PRIVATE_KEY_FILE".to_owned(), key);
            env.extend(self.service_urls());
        }
        if service == "posts" {
            env.insert("MEDIA_URL".to_owned(), format!("file://{}", self.data.join(MEDIA).display()));
        }
        env.extend(options.service_env.iter().cloned());
        env
    }

    /// Returns the environment that all of Chatty's programs have. nginx, which comes by the socket, and the pages, which
    /// come from this machine, are believed when they name their client.
    fn common_environment(&self, name: &str, port: u16) -> BTreeMap<String, String> {
        [
            ("CHATTY_LISTEN", format!("127.0.0.1:{port}")),
            ("CHATTY_SOCKET", socket(&self.data, name).display().to_string()),
            ("CHATTY_DATA_DIR", self.data.join(name).display().to_string()),
            ("TRUSTED_PROXIES", "unix,127.0.0.1".to_owned()),
            ("CHATTY_ENV", "development".to_owned()),
            ("PUBLIC_URL", local(self.gateway)),
            ("SMTP_URL", format!("smtp://127.0.0.1:{}?tls=none", self.smtp)),
            ("RUST_LOG", "info".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Returns the variables with the URLs of the services' first replicas.
    fn service_urls(&self) -> impl Iterator<Item = (String, String)> {
        let ports = &self.ports;
        let port = move |service: ServiceInfo| Some((service.url_variable, ports.get(service.name)?));
        SERVICES.into_iter().filter_map(port).map(|(variable, port)| (variable.to_owned(), local(*port)))
    }
}

/// Returns the path of the socket at which a replica listens for the gateway.
fn socket(data: &Path, name: &str) -> PathBuf {
    data.join(SOCKETS).join(format!("{name}.sock"))
}

fn mail_spec(options: &StackOptions, data: &Path, layout: &Layout, smtp: u16, page: u16) -> Spec {
    let folder = data.join("mail");
    let args = [
        "mail".to_owned(),
        format!("--smtp=127.0.0.1:{smtp}"),
        format!("--http=127.0.0.1:{page}"),
        format!("--file={}", folder.join("messages.jsonl").display()),
    ];
    Spec {
        name: "mail".to_owned(),
        program: options.testkit.clone(),
        args: args.to_vec(),
        env: BTreeMap::new(),
        folder,
        log: layout.log("mail"),
        account: None,
        probe: Probe::Port(smtp),
        ending: Ending::Term,
        persistent: false,
        deadline: Duration::from_secs(20),
    }
}

fn local(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
