//! Daily life: posts that arrive, comments, people who follow each other, recommendations.

use reqwest::Method;

use crate::browser::Browsers;
use crate::site::Site;

/// A post, a notification and a number of likes reach an open page by themselves.
pub(crate) async fn a_post_arrives_in_an_open_page(site: &Site, browsers: &Browsers, width: u32) {
    let (author, reader) = (site.person(&format!("writer{width}")).await, site.person(&format!("reader{width}")).await);
    site.make(&reader, Method::POST, &format!("/subscribe/{}", author.id), None).await;
    let first = site.post(&author, "The first one").await;

    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&reader.username).await;
    browser.see_at("/", "The first one").await;
    site.make(&author, Method::POST, &format!("/posts/{first}/likes"), None).await;
    let likes = format!("[data-likes=\"{first}\"]");
    let is_shown = async || browser.text_of(&likes).await.as_deref() == Some("1");
    site.eventually("the like in the open page", is_shown).await;
    site.post(&author, "The second one").await;
    browser.find("#news:not([hidden])").await;
    browser.click("#news").await;
    browser.see("The second one").await;
    browser.close().await;
}

/// Somebody follows a person, comments, and is answered; both are told.
pub(crate) async fn people_follow_comment_and_are_told(site: &Site, browsers: &Browsers, width: u32) {
    let (author, reader) = (site.person(&format!("anna{width}")).await, site.person(&format!("bert{width}")).await);
    let post = site.post(&author, &format!("Bees {width}")).await;

    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&reader.username).await;
    let profile = format!("/@{}", author.username);
    browser.see_at(&profile, &format!("Bees {width}")).await;
    browser.click(&format!("#person-{}-follow button", author.id)).await;
    browser.find(&format!("form[action=\"{profile}/unfollow\"]")).await;
    browser.goto(&format!("/p/{post}")).await;
    browser.type_into("content", "Is there honey? <b>Really</b> ✨").await;
    browser.click("form[action$=\"/comments\"] button").await;
    browser.see("Is there honey? <b>Really</b> ✨").await;
    browser.see_at("/", &format!("Bees {width}")).await;
    browser.close().await;

    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&author.username).await;
    browser.see_at("/activity", "Is there honey?").await;
    browser.see(&format!("@{}", reader.username)).await;
    browser.click("form[action=\"/activity/read\"] button").await;
    browser.lose("form[action=\"/activity/read\"]").await;
    browser.goto("/activity?unread=true").await;
    browser.see_no_more("Is there honey?").await;
    browser.close().await;
}

/// Somebody with the same taste likes a post, and so it is recommended, with that reason.
pub(crate) async fn a_recommendation_has_its_reason(site: &Site, browsers: &Browsers, width: u32) {
    let author = site.person(&format!("author{width}")).await;
    let (friend, reader) = (site.person(&format!("cora{width}")).await, site.person(&format!("dora{width}")).await);
    let title = format!("Mushrooms {width}");
    let shared = [site.post(&author, "Trees").await, site.post(&author, "Birds").await];
    let other = site.post(&author, &title).await;
    for post in shared {
        site.make(&reader, Method::POST, &format!("/posts/{post}/likes"), None).await;
        site.make(&friend, Method::POST, &format!("/posts/{post}/likes"), None).await;
    }
    site.make(&friend, Method::POST, &format!("/posts/{other}/likes"), None).await;

    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&reader.username).await;
    browser.see_at("/discover", &title).await;
    browser.see_at("/discover", &format!("@{}", friend.username)).await;
    browser.close().await;
}
