//! A browser without a screen, driven over the WebDriver protocol.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::elements::Element;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde_json::{Value, json};
use testkit::servers::machine::{find_program, free_ports};

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
        let mut preferences = json!({ "intl.accept_languages": "en" });
        if !scripts {
            preferences["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let options = json!({ "args": ARGUMENTS, "binary": find_program("chromium").unwrap(), "prefs": preferences });
        let capabilities = [("goog:chromeOptions", options), ("goog:loggingPrefs", json!({ "browser": "ALL" }))];
        let capabilities = capabilities.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let driver = builder.capabilities(capabilities).connect(&self.url).await.unwrap();
        driver.set_window_rect(0, 0, width.max(500), 1000).await.unwrap();
        let browser = Browser { driver, url: site.url.clone() };
        browser.set_width(width).await;
        browser
    }
}

/// A command of ChromeDriver that the WebDriver standard does not have: the end of its path, and its parameters.
#[derive(Debug)]
struct Own(&'static str, Value);

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.0))
    }

    fn method_and_body(&self, _url: &Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.1.to_string()))
    }
}

/// A browser, and the site that it visits.
pub(crate) struct Browser {
    pub(crate) driver: Client,
    url: String,
}

impl Browser {
    /// A window is no narrower than 500 pixels, so a phone is emulated.
    async fn set_width(&self, width: u32) {
        let metrics = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Sends a command of the browser's own protocol, and returns its answer.
    pub(crate) async fn command(&self, name: &str, parameters: Value) -> Value {
        let command = Own("goog/cdp/execute", json!({ "cmd": name, "params": parameters }));
        self.driver.issue_cmd(command).await.unwrap()
    }

    /// Runs a script with the rights of the developer tools, which no policy of the page restricts. Returns its text.
    pub(crate) async fn evaluate(&self, script: &str) -> String {
        let parameters = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let answer = self.command("Runtime.evaluate", parameters).await;
        assert_eq!(answer["exceptionDetails"], Value::Null, "{answer}");
        answer["result"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Presses the Tab key.
    pub(crate) async fn press_tab(&self) {
        for kind in ["rawKeyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
            self.command("Input.dispatchKeyEvent", key).await;
        }
    }

    /// Opens an address.
    pub(crate) async fn follow(&self, address: &str) {
        self.driver.goto(address).await.unwrap();
    }

    /// Opens a page by its path.
    pub(crate) async fn goto(&self, path: &str) {
        self.follow(&format!("{}{path}", self.url)).await;
    }

    /// Opens another tab, and returns both: this one first.
    pub(crate) async fn open_tab(&self) -> [WindowHandle; 2] {
        let first = self.driver.window().await.unwrap();
        [first, self.driver.new_window(true).await.unwrap().handle]
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Ok(found) = self.driver.find(Locator::Css(css)).await {
                return found;
            }
            let (path, text) = (self.path().await, self.text().await);
            assert!(Instant::now() < deadline, "{css} is not on the page {path}: {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns whether the page has an element now.
    pub(crate) async fn has(&self, css: &str) -> bool {
        !self.driver.find_all(Locator::Css(css)).await.unwrap().is_empty()
    }

    /// Waits until the page does not have an element any more.
    pub(crate) async fn lose(&self, css: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.has(css).await {
            assert!(Instant::now() < deadline, "{css} stays on the page {}", self.path().await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the text of an element now; `None` without one.
    pub(crate) async fn text_of(&self, css: &str) -> Option<String> {
        self.driver.find(Locator::Css(css)).await.ok()?.text().await.ok()
    }

    /// Waits for an element, and clicks it.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        // To the middle, because the navigation of a phone lies over the foot of the page.
        let script = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        self.driver.execute(script, vec![serde_json::to_value(&element).unwrap()]).await.unwrap();
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
        let Ok(body) = self.driver.find(Locator::Css("body")).await else { return String::new() };
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
        let log = self.driver.issue_cmd(Own("se/log", json!({ "type": "browser" }))).await.unwrap();
        let entries = log.as_array().unwrap().iter().map(Value::to_string);
        let complaints: Vec<String> = entries.filter(|entry| is_complaint(entry)).collect();
        self.driver.close().await.unwrap();
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    }
}

/// Returns whether an entry of the browser's log is about a mistake. A page about a failure has its status in the log, and
/// so has a service that is starting.
fn is_complaint(entry: &str) -> bool {
    let is_status = ["status of 40", "status of 42", "status of 503"].iter().any(|status| entry.contains(status));
    !is_status && !entry.contains("recommendation")
}
