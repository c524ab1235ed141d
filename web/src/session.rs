//! The session of a visitor: the pair of tokens, in an encrypted cookie that no script can read.

use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, Key, PrivateCookieJar, SameSite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::CookieBuilder;
use cookie::time::Duration;
use serde::{Deserialize, Serialize};

/// The cookie in production: browsers take one with this beginning over HTTPS only, for this host and all paths.
const SECURE_NAME: &str = "__Host-chatty";
/// The cookie in development, where there is no HTTPS.
const NAME: &str = "chatty";
/// The lifetime of the cookie in days: that of a refresh token that is not used.
const DAYS: i64 = 30;
/// The number of seconds before the end of an access token at which it is replaced.
const EARLY: i64 = 30;

/// A session, as the cookie holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The access token.
    pub(crate) token: String,
    /// The token that is exchanged for a new pair.
    pub(crate) refresh_token: String,
    /// The person.
    pub(crate) user_id: u64,
    /// The person's name.
    pub(crate) username: String,
    /// True for an admin.
    pub(crate) admin: bool,
    /// The end of the access token, in seconds since 1970.
    pub(crate) expires_at: i64,
}

/// The claims of an access token that pages show. The API checks the token; nothing is decided by them here.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    username: String,
    role: String,
    exp: i64,
}

impl Session {
    /// Creates a session from a pair of tokens. `None` if the access token is none that auth makes.
    pub(crate) fn new(token: String, refresh_token: String) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Claims = serde_json::from_slice(&payload).ok()?;
        Some(Self {
            token,
            refresh_token,
            user_id: claims.sub.parse().ok()?,
            username: claims.username,
            admin: claims.role == "admin",
            expires_at: claims.exp,
        })
    }

    /// Returns whether the access token ends so soon that it is to be replaced first. `now` is in seconds since 1970.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        now >= self.expires_at - EARLY
    }

    /// Reads the session out of the cookies of a request; `None` without one, and for one of another key.
    pub(crate) fn read(headers: &HeaderMap, keys: &[Key], secure: bool) -> Option<Self> {
        keys.iter().find_map(|key| {
            let cookie = PrivateCookieJar::from_headers(headers, key.clone()).get(name(secure))?;
            serde_json::from_str(cookie.value()).ok()
        })
    }

    /// Writes the cookie that keeps the session.
    pub(crate) fn write(&self, key: &Key, secure: bool) -> Option<HeaderValue> {
        let value = serde_json::to_string(self).ok()?;
        let cookie = Cookie::build((name(secure), value)).max_age(Duration::days(DAYS));
        // The jar encrypts what is added, and hands it out as a header only together with the others that it has.
        let jar = PrivateCookieJar::new(key.clone()).add(finish(cookie, secure));
        let response = axum::response::IntoResponse::into_response(jar);
        response.headers().get(header::SET_COOKIE).cloned()
    }

    /// Writes the cookie that ends the session in the browser.
    pub(crate) fn forget(secure: bool) -> Option<HeaderValue> {
        let cookie = finish(Cookie::build((name(secure), "")).max_age(Duration::ZERO), secure);
        HeaderValue::try_from(cookie.to_string()).ok()
    }
}

fn name(secure: bool) -> &'static str {
    if secure { SECURE_NAME } else { NAME }
}

/// Completes a cookie that no script reads and that no form of another site sends.
fn finish(cookie: CookieBuilder<'static>, secure: bool) -> Cookie<'static> {
    cookie.path("/").http_only(true).same_site(SameSite::Lax).secure(secure).build()
}

/// Reads a cookie that is no secret.
pub(crate) fn read_plain(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(Cookie::split_parse_encoded).flatten();
    cookies.find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// Writes a cookie that is no secret, for some seconds.
pub(crate) fn write_plain(name: &'static str, value: String, seconds: i64, secure: bool) -> Option<HeaderValue> {
    let cookie = finish(Cookie::build((name, value)).max_age(Duration::seconds(seconds)), secure);
    HeaderValue::try_from(cookie.encoded().to_string()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        let claims = r#"{"sub":"7","username":"ann","role":"admin","exp":1000}"#;
        Session::new(format!("e30.{}.sig", URL_SAFE_NO_PAD.encode(claims)), "refresh".to_owned()).unwrap()
    }

    /// Sends back the cookies that an answer sets.
    fn returned(set: &HeaderValue) -> HeaderMap {
        let pair = set.to_str().unwrap().split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    #[test]
    fn a_session_survives_in_its_cookie_and_a_new_key() {
        let (old, new) = (Key::generate(), Key::generate());
        for secure in [false, true] {
            let set = session().write(&old, secure).unwrap();
            let text = set.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax") && text.contains("Path=/"), "{text}");
            assert_eq!(text.contains("Secure"), secure);
            assert!(!text.contains("ann") && !text.contains("refresh"), "{text}");
            let headers = returned(&set);
            assert_eq!(Session::read(&headers, std::slice::from_ref(&old), secure), Some(session()));
            assert_eq!(Session::read(&headers, &[new.clone(), old.clone()], secure), Some(session()));
            assert_eq!(Session::read(&headers, std::slice::from_ref(&new), secure), None);
        }
    }

    #[test]
    fn a_token_is_replaced_before_it_ends() {
        let session = session();
        assert!(!session.is_due(969) && session.is_due(970) && session.is_due(2_000));
        assert_eq!((session.user_id, session.admin), (7, true));
        for bad in ["", "a.b.c", "a..c", "e30.e30.x"] {
            assert_eq!(Session::new(bad.to_owned(), String::new()), None, "{bad}");
        }
    }

    #[test]
    fn a_cookie_with_any_text_stays_one_cookie() {
        let set = write_plain("x", "a; b=c, \r\nd é".to_owned(), 10, false).unwrap();
        assert!(!set.to_str().unwrap().contains("b=c"));
    }
}
