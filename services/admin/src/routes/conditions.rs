//! The conditions of decisions (RFC 9110, section 13): they hold as long as nobody else has decided.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use shared::http::conditional::{self, Verdict};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::actions::DecidedCondition;
use crate::domain::etag;

/// The condition of a request from the fields `If-Match` and `If-None-Match`; absent when the request has neither.
pub(crate) struct Condition(pub(crate) Option<Box<DecidedCondition>>);

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(condition(parts.method.clone(), parts.headers.clone())))
    }
}

fn condition(method: Method, headers: HeaderMap) -> Option<Box<DecidedCondition>> {
    if !conditional::has_conditions(&headers) {
        return None;
    }
    Some(Box::new(move |current| {
        conditional::evaluate(&method, &headers, |opaque| etag::has_decided(opaque, current)) == Verdict::Go
    }))
}

/// The description of the fields that make a decision conditional.
pub(crate) struct Conditions;

impl IntoParams for Conditions {
    fn into_params(_parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let header = |name: &str, description: &str| {
            let text = ObjectBuilder::new().schema_type(Type::String).build();
            let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
            parameter.description(Some(description)).schema(Some(text)).build()
        };
        vec![
            header("If-Match", "Only if no admin has decided since the answer with one of these ETags"),
            header("If-None-Match", "Only if what admins have decided is in none of these states"),
        ]
    }
}
