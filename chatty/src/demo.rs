//! `chatty demo`, which fills a running suite with people, posts, likes and comments.
//!
//! The command uses the public API as any client does, including registration by mail, so it works on both forms of the
//! suite. Its content does not depend on chance: the same people write, follow and like the same things each time.

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

/// The people: username, first name, last name, and their interest as an index of [`POSTS`].
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

/// Titles and contents of posts, by interest.
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

/// The comments that the people write.
const COMMENTS: [&str; 6] = [
    "So true.",
    "Wish I had been there!",
    "Tell me more on Saturday.",
    "This made my day.",
    "I tried that once. Never again.",
    "Where was this?",
];

/// The width of a picture in pixels. Every third post has a picture.
const PICTURE_WIDTH: u32 = 480;

/// The arguments of `chatty demo`.
#[derive(Args)]
pub(crate) struct Demo {
    /// The URL of the suite. By default the address in CHATTY_LISTEN, or PUBLIC_URL for five services.
    #[arg(long)]
    base: Option<String>,
    /// The URL at which the suite's mails can be read. By default the development mailbox of the suite.
    #[arg(long)]
    mail: Option<String>,
}

/// A registered person of the demo.
struct Person {
    id: i64,
    /// The access token.
    token: String,
    interest: usize,
}

/// A client of the suite's API.
struct Api {
    /// The URL of the suite, without a slash at the end.
    base: String,
    /// The URL of the mailbox.
    mail: String,
    client: Client,
}

impl Demo {
    /// Fills the suite, and prints the numbers of people, posts and so on.
    ///
    /// # Errors
    /// When `--base` is not valid, or the suite does not answer, refuses a request, delivers no mail, or has been
    /// filled before.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        let base = match self.base {
            Some(base) => {
                if !Url::parse(&base).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                    bail!("--base must be a URL such as http://127.0.0.1:8080");
                }
                base.trim_end_matches('/').to_owned()
            }
            None => suite::base_url(env)?,
        };
        let mail = self.mail.unwrap_or_else(|| format!("{base}/dev/mail"));
        let api = Api { base, mail, client: Client::builder().timeout(Duration::from_secs(20)).build()? };
        let progress = Progress::start("registering people");
        let mut people = Vec::new();
        for (username, first, last, interest) in PEOPLE {
            let Some(person) = api.register(username, first, last, interest).await? else {
                bail!("{username} is registered already: the demo has been loaded before");
            };
            people.push(person);
        }
        progress.step("choosing avatars");
        api.choose_avatars(&people).await?;
        progress.step("writing posts");
        let posts = api.write_posts(&people).await?;
        progress.step("following each other");
        let follows = api.follow_people(&people).await?;
        progress.step("liking and commenting");
        let (likes, comments) = api.like_and_comment(&people, &posts).await?;
        drop(progress);
        let (count, written) = (people.len(), posts.len());
        output::print_line(format_args!(
            "{count} people, {written} posts, {follows} follows, {likes} likes, {comments} comments"
        ))?;
        output::print_line("Log in as ada with the password `the demo of ada`.")?;
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

    /// Sends a request that must succeed, and returns the body of the answer. `what` names the step in an error.
    async fn send(request: RequestBuilder, what: &str) -> anyhow::Result<Value> {
        let answer = request.send().await.with_context(|| format!("{what}: is chatty running?"))?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("{what}: {status} {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("{what}: {text}"))
    }

    /// Registers a person, opens the link in the mail, and logs in. Returns None if the username is taken.
    async fn register(
        &self,
        username: &str,
        first: &str,
        last: &str,
        interest: usize,
    ) -> anyhow::Result<Option<Person>> {
        let (email, password) = (format!("{username}@demo.example"), format!("the demo of {username}"));
        let body = json!({
            "username": username, "email": email, "password": password, "first_name": first, "last_name": last
        });
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
        let link = self.find_link_in_mail(&email).await?;
        // Only a POST verifies the address in any case. To most clients a GET returns a page instead (docs/adr/0018).
        Self::send(self.request(Method::POST, &link, None), "verify").await?;
        let login = json!({ "username": username, "password": password });
        let login = Self::send(self.request(Method::POST, "/auth/login", None).json(&login), "log in").await?;
        let token = login.pointer("/token").and_then(Value::as_str).context("no token")?.to_owned();
        let id = login.pointer("/user_id").and_then(Value::as_i64).context("no user_id")?;
        Ok(Some(Person { id, token, interest }))
    }

    /// Finds the path of the verification link in the newest mail to an address. Since a worker sends the mails, this
    /// function waits up to 10 s for the mail.
    async fn find_link_in_mail(&self, email: &str) -> anyhow::Result<String> {
        for _ in 0..100 {
            let request = self.client.get(&self.mail).query(&[("to", email)]).header("accept", "application/json");
            let answer = Self::send(request, "read the mailbox").await?;
            let text = answer.pointer("/messages/0/text").and_then(Value::as_str).unwrap_or_default();
            // Only the path is used, because this command may reach the suite at another address than the link names.
            if let Some(at) = text.find("/auth/verify/") {
                let link = text.get(at..).unwrap_or_default();
                return Ok(link.split_whitespace().next().unwrap_or_default().to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("no mail to {email} has arrived within 10 s")
    }

    /// Gives two of three people a picture. The others keep their drawn letter.
    async fn choose_avatars(&self, people: &[Person]) -> anyhow::Result<()> {
        for (number, person) in people.iter().enumerate().filter(|(number, _)| !number.is_multiple_of(3)) {
            let path = format!("/users/{}/avatar", person.id);
            let picture = Part::bytes(draw_picture(1_000 + number)?).file_name("avatar.png");
            let request = self.request(Method::PUT, &path, Some(&person.token));
            Self::send(request.multipart(Form::new().part("image", picture)), "choose an avatar").await?;
        }
        Ok(())
    }

    /// Writes posts of each person about that person's interest. Returns the id and the interest of each post.
    async fn write_posts(&self, people: &[Person]) -> anyhow::Result<Vec<(i64, usize)>> {
        let mut posts = Vec::new();
        for round in 0..POSTS.len() {
            for (number, person) in people.iter().enumerate() {
                // The posts are rotated by the person, so that people with the same interest write the same posts in a
                // different order.
                let post = POSTS.get(person.interest).and_then(|posts| posts.get((round + number) % posts.len()));
                let (title, content) = post.context("no post for this interest")?;
                let request = self.request(Method::POST, "/posts", Some(&person.token));
                let request = if (round + number).is_multiple_of(3) {
                    let picture = Part::bytes(draw_picture(round * people.len() + number)?).file_name("picture.png");
                    let form = Form::new().text("title", *title).text("content", *content).part("image", picture);
                    request.multipart(form)
                } else {
                    request.json(&json!({ "title": title, "content": content }))
                };
                let answer = Self::send(request, "post").await?;
                posts.push((answer.pointer("/post/id").and_then(Value::as_i64).context("no id")?, person.interest));
            }
        }
        Ok(posts)
    }

    /// Subscribes each person to all people with the same interest and to one person with another interest. Returns the
    /// number of subscriptions.
    async fn follow_people(&self, people: &[Person]) -> anyhow::Result<usize> {
        let mut pairs = HashSet::new();
        for (number, person) in people.iter().enumerate() {
            let same = people.iter().filter(|other| other.interest == person.interest && other.id != person.id);
            pairs.extend(same.map(|other| (number, other.id)));
            // There are four people per interest, so the fifth person from here has another one.
            pairs.extend(people.get((number + 5) % people.len()).map(|other| (number, other.id)));
        }
        // The pairs are sorted, because the order of a hash set differs between runs.
        let mut pairs: Vec<(usize, i64)> = pairs.into_iter().collect();
        pairs.sort_unstable();
        for (number, id) in &pairs {
            let person = people.get(*number).context("no such person")?;
            self.subscribe(person, *id).await?;
        }
        Ok(pairs.len())
    }

    /// Subscribes a person to the person `id`. The state of a new person may reach the service subscriptions a moment
    /// after the registration. Until then that service answers 404, so the request is repeated for up to 5 s.
    async fn subscribe(&self, person: &Person, id: i64) -> anyhow::Result<()> {
        for _ in 0..50 {
            let request = self.request(Method::POST, &format!("/subscribe/{id}"), Some(&person.token));
            if request.send().await?.status() != StatusCode::NOT_FOUND {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("the service of subscriptions has not heard of user {id} within 5 s")
    }

    /// For each person, likes most posts of the same interest and some others, and comments on some of the posts that
    /// the person likes. Returns the numbers of likes and comments.
    async fn like_and_comment(&self, people: &[Person], posts: &[(i64, usize)]) -> anyhow::Result<(usize, usize)> {
        let (mut likes, mut comments) = (0, 0);
        for (number, person) in people.iter().enumerate() {
            for (index, (post, interest)) in posts.iter().enumerate() {
                // This number from 0 to 9 stands for chance. It looks random, and is the same in each run.
                let chance = (number * 7 + index * 13) % 10;
                let likes_it = if *interest == person.interest { chance < 6 } else { chance == 0 };
                if !likes_it {
                    continue;
                }
                let path = format!("/posts/{post}/likes");
                Self::send(self.request(Method::POST, &path, Some(&person.token)), "like").await?;
                likes += 1;
                if chance == 0 {
                    let text = COMMENTS.get((number + index) % COMMENTS.len()).copied().unwrap_or_default();
                    let path = format!("/posts/{post}/comments");
                    let request =
                        self.request(Method::POST, &path, Some(&person.token)).json(&json!({ "content": text }));
                    Self::send(request, "comment").await?;
                    comments += 1;
                }
            }
        }
        Ok((likes, comments))
    }
}

/// Draws hills under a sky as a PNG. Each seed gives another picture.
fn draw_picture(seed: usize) -> anyhow::Result<Vec<u8>> {
    let seed = u32::try_from(seed)?;
    let tint = |step: u32| u8::try_from((seed * 47 + step * 83) % 156).unwrap_or_default() + 80;
    let (red, green, blue) = (tint(0), tint(1), tint(2));
    let picture = RgbImage::from_fn(PICTURE_WIDTH, PICTURE_WIDTH * 2 / 3, |x, y| {
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
