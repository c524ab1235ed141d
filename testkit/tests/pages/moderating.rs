//! Moderators: reports, removals, blocks.

use crate::browser::Browsers;
use crate::site::Site;

/// Somebody reports a post. The admin removes it, and restores it.
pub(crate) async fn a_report_leads_to_a_removal_that_is_undone(site: &Site, browsers: &Browsers, width: u32) {
    let (author, reader) = (site.person(&format!("loud{width}")).await, site.person(&format!("calm{width}")).await);
    let title = format!("Buy now {width}");
    let post = site.post(&author, &title).await;

    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&reader.username).await;
    // Admin has to hear of the post first.
    site.eventually("a report", async || {
        browser.goto(&format!("/report?post={post}")).await;
        browser.click("main [name=reason][value=spam]").await;
        browser.type_into("text", "An advertisement").await;
        browser.click("form[action=\"/report\"] button").await;
        !browser.has("form[action=\"/report\"]").await
    })
    .await;
    browser.close().await;

    let browser = browsers.open(site, width, true).await;
    browser.sign_in("admin", "secret").await;
    browser.see_at("/moderation/reports", &title).await;
    browser.click("main form[action$=\"/resolve\"] [name=action][value=remove]").await;
    browser.arrive("/moderation/reports?done=case-ended").await;
    browser.see_at("/moderation/removed", &title).await;
    browser.see_at(&format!("/p/{post}"), "404").await;
    browser.goto("/moderation/removed").await;
    browser.click(&format!("form[action=\"/moderation/removed/posts/{post}/restore\"] button")).await;
    browser.arrive("/moderation/removed?done=restored").await;
    browser.see_at(&format!("/p/{post}"), &title).await;
    browser.close().await;
}

/// The admin blocks somebody, who is thrown out.
pub(crate) async fn a_block_throws_a_person_out(site: &Site, browsers: &Browsers, width: u32) {
    let person = site.person(&format!("rude{width}")).await;
    let theirs = browsers.open(site, width, true).await;
    theirs.sign_in_as(&person.username).await;

    let admins = browsers.open(site, width, true).await;
    admins.sign_in("admin", "secret").await;
    admins.see_at("/moderation/people", &person.username).await;
    let form = format!("form[action=\"/moderation/people/{}/block\"] button", person.id);
    let closed =
        "details:has(form[action=\"/moderation/people/ID/block\"]) > summary".replace("ID", &person.id.to_string());
    if admins.has(&closed).await {
        admins.click(&closed).await;
    }
    admins.click(&form).await;
    admins.see("blocked").await;
    admins.find(&form.replace("/block", "/unblock")).await;
    admins.close().await;

    // The page says why, once; then the visitor is a stranger.
    theirs.see_at("/settings/sessions", "blocked").await;
    theirs.goto("/settings/sessions").await;
    theirs.arrive("/signin?back=%2Fsettings%2Fsessions").await;
    theirs.close().await;
}
