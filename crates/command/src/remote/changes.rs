//! The changes of a command, which are reported if its output fails.

use http::{Method, StatusCode};
use serde_json::Value;

use super::{Answer, Call};

/// The changes of one command.
#[derive(Default)]
pub struct Changes {
    count: usize,
    last: String,
}

impl Changes {
    /// Records an answer to a change.
    pub(super) fn note(&mut self, call: &Call, answer: &Answer) {
        if let Some(change) = change(call, answer) {
            self.count += 1;
            self.last = change;
        }
    }

    /// Returns one sentence about the changes, if there are any.
    pub fn sentence(&self) -> Option<String> {
        match self.count {
            0 => None,
            1 => Some(self.last.clone()),
            count => Some(format!("{count} changes were made, of which the last is: {}", self.last)),
        }
    }
}

fn change(call: &Call, answer: &Answer) -> Option<String> {
    let path = call.path.as_str().strip_prefix("/v1/admin/")?;
    let path = path.split('?').next().unwrap_or(path);
    let mut parts = path.split('/');
    let (noun, at, verb) = (parts.next()?, parts.next(), parts.next());
    let noun = noun.strip_suffix('s').unwrap_or(noun);
    let answered = answer.json().unwrap_or_default();
    let named =
        name(&answered).or_else(|| at.map(str::to_owned)).map(|name| format!(" {name}")).unwrap_or_default();
    let (done, advice) = match (&call.method, answer.status, verb) {
        (&Method::POST, StatusCode::CREATED, None) if at == Some("batch") => created_batch(&answered),
        (&Method::POST, StatusCode::CREATED, None) => {
            (format!("{noun}{named} was created."), advice(noun, &named))
        }
        (&Method::PATCH, _, _) => (format!("{noun}{named} was changed."), String::new()),
        (&Method::DELETE, _, None) if noun == "license" => {
            (format!("license{named} was deleted."), String::new())
        }
        (&Method::DELETE, _, None) => (format!("{noun}{named} was archived."), String::new()),
        (&Method::POST | &Method::PUT | &Method::DELETE, _, Some(verb)) => {
            let advice = if verb == "rekey" { advice(noun, &named) } else { String::new() };
            (format!("`{verb}` was done on {noun}{named}."), advice)
        }
        _ => return None,
    };
    Some(done + &advice)
}

/// Returns what was done, and advice about the keys that are lost.
fn created_batch(answered: &Value) -> (String, String) {
    let count = answered["items"].as_array().map_or(0, Vec::len);
    let tag = answered["tags"][0].as_str().unwrap_or_default();
    let advice = format!(
        " `kaching license list --tag {tag}` finds them, and `kaching license key` shows the key of each."
    );
    (format!("{count} licenses were created."), advice)
}

/// Returns the name that commands use for the object of an answer.
fn name(answer: &Value) -> Option<String> {
    let text = |member: &str| answer.get(member)?.as_str().map(str::to_owned);
    match (text("code"), text("product")) {
        (Some(code), Some(product)) => Some(format!("{product}:{code}")),
        (Some(code), None) => Some(code),
        (None, _) => text("id"),
    }
}

/// Returns advice if the answer had a secret that is lost.
fn advice(noun: &str, named: &str) -> String {
    match noun {
        "license" => format!(" Its key: kaching license key{named}"),
        "token" => format!(" Its secret is lost: kaching token archive{named}, and create another"),
        _ => String::new(),
    }
}
