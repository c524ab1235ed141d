//! What is seen from outside, and the mail server.

use shared::config::{Env, Environment, Settings};
use shared::http;

use super::Finding;

/// The mail server, which is auth's.
pub(super) async fn check_mail(env: &Env, settings: &Settings) -> Vec<Finding> {
    // What is wrong with the settings was said already.
    let Ok(config) = auth::Config::from_env(env, settings) else { return Vec::new() };
    vec![match auth::check_mail(&config).await {
        None => Finding::ok("mail", "it goes to the development mailbox at /dev/mail, to nobody else"),
        Some(Ok(())) => Finding::ok("mail", "the mail server answers as SMTP_URL asks for it"),
        Some(Err(error)) => Finding::problem("mail", error, "see SMTP_URL: host, port, encryption, user and password"),
    }]
}

/// What the gateway must keep to itself: these paths tell about the inside, and come from services that trust it.
pub(super) async fn check_gateway(settings: &Settings, distributed: bool) -> Vec<Finding> {
    let check = "gateway";
    if !distributed {
        let found = match (settings.environment, settings.metrics_listen) {
            (_, Some(address)) => {
                format!("none: one process answers for itself, and tells its metrics at {address} only")
            }
            (Environment::Production, None) => {
                "none: one process answers for itself, and keeps its metrics; METRICS_LISTEN tells them".to_owned()
            }
            (Environment::Development, None) => {
                "none: one process answers for itself, and tells its metrics to everybody in development".to_owned()
            }
        };
        return vec![Finding::ok(check, found)];
    }
    let client = match http::own_client() {
        Ok(client) => client,
        Err(error) => return vec![Finding::warning(check, error, "see the system's certificates")],
    };
    let mut findings = Vec::new();
    for path in ["/metrics", "/readyz", "/livez"] {
        let url = format!("{}{path}", settings.public_url);
        match client.get(&url).send().await {
            Err(error) => {
                let fix = "run this where PUBLIC_URL can be reached, or see whether the gateway runs";
                return vec![Finding::warning(check, format!("{url}: {error}"), fix)];
            }
            Ok(answer) if answer.status().is_success() || answer.status().as_u16() == 503 => {
                let found = format!("{url} answers {}: strangers can read it", answer.status().as_u16());
                findings.push(Finding::problem(
                    check,
                    found,
                    "let the gateway pass on the routes of the API only, see nginx.conf",
                ));
            }
            Ok(_) => {}
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(check, format!("{} keeps /metrics, /readyz and /livez inside", settings.public_url)));
    }
    findings
}
