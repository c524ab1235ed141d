//! `chatty demo`: fills a running suite with a network of people, through the public API, always the same.

use std::collections::HashSet;
use std::io::Cursor;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url};
use serde_json::{Value, json};
use shared::config::Env;

use crate::output::{self, Progress};
use crate::suite;

/// The people: username, first name, last name, and what they care about.
const PEOPLE: [(&str, &str, &str, usize); 16] = [
    ("ada", "Ada", "Moreau", 0),
    ("bruno", "Bruno", "Lindqvist", 0),
    ("chen", "Chen", "Wei", 0),
    ("dalia", "Dalia", "Haddad", 0),
    ("emil", "Emil", "Novak", 1),
    ("farah", "Farah", "Siddiqui", 1),
    ("goran", "Goran", "Petrov", 1),
    ("hana", "Hana", "Suzuki", 1),
    ("ines", "Inês", "Carvalho", 2),
    ("jonas", "Jonas", "Weber", 2),
    ("kofi", "Kofi", "Mensah", 2),
    ("lena", "Lena", "Østergaard", 2),
    ("mateo", "Mateo", "Rojas", 3),
    ("nora", "Nora", "Byrne", 3),
    ("oleg", "Oleg", "Tkachenko", 3),
    ("priya", "Priya", "Raman", 3),
];

/// What the people write about, by what they care about.
const POSTS: [[(&str, &str); 4]; 4] = [
    [
        ("Up before the fog", "The ridge was ours alone until nine. Bring gloves, the cable is icy."),
        ("New boots, old mistakes", "Twelve kilometres is too far for the first day. My heels agree."),
        ("A hut without a phone signal", "Soup, cards and forty centimetres of snow by morning."),
        ("Which map do you trust?", "The app sent us across a stream that is a river in May."),
    ],
    [
        ("Sourdough, day nine", "It finally floats. Seventy per cent water, and patience."),
        ("The market at six", "Quinces are back. Two kilos for jam, one for the smell in the kitchen."),
        ("Dumplings for thirty", "Nobody left hungry, and nobody wants to see cabbage this week."),
        ("A knife that cuts", "Ten minutes on the stone every Sunday. It changed how I cook."),
    ],
    [
        ("Rehearsal in the stairwell", "Best echo in town. The neighbours asked for an encore."),
        ("Vinyl for two euros", "Scratched, but side B is perfect."),
        ("Learning the cello at forty", "Week three: the cat has stopped leaving the room."),
        ("Setlist for Friday", "Slow start, loud middle, and the waltz at the end."),
    ],
    [
        ("Borrow checker, meet Monday", "I moved it, I swear I moved it."),
        ("A bug in the calendar", "It only happens on the 31st. Guess when I deployed."),
        ("Half the code, twice as fast", "Deleting the cache fixed the cache."),
        ("Pairing by the window", "Two people, one keyboard, and a plan that survived lunch."),
    ],
];

/// What they say to each other.
const COMMENTS: [&str; 6] = [
    "So true.",
    "Wish I had been there!",
    "Tell me more on Saturday.",
    "This made my day.",
    "I tried that once. Never again.",
    "Where was this?",
];

/// The demo's pictures: every third post has one.
const PICTURE: u32 = 480;

/// `chatty demo`.
#[derive(Args)]
pub(crate) struct Demo {
    /// Where the suite is served; unless given, where CHATTY_LISTEN says, or PUBLIC_URL for five services.
    #[arg(long)]
    base: Option<String>,
    /// Where its mails can be read; the development mailbox unless given.
    #[arg(long)]
    mail: Option<String>,
}

struct Person {
    id: i64,
    token: String,
    interest: usize,
}

struct Api {
    base: String,
    mail: String,
    client: Client,
}

impl Demo {
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let base = match self.base {
            Some(base) => {
                if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                    bail!("--base must be a URL such as http://127.0.0.1:8080");
                }
                base.trim_end_matches('/').to_owned()
            }
            None => suite::address(env)?,
        };
        let mail = self.mail.unwrap_or_else(|| format!("{base}/dev/mail"));
        let api = Api { base, mail, client: Client::builder().timeout(Duration::from_secs(20)).build()? };
        let progress = Progress::start("registering people");
        let mut people = Vec::new();
        for (username, first, last, interest) in PEOPLE {
            let Some(person) = api.join(username, first, last, interest).await? else {
                bail!("{username} is registered already: the demo has been loaded before");
            };
            people.push(person);
        }
        progress.step("writing posts");
        let posts = api.write(&people).await?;
        progress.step("following each other");
        let follows = api.follow(&people).await?;
        progress.step("liking and commenting");
        let (likes, comments) = api.react(&people, &posts).await?;
        drop(progress);
        let (count, written) = (people.len(), posts.len());
        output::line(format_args!(
            "{count} people, {written} posts, {follows} follows, {likes} likes, {comments} comments"
        ))?;
        output::line("Log in as ada with the password `the demo of ada`.")?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Api {
    fn request(&self, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base)).header("accept", "application/json");
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn expect(request: RequestBuilder, what: &str) -> anyhow::Result<Value> {
        let answer = request.send().await.with_context(|| format!("{what}: is chatty running?"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{what}: {status} {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("{what}: {text}"))
    }

    /// Registers somebody, follows the link in the mail, and logs in. `None`: the name is taken.
    async fn join(&self, username: &str, first: &str, last: &str, interest: usize) -> anyhow::Result<Option<Person>> {
        let (email, password) = (format!("{username}@demo.example"), format!("the demo of {username}"));
        let body = json!({ "username": username, "email": email, "password": password, "first_name": first, "last_name": last });
        let answer = self
            .request(Method::POST, "/auth/register", None)
            .json(&body)
            .send()
            .await
            .context("is chatty running?")?;
        if answer.status() == StatusCode::CONFLICT {
            return Ok(None);
        }
        if !answer.status().is_success() {
            bail!("register {username}: {}", answer.text().await?);
        }
        let link = self.link_in_mail(&email).await?;
        Self::expect(self.request(Method::POST, &link, None), "verify").await?;
        let login = json!({ "username": username, "password": password });
        let login = Self::expect(self.request(Method::POST, "/auth/login", None).json(&login), "log in").await?;
        let token = login.pointer("/token").and_then(Value::as_str).context("no token")?.to_owned();
        let id = login.pointer("/user_id").and_then(Value::as_i64).context("no user_id")?;
        Ok(Some(Person { id, token, interest }))
    }

    async fn link_in_mail(&self, email: &str) -> anyhow::Result<String> {
        for _ in 0..100 {
            let request = self.client.get(&self.mail).query(&[("to", email)]).header("accept", "application/json");
            let answer = Self::expect(request, "read the mailbox").await?;
            let text = answer.pointer("/messages/0/text").and_then(Value::as_str).unwrap_or_default();
            if let Some(at) = text.find("/auth/verify/") {
                let link = text.get(at..).unwrap_or_default();
                return Ok(link.split_whitespace().next().unwrap_or_default().to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("no mail for {email} arrived")
    }

    /// Everybody writes about what they care about. Answers the posts with their subject.
    async fn write(&self, people: &[Person]) -> anyhow::Result<Vec<(i64, usize)>> {
        let mut posts = Vec::new();
        for round in 0..POSTS.len() {
            for (number, person) in people.iter().enumerate() {
                let about = POSTS.get(person.interest).and_then(|posts| posts.get((round + number) % posts.len()));
                let (title, content) = about.context("no subject")?;
                let request = self.request(Method::POST, "/posts", Some(&person.token));
                let request = if (round + number).is_multiple_of(3) {
                    let picture = Part::bytes(picture(round * people.len() + number)?).file_name("picture.png");
                    let form = Form::new().text("title", *title).text("content", *content).part("image", picture);
                    request.multipart(form)
                } else {
                    request.json(&json!({ "title": title, "content": content }))
                };
                let answer = Self::expect(request, "post").await?;
                posts.push((answer.pointer("/post/id").and_then(Value::as_i64).context("no id")?, person.interest));
            }
        }
        Ok(posts)
    }

    /// People follow those with the same interest, and somebody from the next circle.
    async fn follow(&self, people: &[Person]) -> anyhow::Result<usize> {
        let mut pairs = HashSet::new();
        for (number, person) in people.iter().enumerate() {
            let same = people.iter().filter(|other| other.interest == person.interest && other.id != person.id);
            pairs.extend(same.map(|other| (number, other.id)));
            pairs.extend(people.get((number + 5) % people.len()).map(|other| (number, other.id)));
        }
        let mut pairs: Vec<(usize, i64)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        for (number, id) in &pairs {
            let person = people.get(*number).context("no such person")?;
            self.subscribe(person, *id).await?;
        }
        Ok(pairs.len())
    }

    /// The subscriptions service may hear of a person a moment after auth does.
    async fn subscribe(&self, person: &Person, id: i64) -> anyhow::Result<()> {
        for _ in 0..50 {
            let request = self.request(Method::POST, &format!("/subscribe/{id}"), Some(&person.token));
            if request.send().await?.status() != StatusCode::NOT_FOUND {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("user {id} did not become known to subscriptions")
    }

    /// People like what fits their interest and now and then something else, and comment on some of it.
    async fn react(&self, people: &[Person], posts: &[(i64, usize)]) -> anyhow::Result<(usize, usize)> {
        let (mut likes, mut comments) = (0, 0);
        for (number, person) in people.iter().enumerate() {
            for (index, (post, subject)) in posts.iter().enumerate() {
                let mixed = (number * 7 + index * 13) % 10;
                let likes_it = if *subject == person.interest { mixed < 6 } else { mixed == 0 };
                if !likes_it {
                    continue;
                }
                let path = format!("/posts/{post}/likes");
                Self::expect(self.request(Method::POST, &path, Some(&person.token)), "like").await?;
                likes += 1;
                if mixed == 0 {
                    let text = COMMENTS.get((number + index) % COMMENTS.len()).copied().unwrap_or_default();
                    let path = format!("/posts/{post}/comments");
                    let request =
                        self.request(Method::POST, &path, Some(&person.token)).json(&json!({ "content": text }));
                    Self::expect(request, "comment").await?;
                    comments += 1;
                }
            }
        }
        Ok((likes, comments))
    }
}

/// A picture of hills under a sky, different for every seed.
fn picture(seed: usize) -> anyhow::Result<Vec<u8>> {
    let seed = u32::try_from(seed)?;
    let tint = |step: u32| u8::try_from((seed * 47 + step * 83) % 156).unwrap_or_default() + 80;
    let (red, green, blue) = (tint(0), tint(1), tint(2));
    let picture = RgbImage::from_fn(PICTURE, PICTURE * 2 / 3, |x, y| {
        let wave = ((f64::from(x) / 60.0 + f64::from(seed)).sin() * 30.0) + 200.0;
        let shade = |value: u8| (u32::from(value) * (320 + y) / 640).min(255).try_into().unwrap_or(u8::MAX);
        if f64::from(y) > wave {
            Rgb([shade(green / 2), shade(red), shade(blue / 2)])
        } else {
            Rgb([shade(red), shade(green), shade(blue)])
        }
    });
    let mut bytes = Vec::new();
    picture.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
    Ok(bytes)
}
