//! The checks of the suite's surroundings: the mail server, and the gateway as a stranger sees it.

use shared::config::{Env, Environment, Settings};
use shared::http;

use super::Finding;

/// Checks that the mail server answers as auth needs it, without sending a mail.
pub(super) async fn check_mail(env: &Env, settings: &Settings) -> Vec<Finding> {
    // Settings that are not valid are findings of another check.
    let Ok(config) = auth::Config::from_env(env, settings) else { return Vec::new() };
    vec![match auth::check_mail(&config).await {
        None => Finding::ok("mail", "it goes to the development mailbox at /dev/mail and is not sent"),
        Some(Ok(())) => {
            Finding::ok("mail", "the mail server answers, with the encryption and the login that SMTP_URL names")
        }
        Some(Err(error)) => {
            Finding::problem("mail", error, "check host, port, encryption, user and password in SMTP_URL")
        }
    }]
}

/// Checks that the gateway does not pass on `/metrics`, `/readyz` and `/livez`. They tell strangers about the inside of
/// the suite, and the services answer them to everybody because only the gateway can reach them (docs/adr/0016).
pub(super) async fn check_gateway(settings: &Settings, distributed: bool) -> Vec<Finding> {
    let check = "gateway";
    if !distributed {
        let found = match (settings.environment, settings.metrics_listen) {
            (_, Some(address)) => {
                format!("there is none: one process needs no gateway, and serves its metrics on {address} only")
            }
            (Environment::Production, None) => {
                "there is none: one process needs no gateway; it serves no metrics unless METRICS_LISTEN is set"
                    .to_owned()
            }
            (Environment::Development, None) => {
                "there is none: one process needs no gateway; in development it serves its metrics to everybody"
                    .to_owned()
            }
        };
        return vec![Finding::ok(check, found)];
    }
    let client = match http::own_client() {
        Ok(client) => client,
        Err(error) => return vec![Finding::warning(check, error, "check the certificates of the system")],
    };
    let mut findings = Vec::new();
    for path in ["/metrics", "/readyz", "/livez"] {
        let url = format!("{}{path}", settings.public_url);
        match client.get(&url).send().await {
            Err(error) => {
                let fix = "check that the gateway runs, or run this command where PUBLIC_URL can be reached";
                return vec![Finding::warning(check, format!("{url}: {error}"), fix)];
            }
            // 503 is an answer of `/readyz` itself, so it counts as passed on.
            Ok(answer) if answer.status().is_success() || answer.status().as_u16() == 503 => {
                let found = format!("{url} answers {}, so strangers can read it", answer.status().as_u16());
                findings.push(Finding::problem(
                    check,
                    found,
                    "let the gateway pass on the routes of the API only, as nginx.conf does",
                ));
            }
            Ok(_) => {}
        }
    }
    if findings.is_empty() {
        findings
            .push(Finding::ok(check, format!("{} does not pass on /metrics, /readyz and /livez", settings.public_url)));
    }
    findings
}
