//! A browser without a screen, driven over the WebDriver protocol.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::servers::machine::{find_program, free_ports};
use thirtyfour::prelude::*;

use crate::site::{PASSWORD, PATIENCE, Site};

/// The arguments that keep a browser on this machine, and let it run as root and without a screen.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// The program that starts browsers. Dropping it ends them.
pub(crate) struct Browsers {
    driver: Child,
    url: String,
}

impl Drop for Browsers {
    fn drop(&mut self) {
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
    }
}

impl Browsers {
    /// Starts the program.
    pub(crate) async fn start() -> Self {
        let [port] = free_ports().unwrap();
        let program = find_program("chromedriver").unwrap();
        let mut command = Command::new(program);
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let browsers = Self { driver: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while client.get(format!("{}/status", browsers.url)).send().await.is_err() {
            assert!(Instant::now() < deadline, "chromedriver does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        browsers
    }

    /// Opens a browser of its own, with cookies of its own, that is this many pixels wide.
    pub(crate) async fn open(&self, site: &Site, width: u32, scripts: bool) -> Browser {
        let mut capabilities = DesiredCapabilities::chrome();
        let browser = find_program("chromium").unwrap();
        let mut preferences = json!({ "intl.accept_languages": "en" });
        if !scripts {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let options = json!({ "args": ARGUMENTS, "binary": browser, "prefs": preferences });
        capabilities.set("goog:chromeOptions", options).unwrap();
        capabilities.set("goog:loggingPrefs", json!({ "browser": "ALL" })).unwrap();
        let driver = WebDriver::new(&self.url, capabilities).await.unwrap();
        driver.set_window_rect(0, 0, width.max(500), 1000).await.unwrap();
        let browser = Browser { driver, url: site.url.clone() };
        browser.set_width(width).await;
        browser
    }
}

/// A browser, and the site that it visits.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    url: String,
}

impl Browser {
    /// A window is no narrower than 500 pixels, so a phone is emulated.
    async fn set_width(&self, width: u32) {
        let metrics = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sends a command of the browser's own protocol.
    pub(crate) async fn command(&self, name: &str, parameters: serde_json::Value) {
        self.driver.cdp().send_raw(name, parameters).await.unwrap();
    }

    /// Opens a page by its path.
    pub(crate) async fn goto(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.unwrap();
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, css: &str) -> WebElement {
        let found = self.driver.query(By::Css(css)).wait(PATIENCE, Duration::from_millis(50)).first().await;
        match found {
            Ok(found) => found,
            Err(_) => panic!("{css} is not on the page {}: {}", self.path().await, self.text().await),
        }
    }

    /// Returns whether the page has an element now.
    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.driver.find_all(By::Css(css)).await.unwrap().is_empty()
    }

    /// Returns the text of an element now; `None` without one.
    pub(crate) async fn text_of(&self, css: &str) -> Option<String> {
        self.driver.find(By::Css(css)).await.ok()?.text().await.ok()
    }

    /// Waits for an element, and clicks it.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        element.scroll_into_view().await.unwrap();
        element.click().await.unwrap();
    }

    /// Types into the field of this name in the main part of the page.
    pub(crate) async fn type_into(&self, name: &str, text: &str) {
        let field = self.find(&format!("main [name=\"{name}\"]")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Waits until the page shows a text.
    pub(crate) async fn see(&self, text: &str) {
        self.until(&format!("the text {text:?}"), async |text_of_page| text_of_page.contains(text)).await;
    }

    /// Waits until the page does not show a text any more.
    pub(crate) async fn see_no_more(&self, text: &str) {
        self.until(&format!("the end of the text {text:?}"), async |text_of_page| !text_of_page.contains(text)).await;
    }

    async fn until(&self, what: &str, condition: impl AsyncFn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if condition(&text).await {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain for {what} at {}: {text}", self.path().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens a page again and again until it shows a text: for what other services hear of by events.
    pub(crate) async fn see_at(&self, path: &str, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.goto(path).await;
            if self.text().await.contains(text) {
                return;
            }
            assert!(Instant::now() < deadline, "waited in vain for {text:?} at {path}: {}", self.text().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Returns the text of the page. It is empty between two pages.
    pub(crate) async fn text(&self) -> String {
        let Ok(body) = self.driver.find(By::Tag("body")).await else { return String::new() };
        body.text().await.unwrap_or_default()
    }

    /// Returns the path of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.driver.current_url().await.unwrap();
        url.as_str().strip_prefix(&self.url).unwrap_or(url.as_str()).to_owned()
    }

    /// Waits until the browser is on a page.
    pub(crate) async fn arrive(&self, path: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.path().await != path {
            assert!(Instant::now() < deadline, "at {} and not {path}: {}", self.path().await, self.text().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Signs somebody in.
    pub(crate) async fn sign_in(&self, username: &str, password: &str) {
        self.goto("/signin").await;
        self.type_into("username", username).await;
        self.type_into("password", password).await;
        self.click("main form button").await;
        self.arrive("/").await;
    }

    /// Signs in somebody who has the password of everybody.
    pub(crate) async fn sign_in_as(&self, username: &str) {
        self.sign_in(username, PASSWORD).await;
    }

    /// Closes the browser. Nothing may have been complained about: no script failed, and no part of a page was refused.
    pub(crate) async fn close(self) {
        let log = self.driver.handle().browser_log().await.unwrap();
        let complaints: Vec<_> = log.iter().map(|entry| format!("{entry:?}")).filter(|entry| is_complaint(entry)).collect();
        self.driver.quit().await.unwrap();
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    }
}

/// Returns whether an entry of the browser's log is about a mistake. A page about a failure has its status in the log, and
/// so has a service that is starting.
fn is_complaint(entry: &str) -> bool {
    let is_status = ["status of 40", "status of 42", "status of 503"].iter().any(|status| entry.contains(status));
    !is_status && !entry.contains("recommendation")
}
