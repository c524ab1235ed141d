use axum::http::{Method, header};
use matchit::Router;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::Schemas;
use crate::app::Answer;

/// The only paths whose answers may contain a mail address: one's own profile, and the offer of a link, whose token was
/// sent to that address.
const WITH_ADDRESS: [&str; 2] = ["/auth/me", "/auth/links/{token}"];

/// The description of an API, ready for comparisons.
pub struct Api {
    document: Value,
    /// Matches a path to its template, such as `/posts/{id}`.
    templates: Router<String>,
    schemas: Schemas,
}

/// The headers that an answer has only if they are described.
const DESCRIBED_HEADERS: [&str; 6] = ["chatty-position", "etag", "link", "location", "retry-after", "www-authenticate"];

/// A described operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The HTTP method.
    pub method: Method,
    /// The path with its parameters in braces.
    pub template: String,
    /// The parameters, except those of the path.
    pub parameters: Vec<Parameter>,
    /// The first described media type of the request's body, and true if the body is required. None if there is no
    /// body.
    pub body: Option<(String, bool)>,
}

/// A described parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The parameter's name.
    pub name: String,
    /// The part of the request that contains the parameter: `query` or `header`.
    pub location: String,
    /// True if the parameter must be given.
    pub required: bool,
    /// Some values that the description of the parameter rules out.
    pub invalid_values: Vec<String>,
}

impl Operation {
    /// Returns method and template, such as `GET /posts/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// Returns a path that fits the template, with 1 for every parameter.
    pub fn path(&self) -> String {
        let segment = |segment: &str| if segment.starts_with('{') { "1".to_owned() } else { segment.to_owned() };
        self.template.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

impl Api {
    /// Reads the description of one service or of all.
    pub fn new(description: OpenApi) -> Self {
        // Merging completes the description as in `openapi.json`, for example by a problem as each default answer.
        let description = shared::openapi::merge([description]);
        let document = serde_json::to_value(description).expect("a description");
        let mut templates = Router::new();
        for template in document["paths"].as_object().into_iter().flat_map(|paths| paths.keys()) {
            templates.insert(template, template.clone()).expect("paths without conflicts");
        }
        let schemas = Schemas::of(&document);
        Self { document, templates, schemas }
    }

    /// Returns all described operations.
    pub fn operations(&self) -> Vec<Operation> {
        let mut found = Vec::new();
        for (template, operations) in self.document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let method = method.to_uppercase().parse().expect("a method");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let parameters = parameters.filter(|one| one["in"] != "path").map(|one| Parameter {
                    name: text(&one["name"]),
                    location: text(&one["in"]),
                    required: one["required"] == true,
                    invalid_values: self.invalid_values(&one["schema"]),
                });
                let parameters = parameters.collect();
                let media_types = operation["requestBody"]["content"].as_object();
                let media_type = media_types.and_then(|media_types| media_types.keys().next());
                let body =
                    media_type.map(|media_type| (media_type.clone(), operation["requestBody"]["required"] == true));
                found.push(Operation { method, template: template.clone(), parameters, body });
            }
        }
        found
    }

    /// Asserts that an answer is one that the description of its operation promises: its status, its headers, its media
    /// type, its body. Paths that are not described at all, such as `/readyz`, are not compared.
    #[track_caller]
    pub fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let Ok(found) = self.templates.at(path) else { return };
        let template = found.value.as_str();
        let operation = &self.document["paths"][template][method.as_str().to_lowercase()];
        if operation.is_null() {
            return;
        }
        let name = format!("{method} {template} {}", answer.status);
        let responses = &operation["responses"];
        let range = format!("{}XX", answer.status / 100);
        let described = [answer.status.to_string(), range].into_iter().map(|key| &responses[key.as_str()]);
        let described = described.into_iter().find(|response| !response.is_null());
        let described = self.resolve(described.unwrap_or_else(|| panic!("{name} is not described")));
        check_headers(&name, described, answer);
        let Some(content) = described["content"].as_object() else {
            assert!(answer.bytes.is_empty(), "{name} is described without a body: {}", answer.text);
            return;
        };
        let media_type = answer
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|media_type| media_type.to_str().ok())
            .unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default();
        let media = content.get(media_type).unwrap_or_else(|| panic!("{name} is not described as `{media_type}`"));
        if media_type.ends_with("json") {
            self.schemas.check(name, &media["schema"], &answer.json);
            // No schema says so, but no answer of this API contains the mail address of another user.
            let may_have_address = WITH_ADDRESS.contains(&template);
            assert!(may_have_address || !answer.text.contains("\"email\":"), "an address: {}", answer.text);
        }
    }

    /// Returns the nearest values beyond the limits of a schema and, if the schema lists the possible values, one that
    /// is not in the list.
    fn invalid_values(&self, schema: &Value) -> Vec<String> {
        // An optional parameter is described as one of null and its real schema.
        let mut variants = schema["oneOf"].as_array().into_iter().flatten();
        let schema = self.resolve(variants.find(|variant| variant["type"] != "null").unwrap_or(schema));
        let below = schema["minimum"].as_i64().map(|least| (least - 1).to_string());
        let above = schema["maximum"].as_i64().map(|most| (most + 1).to_string());
        let other = schema["enum"].is_array().then(|| "another".to_owned());
        below.into_iter().chain(above).chain(other).collect()
    }

    /// Follows a reference into the document. Returns any other value as it is.
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.map_or(value, |pointer| {
            self.document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not described"))
        })
    }
}

/// Asserts that an answer has all headers that are described as always there, and no undescribed one of those that mean
/// something to clients.
#[track_caller]
fn check_headers(name: &str, described: &Value, answer: &Answer) {
    let headers = described["headers"].as_object();
    for (header, description) in headers.into_iter().flatten() {
        let is_there = answer.headers.contains_key(header);
        assert!(is_there || description["required"] != true, "{name} lacks the header {header}");
    }
    for header in DESCRIBED_HEADERS.into_iter().filter(|header| answer.headers.contains_key(*header)) {
        let is_described = headers.is_some_and(|all| all.keys().any(|known| known.eq_ignore_ascii_case(header)));
        assert!(is_described, "{name} has the header {header}, which is not described");
    }
}
