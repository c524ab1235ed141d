//! The site under test, in both of its forms: one process, and the services behind the gateway.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::servers::machine::find_faketime;
use testkit::stack::{Stack, StackOptions};

/// The longest time that a test waits for a condition.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The password of everybody but the admin.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running site. Dropping it stops all processes.
pub(crate) struct Site {
    /// The beginning of all addresses.
    pub(crate) url: String,
    /// The address of the mails as JSON.
    mails: String,
    client: Client,
    form: Form,
}

enum Form {
    OneProcess(OneProcess),
    Distributed { _stack: Box<Stack> },
}

/// The suite in one process, with the folder of its data.
struct OneProcess {
    process: Child,
    port: u16,
    data: TempDir,
}

impl Drop for OneProcess {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_testkit")).parent().unwrap().to_owned()
}

fn spawn(port: u16, data: &Path, env: &[(&str, String)]) -> Child {
    let mut command = Command::new(programs().join("chatty"));
    command.env_clear().env("CHATTY_DATA_DIR", data).env("CHATTY_LISTEN", format!("127.0.0.1:{port}"));
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.stdout(Stdio::null()).spawn().unwrap()
}

impl Site {
    /// Starts the suite in one process.
    pub(crate) async fn in_one_process() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = tempfile::tempdir().unwrap();
        let process = spawn(port, data.path(), &[]);
        let url = format!("http://127.0.0.1:{port}");
        let form = Form::OneProcess(OneProcess { process, port, data });
        let site = Self { mails: format!("{url}/dev/mail"), url, client: client(), form };
        site.wait_until_ready().await;
        site
    }

    /// Starts the distributed form.
    pub(crate) async fn behind_the_gateway() -> Self {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let options = StackOptions {
            repository: repository.to_owned(),
            bin_dir: programs(),
            testkit: env!("CARGO_BIN_EXE_testkit").into(),
            service_env: Vec::new(),
            proxied: false,
            brokers: 1,
            standby: false,
            replicas: 1,
        };
        let stack = Stack::start(&options).await.unwrap();
        let (url, mails) = (stack.addresses().gateway_url.clone(), stack.addresses().mail_url.clone());
        Self { url, mails, client: client(), form: Form::Distributed { _stack: Box::new(stack) } }
    }

    async fn wait_until_ready(&self) {
        let ready = format!("{}/readyz", self.url);
        self.eventually("a start", async || {
            let Ok(answer) = self.client.get(&ready).send().await else { return false };
            answer.json::<Value>().await.is_ok_and(|answer| answer["status"] == "ready")
        })
        .await;
    }

    /// Starts the one process anew, at a time that is so many minutes later. Returns false in the distributed form, which
    /// this is not done to.
    pub(crate) async fn restart_later(&mut self, minutes: u32) -> bool {
        let Form::OneProcess(one) = &mut self.form else { return false };
        one.process.kill().unwrap();
        one.process.wait().unwrap();
        let library = find_faketime().unwrap().display().to_string();
        let env = [("LD_PRELOAD", library), ("FAKETIME", format!("+{minutes}m"))];
        let env = env.into_iter().chain([("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned())]).collect::<Vec<_>>();
        one.process = spawn(one.port, one.data.path(), &env);
        self.wait_until_ready().await;
        true
    }

    /// Fills the one process with the people of the demo.
    pub(crate) fn fill_with_demo(&self) {
        let Form::OneProcess(one) = &self.form else { panic!("the demo is for one process here") };
        let mut command = Command::new(programs().join("chatty"));
        command.arg("demo").env_clear().env("CHATTY_DATA_DIR", one.data.path());
        let done = command.env("CHATTY_LISTEN", format!("127.0.0.1:{}", one.port)).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// Waits for a condition.
    pub(crate) async fn eventually(&self, what: &str, mut condition: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition().await {
            assert!(Instant::now() < deadline, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Calls the API. The status is 0 if there was no answer.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let Ok(answer) = request.send().await else { return (0, Value::Null) };
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Waits for the newest mail to somebody whose subject has this word, and returns the link in it.
    pub(crate) async fn link_for(&self, username: &str, word: &str) -> String {
        let mails = format!("{}?to={username}@example.org", self.mails);
        let mut link = None;
        self.eventually("a mail", async || {
            let mails: Value = self.client.get(&mails).send().await.unwrap().json().await.unwrap();
            let mail = mails["messages"]
                .as_array()
                .unwrap()
                .iter()
                .find(|mail| mail["subject"].as_str().unwrap().contains(word));
            let text = mail.and_then(|mail| mail["text"].as_str()).unwrap_or_default();
            link = text.lines().find(|line| line.starts_with("http")).map(str::to_owned);
            link.is_some()
        })
        .await;
        link.unwrap()
    }

    /// Registers somebody through the API, and verifies the account. Returns a person who is logged in.
    pub(crate) async fn person(&self, username: &str) -> Person {
        let email = format!("{username}@example.org");
        let sent = json!({ "username": username, "email": email, "password": PASSWORD });
        let registered = self.call(Method::POST, "/auth/register", None, Some(sent)).await;
        assert_eq!(registered.0, 201, "{registered:?}");
        let link = self.link_for(username, "Confirm").await;
        let token = link.rsplit('/').next().unwrap();
        let verified = self.call(Method::POST, &format!("/auth/verify/{token}"), None, None).await;
        assert_eq!(verified.0, 200, "{verified:?}");
        self.log_in(username, PASSWORD).await
    }

    /// Logs somebody in through the API.
    pub(crate) async fn log_in(&self, username: &str, password: &str) -> Person {
        let login = json!({ "username": username, "password": password });
        let (status, answer) = self.call(Method::POST, "/auth/login", None, Some(login)).await;
        assert_eq!(status, 200, "{username}: {answer}");
        let token = answer["token"].as_str().unwrap().to_owned();
        Person { id: answer["user_id"].as_i64().unwrap(), token, username: username.to_owned() }
    }

    /// Does something through the API as soon as every service has heard of what it needs. Returns the answer.
    pub(crate) async fn make(&self, person: &Person, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut made = Value::Null;
        self.eventually(path, async || {
            let (status, answer) = self.call(method.clone(), path, Some(&person.token), body.clone()).await;
            made = answer;
            (200..300).contains(&status)
        })
        .await;
        made
    }

    /// Writes a post through the API, and returns its id.
    pub(crate) async fn post(&self, person: &Person, title: &str) -> i64 {
        let body = json!({ "title": title, "content": format!("Words about {title}") });
        self.make(person, Method::POST, "/posts", Some(body)).await["post"]["id"].as_i64().unwrap()
    }
}

/// A person who uses the API.
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) token: String,
    pub(crate) username: String,
}

fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}
