//! One's own account: passwords, the profile, sessions, and the end.

use crate::browser::Browsers;
use crate::site::{PASSWORD, Site};

/// Somebody has forgotten the password, and sets another one by the link of the mail.
pub(crate) async fn a_forgotten_password_is_replaced(site: &Site, browsers: &Browsers, width: u32) {
    let person = site.person(&format!("forgetful{width}")).await;
    let browser = browsers.open(site, width, true).await;
    browser.goto("/signin").await;
    browser.click("main a[href=\"/reset\"]").await;
    browser.arrive("/reset").await;
    browser.type_into("email", &format!("{}@example.org", person.username)).await;
    browser.click("main form button").await;
    let link = site.link_for(&person.username, "password").await;
    browser.follow(&link).await;
    browser.type_into("password", "another horse battery").await;
    browser.click("main form button").await;
    browser.find("main [name=username]").await;
    browser.sign_in(&person.username, "another horse battery").await;
    browser.close().await;
}

/// Somebody changes the profile, signs out and in again, and deletes the account.
pub(crate) async fn a_profile_is_changed_and_left(site: &Site, browsers: &Browsers, width: u32) {
    let person = site.person(&format!("leaver{width}")).await;
    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&person.username).await;
    browser.goto("/settings").await;
    browser.type_into("first_name", "Zoë").await;
    browser.type_into("bio", "שלום <script>alert(1)</script>").await;
    browser.click("form[action=\"/settings/profile\"] button").await;
    browser.arrive("/settings?done=saved").await;
    browser.see_at(&format!("/@{}", person.username), "Zoë").await;
    browser.see("<script>alert(1)</script>").await;
    browser.goto("/settings/leave").await;
    browser.type_into("password", "wrong password").await;
    browser.click("form[action=\"/settings/leave\"] button").await;
    browser.find("form[action=\"/settings/leave\"]").await;
    browser.type_into("password", PASSWORD).await;
    browser.click("form[action=\"/settings/leave\"] button").await;
    browser.see("Your data is").await;
    browser.see_at(&format!("/@{}", person.username), "404").await;
    browser.goto("/settings").await;
    browser.arrive("/signin?back=%2Fsettings").await;
    browser.close().await;
}

/// Two tabs are open when the access token ends. Both go on.
pub(crate) async fn two_tabs_stay_signed_in_over_the_end_of_a_token(site: &mut Site, browsers: &Browsers) {
    let person = site.person("steady").await;
    let browser = browsers.open(site, 1280, true).await;
    browser.sign_in_as(&person.username).await;
    // The open page would complain about the restart.
    browser.follow("about:blank").await;
    if !site.restart_later(20).await {
        return browser.close().await;
    }
    let [first, second] = browser.open_tab().await;
    for tab in [&first, &second, &first, &second] {
        browser.driver.switch_to_window(tab.clone()).await.unwrap();
        browser.goto("/settings/sessions").await;
        browser.find("form[action=\"/signout\"]").await;
        browser.arrive("/settings/sessions").await;
    }
    browser.close().await;
}

/// Somebody blocks a person, and undoes it where the list of the blocked is.
pub(crate) async fn a_personal_block_is_undone(site: &Site, browsers: &Browsers, width: u32) {
    let (person, other) = (site.person(&format!("shy{width}")).await, site.person(&format!("pushy{width}")).await);
    let browser = browsers.open(site, width, true).await;
    browser.sign_in_as(&person.username).await;
    let profile = format!("/@{}", other.username);
    browser.see_at(&profile, &other.username).await;
    let block = format!("form[action=\"{profile}/block\"] button");
    let menus = "document.querySelectorAll('main details').forEach((menu) => { menu.open = true; }); ''";
    site.eventually("a block", async || {
        browser.goto(&profile).await;
        browser.evaluate(menus).await;
        if browser.has(&block).await {
            browser.click(&block).await;
        }
        browser.goto("/settings/people").await;
        browser.has(&format!("form[action=\"{profile}/unblock\"]")).await
    })
    .await;
    browser.click(&format!("form[action=\"{profile}/unblock\"] button")).await;
    browser.lose(&format!("form[action=\"{profile}/unblock\"]")).await;
    browser.see_at(&profile, &other.username).await;
    browser.find(&block).await;
    browser.close().await;
}
