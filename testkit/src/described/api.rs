use axum::http::{Method, header};
use matchit::Router;
use serde_json::Value;
use utoipa::openapi::OpenApi;

use super::Schemas;
use crate::app::Answer;

/// Where people read their own address, and only there.
const OWN_PROFILE: &str = "/auth/me";

/// The description of a service's API.
pub struct Api {
    document: Value,
    templates: Router<String>,
    schemas: Schemas,
}

/// A described operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its method.
    pub method: Method,
    /// Its path with the parameters in braces.
    pub template: String,
    /// Whether it wants a bearer token.
    pub bearer: bool,
    /// Its parameters but for those of the path.
    pub parameters: Vec<Parameter>,
    /// The first type that its body may have, if there may be one, and whether there must be one.
    pub body: Option<(String, bool)>,
}

/// A described parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `query` or `header`.
    pub place: String,
    /// Whether it must be there.
    pub required: bool,
    /// Values that its description rules out.
    pub outside: Vec<String>,
}

impl Operation {
    /// Method and path, such as `GET /posts/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }

    /// Its path with 1 for every parameter.
    pub fn path(&self) -> String {
        let segment = |segment: &str| if segment.starts_with('{') { "1".to_owned() } else { segment.to_owned() };
        self.template.split('/').map(segment).collect::<Vec<_>>().join("/")
    }
}

impl Api {
    /// Reads the description of one service or of all.
    pub fn new(description: OpenApi) -> Self {
        let description = shared::openapi::merge([description]);
        let document = serde_json::to_value(description).expect("a description");
        let mut templates = Router::new();
        for template in document["paths"].as_object().into_iter().flat_map(|paths| paths.keys()) {
            templates.insert(template, template.clone()).expect("paths without conflicts");
        }
        let schemas = Schemas::of(&document);
        Self { document, templates, schemas }
    }

    /// All operations.
    pub fn operations(&self) -> Vec<Operation> {
        let mut found = Vec::new();
        for (template, operations) in self.document["paths"].as_object().expect("paths") {
            for (method, operation) in operations.as_object().expect("operations") {
                let method = method.to_uppercase().parse().expect("a method");
                let bearer = operation["security"].to_string().contains("bearer");
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let parameters = parameters.filter(|one| one["in"] != "path").map(|one| Parameter {
                    name: text(&one["name"]),
                    place: text(&one["in"]),
                    required: one["required"] == true,
                    outside: self.outside(&one["schema"]),
                });
                let parameters = parameters.collect();
                let kinds = operation["requestBody"]["content"].as_object();
                let kind = kinds.and_then(|kinds| kinds.keys().next());
                let body = kind.map(|kind| (kind.clone(), operation["requestBody"]["required"] == true));
                found.push(Operation { method, template: template.clone(), bearer, parameters, body });
            }
        }
        found
    }

    /// Fails unless the answer is one that the description of its operation promises. What is not described at all,
    /// such as `/readyz` and unknown paths, is not compared.
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
        let described = [answer.status.to_string().as_str(), "default"]
            .into_iter()
            .map(|key| &responses[key])
            .find(|response| !response.is_null());
        let described = self.resolve(described.unwrap_or_else(|| panic!("{name} is not described")));
        let Some(content) = described["content"].as_object() else {
            assert!(answer.bytes.is_empty(), "{name} is described without a body: {}", answer.text);
            return;
        };
        let kind = answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        let media = content.get(kind).unwrap_or_else(|| panic!("{name} is not described as `{kind}`"));
        if kind.ends_with("json") {
            self.schemas.check(name, &media["schema"], &answer.json);
            assert!(template == OWN_PROFILE || !answer.text.contains("\"email\":"), "an address: {}", answer.text);
        }
    }

    /// The nearest values beyond the limits of a schema, or beside the ones that it lists.
    fn outside(&self, schema: &Value) -> Vec<String> {
        let kinds = schema["oneOf"].as_array().into_iter().flatten();
        let schema = self.resolve(kinds.into_iter().find(|kind| kind["type"] != "null").unwrap_or(schema));
        let below = schema["minimum"].as_i64().map(|least| (least - 1).to_string());
        let above = schema["maximum"].as_i64().map(|most| (most + 1).to_string());
        let other = schema["enum"].is_array().then(|| "another".to_owned());
        below.into_iter().chain(above).chain(other).collect()
    }

    fn resolve<'a>(&'a self, response: &'a Value) -> &'a Value {
        let pointer = response["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.map_or(response, |pointer| {
            self.document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not described"))
        })
    }
}
