//! The problems on the side of the server, by their first status: 5xx.

use super::kind::{Kind, LATER, LOOK, SYNTAX, kind};

/// These problems.
pub(super) const FAILURES: &[Kind] = &[
    kind(
        "internal_error",
        &[500],
        "Fault of the server",
        "Something went wrong that should not. The log has the cause under the id of the request.",
        "Tell the operator the member `request_id`.",
    ),
    kind(
        "not_implemented",
        &[501],
        "Unknown transfer coding",
        "Of the transfer codings only chunked is known.",
        SYNTAX,
    ),
    kind("bad_gateway", &[502], "Service cannot be reached", "The gateway cannot reach the service.", LATER),
    kind(
        "outcome_unknown",
        &[502, 504],
        "Outcome unknown",
        "The connection to the service or to its database was lost, or the time ran out, while the write was being \
         stored. It may have been stored or not.",
        LOOK,
    ),
    kind(
        "service_unavailable",
        &[503],
        "Service is not available",
        "The gateway has no service for this request now.",
        LATER,
    ),
    kind("starting", &[503], "Service is starting", "The service is starting.", LATER),
    kind("stopping", &[503], "Service is stopping", "The service is being stopped or replaced.", LATER),
    kind("busy", &[503], "Too much at once", "More requests of this kind wait than the service takes.", LATER),
    kind(
        "timeout",
        &[503],
        "Read took too long",
        "The request took longer than allowed. It would have changed nothing.",
        LATER,
    ),
    kind(
        "too_many_registrations",
        &[503],
        "Too many registrations",
        "Too many accounts wait for their confirmation or for a decision.",
        LATER,
    ),
    kind(
        "keys_unavailable",
        &[503],
        "Tokens cannot be checked",
        "The service has not got the keys of the tokens yet.",
        LATER,
    ),
    kind(
        "streams_unavailable",
        &[503],
        "No stream can be opened",
        "The process has as many open streams as allowed, or cannot read where a stream begins.",
        LATER,
    ),
    kind(
        "media_unavailable",
        &[503],
        "Pictures are not available",
        "The store of the pictures cannot be reached.",
        LATER,
    ),
    kind("database_unavailable", &[503], "Database is not available", "The database cannot be reached.", LATER),
    kind(
        "database_damaged",
        &[503],
        "Database is damaged",
        "The database is damaged, and the operator has to restore it.",
        LATER,
    ),
    kind("disk_full", &[503], "Disk is full", "The disk of the service is full.", LATER),
    kind("outbox_full", &[503], "Too many events wait", "Too many events wait for the message broker.", LATER),
    kind(
        "older_than_copies",
        &[503],
        "Database is older than its copies",
        "The database was restored from an older state than others have seen, and the operator has to decide what holds.",
        LATER,
    ),
    kind(
        "gateway_timeout",
        &[504],
        "Service did not answer in time",
        "The service did not answer the gateway in time. The request would have changed nothing.",
        "Repeat the request.",
    ),
];
