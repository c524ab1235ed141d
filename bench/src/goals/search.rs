//! P28: searches among a million people and a million posts.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::StatusCode;

use super::reads::compare_servers;
use crate::load::{Call, Get, Script};
use crate::report::{Bound, Outcome};
use crate::rounds::Effort;
use crate::world::{World, run_sql};

/// The number of people, and that of posts.
const MANY: usize = 1_000_000;
/// The id of the first person. Those who are there already have lower ones.
const FIRST: usize = 1_000_000;
/// The number of different searches of a kind.
const SEARCHES: usize = 1_000;

/// Requests that have to find something.
struct Finding(Get);

impl Script for Finding {
    fn call(&self, client: usize, n: usize) -> Call {
        self.0.call(client, n)
    }

    fn accepts(&self, status: StatusCode, body: &Bytes) -> bool {
        status.is_success() && body.windows(5).any(|bytes| bytes == br#""id":"#)
    }
}

/// Measures the first pages of four searches, compared with a person by id, whom the same service reads from the
/// database: by a mask that few names match, by one that many match, by the beginning of a name, and posts by a word.
pub(crate) async fn measure(world: &mut World, effort: Effort) -> Result<Vec<Outcome>> {
    let (people, posts) = (world.database_of("auth")?, world.database_of("posts")?);
    run_sql(&people, &PEOPLE.replace("MANY", &MANY.to_string()).replace("FIRST", &FIRST.to_string())).await?;
    run_sql(&posts, &POSTS.replace("MANY", &MANY.to_string())).await?;
    world.stack.restart_with("auth", &[("CACHE_MAX_MIB", "0")]).await?;
    world.stack.restart("posts").await?;
    let (auth, posts) = (world.address("auth")?, world.address("posts")?);

    // The names of people who are far from each other, so that most searches find others.
    let step = MANY / SEARCHES;
    let names = format!("SELECT last_name FROM users WHERE id >= {FIRST} AND id % {step} = 7 ORDER BY id");
    let names = run_sql(&people, &names).await?;
    let names: Vec<&str> = names.lines().collect();
    ensure!(names.len() >= SEARCHES, "only {} people were found", names.len());
    let part = |from: usize, length: usize| {
        let parts = names.iter().map(move |name| name.chars().skip(from).take(length).collect::<String>());
        parts.collect::<Vec<_>>()
    };
    let search = |query: &str, what: Vec<String>, after: &str| {
        what.into_iter().map(|what| (format!("{query}{what}{after}"), None)).collect()
    };
    let words = (0..SEARCHES).map(|n| format!("w{}", 100 + n * 19)).collect();
    let person = Arc::new(Finding(Get((0..MANY).map(|n| (format!("/users/{}", FIRST + n), None)).collect())));
    let mut outcomes = Vec::new();
    // A search that takes ten times as long reaches a tenth of the requests per second.
    for (goal, what, address, paths, bound) in [
        ("P28 mask", "20 people by a mask that few match", auth, search("/users?name=*", part(1, 7), "*"), 10.0),
        ("P28 frequent", "20 people by a mask that 3 % match", auth, vec![("/users?name=*ann*".into(), None)], 20.0),
        ("P28 prefix", "20 people by the beginning of a name", auth, search("/users?search=", part(0, 6), ""), 3.0),
        ("P28 words", "20 posts by a word", posts, search("/posts?search=", words, ""), 10.0),
    ] {
        let sides = [(auth, Arc::clone(&person)), (address, Arc::new(Finding(Get(paths))))];
        let what = (what, "GET /users/{id} from the database");
        outcomes.push(compare_servers(effort, goal, what, Bound::AtLeast(1.0 / bound, 2.0 / bound), sides).await?);
    }
    world.stack.restart("auth").await?;
    Ok(outcomes)
}

/// The statements that store `MANY` people in the database of auth, with ids from `FIRST` on. Their names are syllables:
/// 5 000 first names and 60 000 last names, where one first name of 33 has `ann` in it. The tokens are those of auth, for
/// lower-case names without `z`: the blank is `z000w`, and `z0002` and `z0003` are the ends of a name. Indexes are made
/// last, because adding a million rows to them takes many times as long.
const PEOPLE: &str = "
    CREATE FUNCTION pg_temp.name(seed text, syllables int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
        SELECT string_agg((string_to_array('be ca da el fi go ha in jo ka le mi no ol pe qu ra sa to ul vi wa xe yo ku '
            'ar en or is mar lin ton son ber ger tha', ' '))[1 + get_byte(decode(md5(seed), 'hex'), n) % 36], '' ORDER BY n)
        FROM generate_series(1, syllables) AS n $$;
    CREATE FUNCTION pg_temp.parts(keys text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
        SELECT array_agg(replace(replace(replace(substr(key, at, 3), ' ', 'z000w'), chr(2), 'z0002'), chr(3), 'z0003'))
        FROM unnest(keys) AS name, LATERAL (SELECT chr(2) || name || chr(3) AS key) AS k,
            generate_series(1, length(name)) AS at $$;
    CREATE TEMP TABLE first_names AS SELECT n, CASE WHEN n % 33 = 0 THEN 'ann' ELSE '' END
        || pg_temp.name('first' || n, 2 + n % 2) AS name FROM generate_series(0, 4999) AS n;
    CREATE TEMP TABLE last_names AS SELECT n, pg_temp.name('last' || n, 3 + n % 3) AS name FROM generate_series(0, 59999) AS n;
    CREATE TEMP TABLE people AS SELECT FIRST + i AS id, f.name AS first, l.name AS last
        FROM generate_series(0, MANY - 1) AS i JOIN first_names AS f ON f.n = i / 7 * 7919::bigint % 5000
        JOIN last_names AS l ON l.n = i * 104729::bigint % 60000;
    INSERT INTO users (id, version, username, username_key, email, email_key, password_hash, first_name, last_name,
            first_name_key, last_name_key, full_name_key, role, verified_at, decision_version, session_version, created_at,
            updated_at)
        SELECT id, 1, 'user' || id, 'user' || id, 'user' || id || '@example.org', 'user' || id || '@example.org', 'none',
            first, last, first, last, first || ' ' || last, 'user', now(), 0, 0, now(), now()
        FROM people ORDER BY id ON CONFLICT DO NOTHING;
    DROP INDEX ix_name_parts;
    DROP INDEX ix_name_tokens_user_id;
    INSERT INTO name_parts (user_id, tokens)
        SELECT id, array_to_tsvector(pg_temp.parts(ARRAY[first, last, first || ' ' || last]) || ('block' || id / 4096))
        FROM people ORDER BY id ON CONFLICT DO NOTHING;
    INSERT INTO name_tokens (token, user_id)
        SELECT token, id FROM people,
            LATERAL (VALUES ('user' || id), (first), (last), (first || last), (last || first)) AS tokens (token)
        ORDER BY token ON CONFLICT DO NOTHING;
    CREATE INDEX ix_name_parts ON name_parts USING gin (tokens) WITH (fastupdate = off);
    CREATE INDEX ix_name_tokens_user_id ON name_tokens (user_id);
    VACUUM ANALYZE;
";

/// The statements that store `MANY` posts in the database of posts. Each has 20 words of 20 000, the lower ones more often.
const POSTS: &str = "
    CREATE TEMP TABLE texts AS SELECT n, string_agg('w' || floor(20000 * power(random(), 2)), ' ') AS content
        FROM generate_series(1, MANY) AS n, generate_series(1, 20) AS word GROUP BY n;
    DROP INDEX ix_post_words;
    WITH stored AS (INSERT INTO posts (version, author_id, title, content, created_at, updated_at, decision_version)
        SELECT 1, 1, 'Post', content, now(), now(), 0 FROM texts RETURNING id, content)
    INSERT INTO post_words (post_id, tokens)
        SELECT id, array_to_tsvector(string_to_array(content || ' post', ' ')) FROM stored;
    CREATE INDEX ix_post_words ON post_words USING gin (tokens) WITH (fastupdate = off);
    INSERT INTO post_counts (post_id, version, like_count, comment_count, view_count)
        SELECT id, 1, 0, 0, 0 FROM posts ON CONFLICT DO NOTHING;
    VACUUM ANALYZE;
";
