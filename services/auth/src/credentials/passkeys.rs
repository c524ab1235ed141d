//! Passkeys (Web Authentication, level 3): the options with which a browser is asked for one, and the check of its
//! answer.
//!
//! A ceremony has two steps. The first step produces the options for the browser, and a state that is stored; the
//! second step compares the browser's answer with that state. The person has to be verified by the authenticator, with
//! a PIN or a finger, in every ceremony.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::error::ApiError;
use url::{Host, Url};
use uuid::Uuid;
use webauthn_rs::prelude::{
    AuthenticationResult, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, Webauthn,
    WebauthnBuilder, WebauthnError,
};

use crate::error::Error;

/// The answer of a browser that shows a passkey.
pub(crate) use webauthn_rs::prelude::PublicKeyCredential as ShownPasskey;
/// The answer of a browser that has made a passkey.
pub(crate) use webauthn_rs::prelude::RegisterPublicKeyCredential as MadePasskey;

/// The first step of a ceremony.
pub(crate) struct Begun {
    /// The options for the browser: the argument of `navigator.credentials.create` or `get`.
    pub(crate) options: Value,
    /// The state with which the second step compares the answer. It must not reach the client.
    pub(crate) state: String,
}

/// A passkey whose signature was right.
pub(crate) struct Checked {
    /// The signature counter; 0 for an authenticator that has none.
    pub(crate) counter: i64,
    /// The id that the authenticator has given the passkey, in its stored form.
    pub(crate) credential_id: String,
    /// The passkey as it is to be stored from now on, as JSON.
    pub(crate) public_key: String,
}

/// The passkeys of this installation. They belong to the host of its public URL.
pub(crate) struct Passkeys {
    /// `None` when the public URL has an IP address, to which no passkey can belong.
    site: Option<Webauthn>,
}

impl Passkeys {
    /// Prepares the passkeys of the installation that is reached at this URL.
    pub(crate) fn new(public_url: &str) -> Self {
        Self { site: site(public_url) }
    }

    /// Begins to make a passkey. `handle` names the person to the authenticator, and `existing` are the stored passkeys
    /// of the person, for which the authenticator must not make another one.
    ///
    /// # Errors
    /// [`Error::PasskeysNeedDomain`].
    pub(crate) fn begin_making(&self, handle: Uuid, username: &str, existing: &[&str]) -> Result<Begun, Error> {
        let existing = existing.iter().map(|stored| read::<Passkey>(stored)).collect::<Result<Vec<_>, _>>()?;
        let known = existing.iter().map(|passkey| passkey.cred_id().clone()).collect();
        let (options, state) = self
            .site()?
            .start_passkey_registration(handle, username, username, Some(known))
            .map_err(ApiError::internal)?;
        let mut options = to_value(&options)?;
        // The library leaves this choice to the authenticator. But a sign-in without a username needs a passkey that
        // the authenticator can find by itself.
        if let Some(Value::Object(selection)) = options.pointer_mut("/publicKey/authenticatorSelection") {
            selection.insert("residentKey".to_owned(), json!("required"));
            selection.insert("requireResidentKey".to_owned(), json!(true));
        }
        Ok(Begun { options, state: write(&state)? })
    }

    /// Checks a new passkey.
    ///
    /// # Errors
    /// [`Error::BadPasskey`]; [`Error::PasskeysNeedDomain`].
    pub(crate) fn finish_making(&self, state: &str, answer: &MadePasskey) -> Result<Checked, Error> {
        let state: PasskeyRegistration = read(state)?;
        let passkey = self.site()?.finish_passkey_registration(answer, &state).map_err(|error| refuse(&error))?;
        // The library does not tell the counter of a new passkey. Zero is stored, because no counter is lower.
        Ok(Checked { counter: 0, credential_id: encode(passkey.cred_id()), public_key: write(&passkey)? })
    }

    /// Begins a sign-in with a passkey that the authenticator finds by itself.
    ///
    /// # Errors
    /// [`Error::PasskeysNeedDomain`].
    pub(crate) fn begin_sign_in(&self) -> Result<Begun, Error> {
        let (mut options, state) = self.site()?.start_discoverable_authentication().map_err(ApiError::internal)?;
        // The client decides itself how it asks: beside the field of the username, or with a button.
        options.mediation = None;
        Ok(Begun { options: to_value(&options)?, state: write(&state)? })
    }

    /// Checks a passkey that signs somebody in. `handle` and `stored` belong to the stored passkey whose id is in the
    /// answer.
    ///
    /// # Errors
    /// [`Error::BadPasskey`]; [`Error::PasskeysNeedDomain`].
    pub(crate) fn finish_sign_in(
        &self,
        state: &str,
        answer: &ShownPasskey,
        handle: &str,
        stored: &str,
    ) -> Result<Checked, Error> {
        let (state, passkey): (DiscoverableAuthentication, Passkey) = (read(state)?, read(stored)?);
        let site = self.site()?;
        let (named, _id) = site.identify_discoverable_authentication(answer).map_err(|error| refuse(&error))?;
        if named.to_string() != handle {
            return Err(Error::BadPasskey);
        }
        let result = site.finish_discoverable_authentication_v2(answer, state, &passkey);
        checked(passkey, &result.map_err(|error| refuse(&error))?)
    }

    /// Begins to ask a known person for one of their passkeys.
    ///
    /// # Errors
    /// [`Error::PasskeysNeedDomain`].
    pub(crate) fn begin_second_factor(&self, stored: &[&str]) -> Result<Begun, Error> {
        let passkeys = stored.iter().map(|stored| read(stored)).collect::<Result<Vec<Passkey>, _>>()?;
        let (options, state) = self.site()?.start_passkey_authentication(&passkeys).map_err(ApiError::internal)?;
        Ok(Begun { options: to_value(&options)?, state: write(&state)? })
    }

    /// Checks a passkey that is a second factor. `stored` is the stored passkey whose id is in the answer.
    ///
    /// # Errors
    /// [`Error::BadPasskey`]; [`Error::PasskeysNeedDomain`].
    pub(crate) fn finish_second_factor(
        &self,
        state: &str,
        answer: &ShownPasskey,
        stored: &str,
    ) -> Result<Checked, Error> {
        let (state, passkey): (PasskeyAuthentication, Passkey) = (read(state)?, read(stored)?);
        let result = self.site()?.finish_passkey_authentication(answer, &state).map_err(|error| refuse(&error))?;
        checked(passkey, &result)
    }

    fn site(&self) -> Result<&Webauthn, Error> {
        self.site.as_ref().ok_or(Error::PasskeysNeedDomain)
    }
}

/// Returns the form that the id of a passkey has in the database: base64url without padding.
pub(crate) fn encode(credential_id: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(credential_id)
}

/// Builds the site to which passkeys belong, or `None` for an IP address, to which browsers give no passkeys. A
/// loopback address counts as `localhost`, so that passkeys work in development.
fn site(public_url: &str) -> Option<Webauthn> {
    let mut origin = Url::parse(public_url).ok()?;
    let is_this_machine = match origin.host()? {
        Host::Domain(_) => false,
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    if is_this_machine {
        origin.set_host(Some("localhost")).ok()?;
    }
    let domain = origin.domain()?.to_owned();
    WebauthnBuilder::new(&domain, &origin).ok()?.rp_name("Chatty").build().ok()
}

fn checked(mut passkey: Passkey, result: &AuthenticationResult) -> Result<Checked, Error> {
    passkey.update_credential(result).ok_or(Error::BadPasskey)?;
    let credential_id = encode(passkey.cred_id());
    Ok(Checked { counter: i64::from(result.counter()), credential_id, public_key: write(&passkey)? })
}

/// Turns a failed check into the error for the client, which does not tell the cause. The cause is in the log.
fn refuse(error: &WebauthnError) -> Error {
    tracing::info!(%error, "A passkey was refused.");
    Error::BadPasskey
}

fn read<T: DeserializeOwned>(stored: &str) -> Result<T, ApiError> {
    serde_json::from_str(stored).map_err(ApiError::internal)
}

fn write(value: &impl Serialize) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(ApiError::internal)
}

fn to_value(value: &impl Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(ApiError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passkeys_belong_to_a_domain_and_to_no_address() {
        for (url, domain) in [
            ("https://chatty.example", Some("chatty.example")),
            ("http://localhost:8000", Some("localhost")),
            ("http://127.0.0.1:8000", Some("localhost")),
            ("http://[::1]:8000", Some("localhost")),
            ("http://192.0.2.1", None),
            ("http://[2001:db8::1]:8000", None),
        ] {
            let begun = Passkeys::new(url).begin_sign_in();
            let rp_id = begun.ok().map(|begun| begun.options["publicKey"]["rpId"].clone());
            assert_eq!(rp_id, domain.map(Value::from), "{url}");
        }
    }
}
