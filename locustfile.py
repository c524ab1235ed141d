"""A realistic load on Chatty through its public API: people who read and write, and one admin who watches.

    locust --headless --users 50 --spawn-rate 5 --run-time 60s --stop-timeout 10 --host http://127.0.0.1:8080

Every person registers, follows the link in the mail, logs in, and then reads and writes. About 60 % of the requests
are for the feed and the recommendations, 30 % for pages of authors and posts, and 10 % are writes. Each answer is
checked: one that the API promises is a success, whatever its status, and any other is a failure. A failed request
makes Locust exit with 1.

Environment: GATEWAY_URL, the host unless --host is given; MAIL_URL, the development mailbox (default /dev/mail of
the host); MAILPIT_URL, a Mailpit to ask instead; ADMIN_USERNAME and ADMIN_PASSWORD (default admin / secret).
"""
import itertools
import json
import os
import random
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import deque
from dataclasses import dataclass

import gevent
from locust import FastHttpUser, between, task
from locust.exception import StopUser

# Names are new in every run and in every worker process, so that a run can be repeated against the same databases.
RUN = f"{int(time.time()) & 0xFFFFFF:06x}{secrets.token_hex(2)}"
NUMBERS = itertools.count(1)

# The limit for another service to get its copy of a new person. After that a 404 is a failure.
COPY_SECONDS = 10
# The limit for a like to reach the recommendations. After that a recommended post that the person likes is a failure.
LIKE_SECONDS = 30
# The limit for a mail to arrive.
MAIL_SECONDS = 30

POST_FIELDS = {
    "id", "title", "content", "image_url", "images", "entities", "author", "like_count", "comment_count", "view_count",
    "created_at", "updated_at",
}
STATS_FIELDS = {
    "total_users", "active_users", "total_posts", "total_comments", "total_likes", "blocked_users", "posts_last_24h",
    "users_last_24h",
}

# Reads the mailbox directly, past the proxy that the environment may name.
MAILBOX = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Resident:
    """A person of this run. `since` is the time at which the account was verified, on the monotonic clock."""

    id: int
    username: str
    since: float


# The people and posts of this process, which its people visit. Bounded, so that a long run needs no more memory.
RESIDENTS: deque[Resident] = deque(maxlen=500)
POSTS: deque[int] = deque(maxlen=1000)


class Wrong(Exception):
    """An answer that breaks a promise of the API. Its text becomes a row of Locust's failure table."""


def must(condition, complaint):
    """Raises `Wrong` unless the condition holds."""
    if not condition:
        raise Wrong(complaint)


def says(message):
    """Returns a check that the body has exactly this message."""
    return lambda body: must(body["message"] == message, f"another message than {message!r}")


def refuses(detail):
    """Returns a check that the body is a problem with exactly this detail."""
    return lambda body: must(body["detail"] == detail, f"another detail than {detail!r}")


def descending(ids):
    """Answers whether each id is smaller than the one before it."""
    return all(a > b for a, b in itertools.pairwise(ids))


def fetch_json(url):
    """Reads JSON from a URL, outside of Locust's statistics."""
    with MAILBOX.open(url, timeout=10) as answer:
        return json.load(answer)


def read_mails(host, address):
    """Returns the texts of the mails to an address, the newest first, from the mailbox that the environment names."""
    mailpit = os.environ.get("MAILPIT_URL")
    if mailpit:
        base = mailpit.rstrip("/") + "/api/v1"
        query = urllib.parse.urlencode({"query": f'to:"{address}"'})
        found = fetch_json(f"{base}/search?{query}")["messages"]
        return [fetch_json(f"{base}/message/{message['ID']}")["Text"] for message in found]
    box = os.environ.get("MAIL_URL") or host.rstrip("/") + "/dev/mail"
    found = fetch_json(f"{box}?{urllib.parse.urlencode({'to': address})}")["messages"]
    return [message["text"] or "" for message in found]


class Visitor(FastHttpUser):
    """A user with a session, who sends requests, judges the answers, and renews the tokens."""

    abstract = True
    host = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8080")
    connection_timeout = 10.0
    network_timeout = 30.0

    token = None
    refresh_token = None
    token_until = 0.0

    def call(self, method, path, name=None, *, body=None, expect=200, check=None, signed=True, also=None):
        """Sends one request and returns `(status, body)`. The body is None if the request counts as failed.

        `check` gets the body of an answer with the expected status, and raises `Wrong` if it is not right. `also` maps
        other statuses that are right at this moment to the details that they must have. A 401 is right only for a
        token at the end of its life: then the session is renewed, and the request is sent once more.
        """
        for last_try in (False, True):
            headers = {"Accept": "application/json"}
            if signed:
                headers["Authorization"] = f"Bearer {self.token}"
            with self.client.request(
                method, path, name=name or path, json=body, headers=headers, catch_response=True
            ) as response:
                expired = signed and response.status_code == 401 and time.monotonic() >= self.token_until
                if last_try or not expired:
                    return self.judge(response, expect, check, also or {})
                # The expired token was refused as it has to be, so the answer is no failure.
                response.success()
            if not self.renew():
                break
        return 401, None

    @staticmethod
    def judge(response, expect, check, also):
        """Marks an answer as a success or a failure for Locust, and returns `(status, body)` as `call` does."""
        status = response.status_code
        try:
            must(status != 0, f"no answer: {getattr(response, 'error', None)!r}")
            must(status == expect or status in also, f"status {status}: {(response.text or '')[:200]}")
            body = json.loads(response.text) if response.text else {}
            if status in also:
                refuses(also[status])(body)
            elif check:
                check(body)
        except Wrong as complaint:
            response.failure(str(complaint))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            response.failure(f"an answer of another shape: {error!r}")
        else:
            response.success()
            return status, body
        return status, None

    def sign_in(self, username, password):
        """Logs in and stores the session. Returns the user's id, or None after a failure."""

        def check(body):
            says("Login successful")(body)
            must(body["token"] and body["refresh_token"] and body["expires_in"] > 0, "a login without tokens")
            must(body["token_type"] == "Bearer" and body["user_id"] > 0, "a login of another shape")

        credentials = {"username": username, "password": password}
        _, body = self.call("POST", "/auth/login", body=credentials, check=check, signed=False)
        if body is None:
            return None
        self.keep(body)
        return body["user_id"]

    def keep(self, pair):
        """Stores a new pair of tokens. They count as expired a second early, which is left for the way of a request."""
        self.token, self.refresh_token = pair["token"], pair["refresh_token"]
        self.token_until = time.monotonic() + pair["expires_in"] - 1

    def renew(self):
        """Exchanges the refresh token for a new pair of tokens. Answers whether that succeeded."""
        old = self.refresh_token

        def check(body):
            must(body["token"] and body["expires_in"] > 0, "a refresh without a token")
            must(body["refresh_token"] != old, "the refresh token was not rotated")

        _, body = self.call("POST", "/auth/refresh", body={"refresh_token": old}, check=check, signed=False)
        if body is not None:
            self.keep(body)
        return body is not None

    def on_stop(self):
        """Ends the session."""
        if self.refresh_token:
            self.call("POST", "/auth/logout", body={"refresh_token": self.refresh_token}, expect=204, signed=False)


class Person(Visitor):
    """A person who reads much and writes a little. The weights are those of tasks; a page is two or three requests."""

    wait_time = between(0.5, 1.5)

    def on_start(self):
        """Becomes a member, writes a first post, and follows somebody. A person who cannot join counts as a failure."""
        number = next(NUMBERS)
        self.username = f"load{RUN}-{number}"
        self.email = f"{self.username}@example.org"
        self.password = f"correct horse {number} battery {RUN[-4:]}"
        self.following: set[int] = set()
        self.liked: dict[int, float] = {}
        self.commented: dict[int, int] = {}
        self.viewed: dict[int, int] = {}
        self.in_feed: list[int] = []
        self.join()
        RESIDENTS.append(Resident(self.id, self.username, time.monotonic()))
        self.publish()
        self.subscribe()

    def join(self):
        """Registers, tries the login that must be refused, follows the link of the mail, and logs in."""
        profile = {
            "username": self.username, "email": self.email, "password": self.password, "first_name": "Load",
            "last_name": "Person",
        }
        registered = says(f"User {self.username} registered, check your email")
        credentials = {"username": self.username, "password": self.password}
        steps = (
            lambda: self.call("POST", "/auth/register", body=profile, expect=201, check=registered, signed=False),
            lambda: self.call(
                "POST", "/auth/login", "/auth/login (before verification)", body=credentials, expect=403,
                check=refuses("Account not verified"), signed=False,
            ),
            lambda: self.call(
                "GET", self.await_link(), "/auth/verify/[token]", check=says("Account verified"), signed=False
            ),
        )
        for step in steps:
            if step()[1] is None:
                raise StopUser
        self.id = self.sign_in(self.username, self.password)
        if self.id is None:
            raise StopUser

    def await_link(self):
        """Waits for the mail, and returns the path of its link. The wait is a row of its own in Locust's statistics."""
        start, link, problem = time.perf_counter(), None, None
        while not link and time.perf_counter() - start < MAIL_SECONDS:
            try:
                texts = read_mails(self.host, self.email)
                link = next((m.group(0) for t in texts if (m := re.search(r"/auth/verify/[\w.\-]+", t))), None)
            except (OSError, ValueError, KeyError, TypeError) as error:
                problem = error
            if not link:
                gevent.sleep(0.3)
        self.environment.events.request.fire(
            request_type="MAIL", name="verification mail", response_length=0, context={},
            response_time=(time.perf_counter() - start) * 1000,
            exception=None if link else Wrong(f"no mail within {MAIL_SECONDS} s, last problem: {problem!r}"),
        )
        if not link:
            raise StopUser
        return link

    def check_posts(self, posts):
        """Checks the rules of every list of posts."""
        must(all(set(post) == POST_FIELDS for post in posts), "a post of another shape")
        must(descending([post["id"] for post in posts]), "posts that are not newest first")

    def check_feed(self, body):
        """Checks that a feed has posts of the people whom this person follows, and no others."""
        if not self.following:
            says("No subscriptions yet")(body)
            must(body["posts"] == [] and body["next"] is None, "posts in a feed without subscriptions")
            return
        says("Your feed")(body)
        self.check_posts(body["posts"])
        must(len(body["posts"]) <= 20, "a page longer than the limit")
        must({post["author"]["id"] for post in body["posts"]} <= self.following, "a feed with posts of somebody else")

    @task(100)
    def read_feed(self):
        """Reads the newest page of the feed, and now and then the page after it."""
        _, body = self.call("GET", "/feed", check=self.check_feed)
        if not body or not body["posts"]:
            return
        self.in_feed = [post["id"] for post in body["posts"]]
        if body["next"] and random.random() < 0.2:
            last = self.in_feed[-1]

            def check(older):
                self.check_feed(older)
                must(all(post["id"] < last for post in older["posts"]), "an older page with newer posts")

            cursor = urllib.parse.quote(body["next"], safe="")
            self.call("GET", f"/feed?cursor={cursor}", "/feed?cursor=[cursor]", check=check)

    @task(12)
    def read_recommendations(self):
        """Reads the recommended posts, which are liked by people with similar likes."""

        def check(body):
            posts = body["posts"]
            says("Recommended posts" if posts else "No recommendations available")(body)
            must(len(posts) <= 5, "more recommendations than the limit")
            long_ago = time.monotonic() - LIKE_SECONDS
            for entry in posts:
                post, because = entry["post"], entry["because"]
                must(set(post) == POST_FIELDS, "a post of another shape")
                must(post["author"]["id"] != self.id, "one's own post is recommended")
                must(self.liked.get(post["id"], long_ago + 1) > long_ago, "a post liked long ago is recommended")
                must(because and all(b["similarity"] > 0 for b in because), "a recommendation without a reason")
                total = sum(b["similarity"] for b in because)
                must(abs(entry["score"] - total) < 1e-6, "a score that is not the sum of its reasons")
            must(all(a["score"] >= b["score"] for a, b in itertools.pairwise(posts)), "scores out of order")

        self.call("GET", "/recommendations", check=check)

    @task(8)
    def visit_author(self):
        """Reads an author's profile and posts."""
        author = random.choice(RESIDENTS)

        def check_profile(body):
            must((body["id"], body["username"]) == (author.id, author.username), "somebody else's profile")
            must("email" not in body, "a profile that shows the address")

        def check_list(body):
            self.check_posts(body["posts"])
            must(all(post["author"]["id"] == author.id for post in body["posts"]), "posts of another author")

        self.call("GET", f"/users/{author.id}", "/users/[id]", check=check_profile)
        self.call("GET", f"/posts?author={author.id}", "/posts?author=[id]", check=check_list)

    @task(14)
    def visit_post(self):
        """Reads a post and its comments, and counts a view."""
        post_id = self.some_post()
        if post_id is None:
            return

        def check_post(body):
            must(set(body) == POST_FIELDS and body["id"] == post_id, "another post")
            must(body["like_count"] >= (post_id in self.liked), "my like is not counted")
            must(body["comment_count"] >= self.commented.get(post_id, 0), "my comments are not counted")

        def check_comments(body):
            ids = [comment["id"] for comment in body["comments"]]
            must(descending(ids[::-1]), "comments that are not oldest first")
            must(all(comment["post_id"] == post_id for comment in body["comments"]), "comments of another post")

        def check_views(body):
            must(body["views"] > self.viewed.get(post_id, 0), "a view that did not count")

        self.call("GET", f"/posts/{post_id}", "/posts/[id]", check=check_post)
        self.call("GET", f"/posts/{post_id}/comments", "/posts/[id]/comments", check=check_comments)
        _, body = self.call("POST", f"/posts/{post_id}/views", "/posts/[id]/views", check=check_views)
        if body:
            self.viewed[post_id] = body["views"]

    @task(7)
    def like(self):
        """Likes a post that this person does not like yet."""
        post_id = self.some_post()
        if post_id is None or post_id in self.liked:
            return
        _, body = self.call("POST", f"/posts/{post_id}/likes", "/posts/[id]/likes", check=says("Post liked"))
        if body:
            self.liked[post_id] = time.monotonic()

    @task(1)
    def unlike(self):
        """Takes a like back."""
        if not self.liked:
            return
        # Forgotten before the request: a run that ends in the middle of it must not expect the like to be there.
        post_id = random.choice(list(self.liked))
        del self.liked[post_id]
        self.call("DELETE", f"/posts/{post_id}/likes", "/posts/[id]/likes", check=says("Like removed"))

    @task(5)
    def comment(self):
        """Writes a comment, which must come back as it was sent."""
        post_id = self.some_post()
        if post_id is None:
            return
        content = f"Comment {secrets.token_hex(4)}: läuft – ✓"

        def check(body):
            says("Comment added")(body)
            comment = body["comment"]
            must(comment["content"] == content and comment["post_id"] == post_id, "another comment than the one sent")
            must(comment["author"] == {"id": self.id, "username": self.username}, "a comment of another author")

        path = f"/posts/{post_id}/comments"
        _, body = self.call("POST", path, "/posts/[id]/comments", body={"content": content}, expect=201, check=check)
        if body:
            self.commented[post_id] = self.commented.get(post_id, 0) + 1

    @task(4)
    def publish(self):
        """Writes a post, which must come back as it was sent and be readable at once."""
        draft = {"title": f"Post {secrets.token_hex(4)}", "content": "Grüße ✓ <b>not html</b>\n" + "word " * random.randint(5, 60)}

        def check(body):
            says("Post created")(body)
            self.check_posts([body["post"]])
            must({key: body["post"][key] for key in draft} == draft, "another post than the one sent")
            must(body["post"]["author"] == {"id": self.id, "username": self.username}, "a post of another author")

        _, body = self.call("POST", "/posts", body=draft, expect=201, check=check)
        if body:
            POSTS.append(body["post"]["id"])

    @task(3)
    def subscribe(self):
        """Follows a new person. Subscriptions hears of new people a moment after auth, so a 404 may be right."""
        strangers = [r for r in RESIDENTS if r.id != self.id and r.id not in self.following]
        if not strangers:
            return
        target = random.choice(strangers)
        status = 404
        while status == 404:
            fresh = time.monotonic() - target.since < COPY_SECONDS
            status, body = self.call(
                "POST", f"/subscribe/{target.id}", "/subscribe/[id]", check=says(f"Subscribed to user {target.id}"),
                also={404: "User not found"} if fresh else None,
            )
            if body is None:
                return
            if status == 404:
                gevent.sleep(0.3)
        self.following.add(target.id)

    @task(1)
    def unsubscribe(self):
        """Stops following a person, but always keeps one."""
        if len(self.following) < 2:
            return
        target = random.choice(list(self.following))
        message = f"Unsubscribed from user {target}"
        _, body = self.call("DELETE", f"/unsubscribe/{target}", "/unsubscribe/[id]", check=says(message))
        if body:
            self.following.discard(target)

    @task(1)
    def open_app(self):
        """Renews the session before it ends, as an app does at its start, and reads the own profile."""
        if self.renew():

            def check(body):
                must((body["id"], body["username"], body["email"]) == (self.id, self.username, self.email), "not my profile")
                must(body["is_active"] is True, "I am not active")

            self.call("GET", "/auth/me", check=check)

    def some_post(self):
        """Chooses a post of the own feed or of anybody. Returns None as long as there is none."""
        if self.in_feed and random.random() < 0.5:
            return random.choice(self.in_feed)
        return random.choice(POSTS) if POSTS else None


class Admin(Visitor):
    """The one admin, who watches the statistics."""

    fixed_count = 1
    wait_time = between(2, 5)

    def on_start(self):
        """Logs in with the configured account."""
        username = os.environ.get("ADMIN_USERNAME") or "admin"
        if self.sign_in(username, os.environ.get("ADMIN_PASSWORD") or "secret") is None:
            raise StopUser

    @task(8)
    def read_stats(self):
        """Reads the statistics of the whole network."""

        def check(body):
            says("Activity stats")(body)
            stats = body["stats"]
            must(STATS_FIELDS <= set(stats), "statistics with a number missing")
            must(all(type(stats[key]) is int and stats[key] >= 0 for key in STATS_FIELDS), "a number that is none")
            must(stats["active_users"] <= stats["total_users"], "more active users than users")

        self.call("GET", "/admin/stats", check=check)

    @task(1)
    def read_users(self):
        """Reads the list of all people with their status."""
        self.call("GET", "/admin/users", check=lambda body: must(body["users"], "no users"))

    @task(1)
    def read_audit(self):
        """Reads the log of the admins' decisions."""
        self.call("GET", "/admin/audit", check=lambda body: must(isinstance(body["entries"], list), "no entries"))
