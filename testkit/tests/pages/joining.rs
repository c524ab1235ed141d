//! A newcomer: from the welcome page to the first like.

use serde_json::json;

use crate::browser::Browsers;
use crate::site::{PASSWORD, Site};

/// A newcomer signs up, follows the link of the mail, signs in, and likes a post: with scripts and without them.
pub(crate) async fn a_newcomer_joins_and_likes_a_post(site: &Site, browsers: &Browsers, width: u32, scripts: bool) {
    let author = site.person(&format!("host{width}{scripts}")).await;
    let title = format!("Welcome {width} {scripts}");
    let post = site.post(&author, &title).await;
    let name = format!("new{width}{scripts}");

    let browser = browsers.open(site, width, scripts).await;
    browser.goto("/").await;
    browser.see(&title).await;
    browser.click("main a[href=\"/signup\"]").await;
    browser.arrive("/signup").await;
    // A password that is refused keeps what was typed.
    browser.type_into("username", &name).await;
    browser.type_into("email", &format!("{name}@example.org")).await;
    browser.type_into("password", "password123").await;
    browser.click("main form button").await;
    browser.find("[name=password][aria-invalid=true]").await;
    assert_eq!(browser.find("[name=username]").await.prop("value").await.unwrap().as_deref(), Some(&*name));
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button").await;
    browser.arrive("/signup/mail").await;

    let link = site.link_for(&name, "Confirm").await;
    browser.follow(&link).await;
    browser.click("main form button").await;
    browser.see("Your address is confirmed").await;
    browser.sign_in_as(&name).await;
    // Nobody is followed yet, so the page says whom to follow.
    browser.find("main [href=\"/discover\"]").await;

    browser.goto(&format!("/p/{post}")).await;
    browser.click(&format!("#post-{post}-actions [name=like]")).await;
    browser.find(&format!("#post-{post}-actions [name=like][aria-pressed=true]")).await;
    let likes = site.call(reqwest::Method::GET, &format!("/posts/{post}"), None, None).await.1["like_count"].clone();
    assert_eq!(likes, json!(1));
    browser.click(&format!("#post-{post}-actions [name=like]")).await;
    browser.find(&format!("#post-{post}-actions [name=like][aria-pressed=false]")).await;
    browser.click(&format!("#post-{post}-actions [name=like]")).await;
    browser.find(&format!("#post-{post}-actions [name=like][aria-pressed=true]")).await;
    browser.close().await;
}
