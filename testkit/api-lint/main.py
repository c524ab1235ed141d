"""The main job of a person, done by the client that openapi-python-client has made of openapi.json."""

import base64
import io
import re
import sys
import time
import uuid

import httpx

from chatty_client import AuthenticatedClient, Client
from chatty_client.api.auth import log_in, register, verify_account
from chatty_client.api.comments import create_comment
from chatty_client.api.likes import like_post
from chatty_client.api.notifications import list_notifications
from chatty_client.api.posts import create_post, get_image, get_post, list_posts
from chatty_client.api.subscriptions import get_feed, subscribe
from chatty_client.api.users import find_users
from chatty_client.models import CommentIn, LoginIn, PostForm, PostIn, Problem, RegisterIn
from chatty_client.types import File

URL = sys.argv[1]
PASSWORD = "seven grey herons wait"
# A picture of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4Mc0GAAPEAZvc7wtlAAAAAElFTkSuQmCC"
)

# An answer that the description does not have is an error.
anybody = Client(base_url=URL, raise_on_unexpected_status=True)


def must(answer):
    """Returns an answer that is no problem."""
    if answer is None or isinstance(answer, Problem):
        raise SystemExit(f"not answered as asked: {answer}")
    return answer


def eventually(what, look):
    """Waits until a function returns something."""
    for _ in range(300):
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise SystemExit(f"waited in vain for {what}")


def join(username):
    """Registers a person, follows the link in the mail, and logs in."""
    email = f"{username}@example.org"
    must(register.sync(client=anybody, body=RegisterIn(username=username, email=email, password=PASSWORD)))

    def find_link():
        mails = httpx.get(f"{URL}/dev/mail", params={"to": email}).text
        return re.search(r"/auth/verify/([A-Za-z0-9_-]+)", mails)

    must(verify_account.sync(eventually("the mail", find_link)[1], client=anybody))
    login = must(log_in.sync(client=anybody, body=LoginIn(username=username, password=PASSWORD)))
    client = AuthenticatedClient(base_url=URL, token=login.token, raise_on_unexpected_status=True)
    return login.user_id, client


ann_id, ann = join("paula")
bob_id, bob = join("pelle")

# Ann writes a post, and one with a picture as a form.
words = PostIn(title="Herons", content="Seven #herons, and @pelle")
key = str(uuid.uuid4())
post = must(create_post.sync(client=ann, body=words, idempotency_key=key)).post
again = must(create_post.sync(client=ann, body=words, idempotency_key=key)).post
assert again.id == post.id, "a repeated request gets the first answer"
file = File(payload=io.BytesIO(PIXEL), file_name="pixel.png", mime_type="image/png")
with_picture = must(create_post.sync(client=ann, body=PostForm(title="A picture", content="x", image=file))).post
name = with_picture.image_url.rsplit("/", 1)[-1]
# The generator knows no media type of pictures, so the bytes are not parsed, and stand in `content`.
picture = get_image.sync_detailed(name, client=Client(base_url=URL))
assert picture.status_code == 200 and picture.content.startswith(b"\x89PNG"), picture
assert isinstance(get_image.sync("unknown.png", client=Client(base_url=URL)), Problem)

# Bob follows ann, likes the post, and finds it in feed and search.
must(subscribe.sync(ann_id, client=bob))
must(like_post.sync(post.id, client=bob))
must(create_comment.sync(post.id, client=bob, body=CommentIn(content="Where?")))


def find_in_feed():
    feed = must(get_feed.sync(client=bob, limit=1))
    return feed.next_ is not None and feed.posts and feed.posts[0].id == with_picture.id


eventually("the feed", find_in_feed)
found = must(list_posts.sync(client=anybody, search="herons")).posts
assert any(one.id == post.id and one.like_count == 1 for one in found), found
people = must(find_users.sync(client=anybody, search="paul")).users
assert people[0].id == ann_id and people[0].bio is None, people


# Ann is told.
def find_kinds():
    kinds = {str(one.kind) for one in must(list_notifications.sync(client=ann)).notifications}
    return {"follow", "like", "comment"} <= kinds


eventually("the notifications", find_kinds)

# A refusal is a problem, with a code and a page.
refused = get_post.sync(999_999, client=bob)
assert isinstance(refused, Problem) and refused.code == "not_found" and refused.status == 404, refused
page = httpx.get(httpx.URL(URL).join(refused.type_))
assert page.status_code == 200 and "not_found" in page.text, page
invalid = create_post.sync(client=bob, body=PostIn(title="", content="x"))
assert isinstance(invalid, Problem) and invalid.errors[0].pointer == "/title", invalid
answer = get_feed.sync_detailed(client=Client(base_url=URL))
assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer"), answer
print("Python: done")
