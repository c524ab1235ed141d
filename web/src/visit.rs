//! A visit: one request for a page, with its visitor. The frame around all pages reads the session, renews it, and sets
//! the headers that each page has.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use shared::clock::Timestamp;
use shared::error::ApiError;
use shared::http::{Peers, RemoteClient};
use shared::request_id;

use crate::api::{Api, Post, User, encode};
use crate::error::{Error, SessionEnd};
use crate::session::{self, Session};
use crate::state::AppState;
use crate::text::Language;
use crate::views::{Me, Notice, Page, PersonView, PostView, Viewer};

/// The content security policy of every page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; \
     form-action 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; \
     require-trusted-types-for 'script'; trusted-types chatty",
);
/// The header in which a module names the part of the page that it wants to replace.
const PART: HeaderName = HeaderName::from_static("chatty-part");
/// The cookie with the positions of what the visitor has just written, so that the next page shows it.
const SEEN: &str = "chatty_seen";
/// The lifetime of that cookie in seconds. Copies follow within a second.
const SEEN_SECONDS: i64 = 10;
/// The beginnings of the paths of pages that no disk may keep: secrets, mail addresses, other people's data.
const PRIVATE: [&str; 7] = ["/settings", "/moderation", "/receipt", "/mailbox", "/reset", "/verify", "/email"];
/// The longest time that a page waits for a part that it can do without.
const ORNAMENT: Duration = Duration::from_secs(1);
/// The cookie with the language that a visitor has chosen.
pub(crate) const LANGUAGE: &str = "chatty_language";
/// The cookie with the colours that a visitor has chosen.
pub(crate) const THEME: &str = "chatty_theme";

/// A request for a page. Clones share it.
#[derive(Clone)]
pub(crate) struct Visit(Arc<Inner>);

/// The parts of a [`Visit`].
pub(crate) struct Inner {
    /// The state of all pages.
    pub(crate) state: AppState,
    /// The API, in the visitor's name.
    pub(crate) api: Api,
    /// The visitor's session; absent if nobody is signed in.
    pub(crate) session: Option<Session>,
    /// The visitor's language.
    pub(crate) language: Language,
    /// The time of the request.
    now: Timestamp,
    look: Look,
    /// The path, with its query.
    path: String,
    /// True if a module asks for a part of the page.
    wants_part: bool,
    /// The page from which a form was sent, as a path on this site.
    referrer: Option<String>,
}

/// The look of a page, as the visitor has chosen it.
pub(crate) struct Look {
    /// The language.
    pub(crate) language: Language,
    /// The colours: `auto`, `light` or `dark`.
    pub(crate) theme: &'static str,
}

/// A visit of somebody who is signed in. Others are led to the page where they sign in.
pub(crate) struct Member(pub(crate) Visit, pub(crate) Session);

impl std::ops::Deref for Visit {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| ApiError::internal("a page stands outside of the frame"))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let visit = Visit::from_request_parts(parts, state).await?;
        let session = visit.session.clone().ok_or(Error::SignInFirst)?;
        Ok(Self(visit, session))
    }
}

impl Look {
    /// Reads the look out of the headers of a request.
    pub(crate) fn read(s: &AppState, headers: &HeaderMap) -> Self {
        let language = s.languages.choose(session::read_plain(headers, LANGUAGE).as_deref(), headers);
        let theme = match session::read_plain(headers, THEME).as_deref() {
            Some("light") => "light",
            Some("dark") => "dark",
            _ => "auto",
        };
        Self { language, theme }
    }
}

impl Visit {
    /// Begins a page with this title, which is a message or a text of its own.
    pub(crate) async fn page(&self, title: impl Into<String>) -> Page {
        let mut page = self.plain_page(title);
        if let Some(me) = &mut page.me {
            me.unread = ornament(self.api.unread_count()).await;
        }
        page.calls = self.api.calls();
        page
    }

    /// Begins a page without asking the API for anything.
    pub(crate) fn plain_page(&self, title: impl Into<String>) -> Page {
        let session = self.session.as_ref();
        Page {
            language: self.language.clone(),
            path: self.path.clone(),
            title: title.into(),
            me: session.map(Me::new),
            notices: self.notice().into_iter().collect(),
            theme: self.look.theme,
            assets: self.state.assets.base.clone(),
            site: self.state.public_url.clone(),
            canonical: None,
            description: None,
            image: None,
            feed: None,
            calls: self.api.calls(),
        }
    }

    /// Says what has just been done, if the query names it.
    fn notice(&self) -> Option<Notice> {
        let query = self.path.split_once('?')?.1;
        let done = query.split('&').find_map(|pair| pair.strip_prefix("done="))?;
        let sentence = self.language.try_say(&format!("notice-{done}"))?.into_owned();
        Some(Notice { sentence, failed: false })
    }

    /// Says a message.
    pub(crate) fn say(&self, key: &str) -> String {
        self.language.say(key).into_owned()
    }

    /// Returns whether a module asks for the part of the page that its form concerns.
    pub(crate) fn wants_part(&self) -> bool {
        self.wants_part
    }

    /// Leads back to the place on the page from which a form was sent, such as `#post-17`, or to another page.
    pub(crate) fn lead_back(&self, otherwise: &str, place: &str) -> Response {
        Redirect::to(&format!("{}{place}", self.referrer.as_deref().unwrap_or(otherwise))).into_response()
    }

    /// Builds the address of a path in the web.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.state.public_url)
    }

    /// Looks at things with the eyes of the visitor.
    pub(crate) fn viewer(&self) -> Viewer<'_> {
        Viewer::new(&self.language, self.now, self.session.as_ref().map(|session| session.user_id))
    }

    /// Shows posts, with the likes of the visitor. Without them, when they cannot be asked for.
    pub(crate) async fn show_posts(&self, posts: &[Post]) -> Vec<PostView> {
        let viewer = self.viewer().likes(self.liked(posts).await);
        posts.iter().map(|post| PostView::new(post, &viewer)).collect()
    }

    /// Asks which of these posts the visitor likes.
    pub(crate) async fn liked(&self, posts: &[Post]) -> HashSet<u64> {
        if !self.api.has_token() || posts.is_empty() {
            return HashSet::new();
        }
        let ids: Vec<u64> = posts.iter().map(|post| post.id).collect();
        ornament(self.api.liked(&ids)).await.into_iter().collect()
    }

    /// Shows people, and whether the visitor follows them. Without that, when it cannot be asked for.
    pub(crate) async fn show_people(&self, people: &[User]) -> Vec<PersonView> {
        let ids: Vec<u64> = people.iter().map(|person| person.id).collect();
        let followed = if self.api.has_token() && !ids.is_empty() {
            ornament(async { self.api.followed(&ids).await.map(|ids| Some(HashSet::from_iter(ids))) }).await
        } else {
            None
        };
        let viewer = self.viewer().follows(followed);
        people.iter().map(|person| PersonView::new(person, &viewer)).collect()
    }

    /// Returns the cookie that keeps a session.
    pub(crate) fn keep(&self, session: &Session) -> Result<HeaderValue, Error> {
        let key = self.state.keys.first().ok_or_else(|| Error::Unreadable("there is no key for cookies".to_owned()))?;
        let cookie = session.write(key, self.state.secure);
        cookie.ok_or_else(|| Error::Unreadable("a session does not fit into a cookie".to_owned()))
    }
}

impl Me {
    /// Shows the visitor of a session.
    pub(crate) fn new(session: &Session) -> Self {
        Self { id: session.user_id, username: session.username.clone(), admin: session.admin, unread: 0 }
    }
}

/// Waits for a part without which a page is still a page. It is empty when it cannot be had soon.
pub(crate) async fn ornament<T: Default>(asked: impl Future<Output = Result<T, Error>>) -> T {
    tokio::time::timeout(ORNAMENT, asked).await.ok().and_then(Result::ok).unwrap_or_default()
}

/// The parts of a page that are missing because their service is away. The rest of the page is shown all the same.
#[derive(Default)]
pub(crate) struct Missing(Vec<&'static str>);

impl Missing {
    /// Takes a part of a page. When its service is away, the part is empty, and the message `key` says so.
    ///
    /// # Errors
    /// Any other reason why the part cannot be had.
    pub(crate) fn take<T: Default>(&mut self, part: Result<T, Error>, key: &'static str) -> Result<T, Error> {
        match part {
            Err(error) if error.is_outage() => {
                tracing::warn!(?error, "A part of a page is missing.");
                self.0.push(key);
                Ok(T::default())
            }
            part => part,
        }
    }

    /// Says on the page what is missing.
    pub(crate) fn tell(&self, page: &mut Page) {
        let sentences: Vec<_> = self.0.iter().map(|key| page.say(key).into_owned()).collect();
        page.notices.extend(sentences.into_iter().map(|sentence| Notice { sentence, failed: true }));
    }

    /// Returns whether nothing is missing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The frame around all pages.
pub(crate) async fn frame(State(s): State<AppState>, client: RemoteClient, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let now = s.clock.now();
    let forwarded = forwarded(&client);
    let kept = Session::read(headers, &s.keys, s.secure);
    let had_session = kept.is_some();
    let (session, renewal) = renew(&s.peers, kept, &forwarded, now).await;
    let cookie = match &session {
        Some(session) if renewal == Renewal::Done => s.keys.first().and_then(|key| session.write(key, s.secure)),
        None if had_session => Session::forget(s.secure),
        _ => None,
    };
    let seen = session::read_plain(headers, SEEN).filter(|seen| are_positions(seen));
    let token = session.as_ref().map(|session| &*session.token);
    let api = Api::new(s.peers.clone(), forwarded, token, seen.as_deref());
    let look = Look::read(&s, headers);
    let visit = Visit(Arc::new(Inner {
        api,
        session,
        language: look.language.clone(),
        now,
        look,
        path: request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        wants_part: headers.contains_key(PART),
        referrer: referrer(headers),
        state: s,
    }));
    let (mut parts, body) = request.into_parts();
    let method = parts.method.clone();
    parts.extensions.insert(visit.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let end = response.extensions_mut().remove::<SessionEnd>();
    let cookie = match end {
        None => cookie,
        // The session may be as good as ever: nobody could be asked for a new token.
        Some(SessionEnd::SignIn) if renewal == Renewal::Failed => {
            let text = "Accounts cannot be reached right now, try again in a moment";
            response = ApiError::unavailable("service_unavailable", text).into_response();
            cookie
        }
        Some(SessionEnd::SignIn) => {
            response = lead_to_sign_in(&visit, &method);
            Session::forget(visit.state.secure)
        }
        Some(SessionEnd::Blocked) => Session::forget(visit.state.secure),
    };
    finish(&visit, cookie, &mut response);
    response
}

/// The outcome of the renewal of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Renewal {
    /// The session needed none.
    NotDue,
    /// The session has a new token.
    Done,
    /// Auth could not be asked. The old token may still be good.
    Failed,
}

/// Replaces a session whose access token ends soon. A session that auth does not know any more is `None`.
async fn renew(
    peers: &Peers,
    session: Option<Session>,
    forwarded: &HeaderMap,
    now: Timestamp,
) -> (Option<Session>, Renewal) {
    let Some(session) = session else { return (None, Renewal::NotDue) };
    if !session.is_due(now.unix_seconds()) {
        return (Some(session), Renewal::NotDue);
    }
    let api = Api::new(peers.clone(), forwarded.clone(), None, None);
    match api.refresh(&session.refresh_token).await {
        Ok(pair) => (Session::new(pair.token, pair.refresh_token), Renewal::Done),
        Err(error) if error.is(StatusCode::UNAUTHORIZED) => (None, Renewal::NotDue),
        Err(_) => (Some(session), Renewal::Failed),
    }
}

/// Returns whether a cookie holds positions such as `post/17@3, comment/4@1`. Whoever serves a neighbouring host can set
/// one that does not.
fn are_positions(text: &str) -> bool {
    let is_position = |one: &str| {
        let parts = one.split_once('/').and_then(|(stream, rest)| Some((stream, rest.split_once('@')?)));
        parts.is_some_and(|(stream, (key, version))| {
            let is_word = |word: &str| {
                !word.is_empty()
                    && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.' || b == b'-')
            };
            is_word(stream) && is_word(key) && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())
        })
    };
    text.len() <= 2_000 && text.split(", ").all(is_position)
}

/// Names the visitor to the API, which trusts this program as it trusts a gateway.
fn forwarded(client: &RemoteClient) -> HeaderMap {
    let address = client.address.map(|address| address.to_string());
    let headers = [
        (HeaderName::from_static("x-forwarded-for"), address),
        (header::USER_AGENT, client.user_agent.clone()),
        (request_id::HEADER, request_id::current()),
    ];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?)));
    headers.collect()
}

/// Reads the page from which a form was sent, if it is on this site.
fn referrer(headers: &HeaderMap) -> Option<String> {
    let referrer: Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let is_own = referrer.authority().is_some_and(|authority| authority.as_str() == host);
    let path = referrer.path_and_query().filter(|_| is_own)?.as_str();
    // The notice about an earlier action would be shown again.
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("done=")).collect();
    local_path(&if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) })
}

/// Returns a path if it stays on this site.
pub(crate) fn local_path(path: &str) -> Option<String> {
    let is_local = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(|sign: char| sign == '\\' || sign.is_control());
    is_local.then(|| path.to_owned())
}

/// Leads somebody to the page where they sign in, and back afterwards.
fn lead_to_sign_in(visit: &Visit, method: &Method) -> Response {
    let back = if *method == Method::GET { Some(&visit.path) } else { visit.referrer.as_ref() };
    let path = back.map_or_else(|| "/signin".to_owned(), |back| format!("/signin?back={}", encode(back)));
    Redirect::to(&path).into_response()
}

/// Sets the headers that each page has.
fn finish(visit: &Visit, cookie: Option<HeaderValue>, response: &mut Response) {
    let secure = visit.state.secure;
    let seen = visit.api.positions();
    let seen = seen.and_then(|seen| session::write_plain(SEEN, seen, SEEN_SECONDS, secure));
    let headers = response.headers_mut();
    // The page's own cookies come last, and so count.
    let own: Vec<_> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookie.into_iter().chain(seen).chain(own) {
        headers.append(header::SET_COOKIE, cookie);
    }
    if PRIVATE.iter().any(|beginning| visit.path.starts_with(beginning)) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    set_page_headers(headers);
}

/// Sets the headers that do not depend on the visitor.
pub(crate) fn set_page_headers(headers: &mut HeaderMap) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::VARY, HeaderValue::from_static("Cookie, Accept-Language"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_on_this_site() {
        for path in ["/", "/p/17?x=1", "/@ann"] {
            assert_eq!(local_path(path).as_deref(), Some(path));
        }
        for path in ["/\u{b}", "/\0", "", "//evil.example", "https://evil.example", "/\\evil.example", "p/1", "/a\r\nb"]
        {
            assert_eq!(local_path(path), None, "{path}");
        }
    }

    #[test]
    fn only_positions_are_sent_on() {
        assert!(are_positions("post/17@3") && are_positions("post/17@3, moderation.user/4@1"));
        for bad in ["", "garbage", "post/17", "post/17@", "post/17@x", "post/17@3,", "a b/1@2", "/1@2"] {
            assert!(!are_positions(bad), "{bad}");
        }
    }

    #[test]
    fn a_form_leads_back_to_its_own_page_only() {
        let with = |referrer: &str| referrer_of(&[("host", "chatty.example"), ("referer", referrer)]);
        fn referrer_of(pairs: &[(&'static str, &str)]) -> Option<String> {
            referrer(&pairs.iter().map(|(name, value)| ((*name).parse().unwrap(), value.parse().unwrap())).collect())
        }
        assert_eq!(with("https://chatty.example/t/x?cursor=1&done=liked").as_deref(), Some("/t/x?cursor=1"));
        assert_eq!(with("https://chatty.example/?done=liked").as_deref(), Some("/"));
        assert_eq!(with("https://evil.example/t/x"), None);
        assert_eq!(with("nonsense"), None);
    }
}
