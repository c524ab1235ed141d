//! Checks that everybody can use the pages: the rules of axe-core, the order of the Tab key, and that nothing comes from
//! elsewhere. On the way it makes pictures of the pages, if the variable `SCREENS` names a folder (`make screens`).

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use shared::config::Env;

use crate::browser::{Browser, Browsers};
use crate::site::Site;

/// The pages of a visitor who is not signed in.
const OUTSIDE: [&str; 11] = [
    "/",
    "/signup",
    "/signup/mail",
    "/mailbox",
    "/signin",
    "/reset",
    "/search",
    "/keys",
    "/settings/appearance",
    "/nothing",
    "/t/bees",
];
/// The pages of a member.
const INSIDE: [&str; 18] = [
    "/",
    "/discover",
    "/activity",
    "/saved",
    "/new",
    "/search?q=bees",
    "/@mila",
    "/@mila/followers",
    "/@noah",
    "/settings",
    "/settings/account",
    "/settings/sessions",
    "/settings/two-factor",
    "/settings/people",
    "/settings/export",
    "/settings/leave",
    "/report?post=1",
    "/t/bees",
];
/// The pages of the admin.
const DESK: [&str; 6] = [
    "/moderation",
    "/moderation/reports",
    "/moderation/reports?status=acted",
    "/moderation/people",
    "/moderation/removed",
    "/moderation/audit",
];

/// The pages of a member whom the demo has made, with the names of their pictures.
const LIVED_IN: [(&str, &str); 6] = [
    ("/", "home"),
    ("/discover", "discover"),
    ("/activity", "activity"),
    ("/@ada", "profile"),
    ("/search?q=the", "search"),
    ("/new", "new-post"),
];

/// Returns the rules of axe-core, which `make test` puts beside the programs.
fn axe() -> String {
    let target: PathBuf = PathBuf::from(env!("CARGO_BIN_EXE_testkit")).ancestors().nth(2).unwrap().to_owned();
    let file = target.join("axe/axe.min.js");
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}; `make test` fetches it", file.display()))
}

/// Applies the rules to all pages, as a phone and a wide screen show them, in light and in dark colours.
pub(crate) async fn everybody_can_use_the_pages(site: &Site, browsers: &Browsers) {
    let post = furnish(site).await;
    site.fill_with_demo();
    let (axe, post) = (axe(), format!("/p/{post}"));
    for (width, scheme) in [(390, "dark"), (1280, "light")] {
        let browser = browsers.open(site, width, true).await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.command("Emulation.setEmulatedMedia", scheme).await;
        check_all(&browser, &axe, &OUTSIDE).await;
        check_all(&browser, &axe, &[&post, "/@mila"]).await;
        browser.goto("/").await;
        picture(&browser, "welcome", width).await;
        browser.sign_in_as("noah").await;
        check_all(&browser, &axe, &INSIDE).await;
        check_all(&browser, &axe, &[&post]).await;
        picture(&browser, "post", width).await;
        browser.close().await;
        let browser = browsers.open(site, width, true).await;
        browser.sign_in("ada", "the demo of ada").await;
        for (path, name) in LIVED_IN {
            check_all(&browser, &axe, &[path]).await;
            picture(&browser, name, width).await;
        }
        browser.close().await;
        let browser = browsers.open(site, width, true).await;
        browser.sign_in("admin", "secret").await;
        check_all(&browser, &axe, &DESK).await;
        browser.goto("/moderation/reports").await;
        picture(&browser, "reports", width).await;
        browser.close().await;
    }
    tabs_go_in_the_order_of_the_page(site, browsers).await;
}

/// Makes something to look at: a conversation, a report, a follower. Returns the id of the post.
async fn furnish(site: &Site) -> i64 {
    let (mila, noah) = (site.person("mila").await, site.person("noah").await);
    let body = json!({ "title": "Bees", "content": "The #bees are back, @noah: https://example.org/bees" });
    let post = site.make(&mila, Method::POST, "/posts", Some(body)).await["post"]["id"].as_i64().unwrap();
    site.make(&noah, Method::POST, &format!("/subscribe/{}", mila.id), None).await;
    let comments = format!("/posts/{post}/comments");
    let comment = site.make(&noah, Method::POST, &comments, Some(json!({ "content": "Honey?" }))).await;
    let answer = json!({ "content": "Soon.", "reply_to": comment["comment"]["id"] });
    site.make(&mila, Method::POST, &comments, Some(answer)).await;
    site.make(&noah, Method::POST, "/reports", Some(json!({ "post_id": post, "reason": "other" }))).await;
    post
}

/// Makes a picture of what a browser shows, if somebody has asked for pictures.
async fn picture(browser: &Browser, name: &str, width: u32) {
    let env = Env::of_process();
    let Some(folder) = env.get("SCREENS") else { return };
    let form = json!({ "format": "webp", "quality": 85 });
    let answer = browser.command("Page.captureScreenshot", form).await;
    let bytes = STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
    fs::write(PathBuf::from(folder).join(format!("{name}-{width}.webp")), bytes).unwrap();
}

async fn check_all(browser: &Browser, axe: &str, paths: &[&str]) {
    for path in paths {
        browser.goto(path).await;
        browser.evaluate(axe).await;
        let found = "axe.run().then((found) => JSON.stringify(found.violations.map((one) => \
                     [one.id, one.help, one.nodes.map((node) => node.target.join(' '))])))";
        let violations = browser.evaluate(found).await;
        assert_eq!(violations, "[]", "{path}");
        let others = "JSON.stringify(performance.getEntriesByType('resource').map((one) => one.name)\
                      .filter((name) => !name.startsWith(location.origin) && !name.startsWith('blob:')))";
        assert_eq!(browser.evaluate(others).await, "[]", "{path}");
        let sideways = "String(document.documentElement.scrollWidth > document.documentElement.clientWidth)";
        assert_eq!(browser.evaluate(sideways).await, "false", "{path} scrolls sideways");
    }
}

/// Presses the Tab key on the main pages, and compares the order in which links and fields are reached with that of a
/// reader: first the way to the content, then the navigation, then the content from top to bottom.
async fn tabs_go_in_the_order_of_the_page(site: &Site, browsers: &Browsers) {
    let browser = browsers.open(site, 1280, true).await;
    browser.goto("/signin").await;
    let reached = press_tab(&browser, 9).await;
    assert_eq!(
        reached,
        ["#main", "/", "/search", "/signin", "/signup", "username", "password", "button", "/reset"],
        "the sign-in page"
    );
    browser.sign_in_as("noah").await;
    browser.goto("/").await;
    let reached = press_tab(&browser, 14).await;
    assert_eq!(
        reached,
        [
            "#main",
            "/",
            "/",
            "/search",
            "/discover",
            "/new",
            "/activity",
            "/saved",
            "/@noah",
            "/settings",
            "summary",
            "/new",
            "/@mila",
            "/p/1"
        ],
        "the home page"
    );
    browser.close().await;
}

async fn press_tab(browser: &Browser, times: usize) -> Vec<String> {
    let mut reached = Vec::new();
    for _press in 0..times {
        browser.press_tab().await;
        let name = "(() => { const at = document.activeElement; return at.getAttribute('href') || at.name || \
                    at.localName; })()";
        reached.push(browser.evaluate(name).await);
    }
    reached
}
