// The main job of a person, done by openapi-fetch with the types that openapi-typescript has made of openapi.json. The
// compiler checks that each request and each answer has the types of the description.
import createClient from "openapi-fetch";
import type { components, paths } from "./chatty.js";

declare const process: { argv: string[] };

const baseUrl = process.argv[2] ?? "";
const anybody = createClient<paths>({ baseUrl });
const password = "seven grey herons wait";
// A picture of one pixel.
const pixel = Uint8Array.from(
  atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4Mc0GAAPEAZvc7wtlAAAAAElFTkSuQmCC"),
  (letter) => letter.charCodeAt(0),
);

function must<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  if (answer.data === undefined) {
    throw new Error(`${answer.response.url}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

async function eventually<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 300; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited in vain for ${what}`);
}

/** Registers a person, follows the link in the mail, and logs in. */
async function join(username: string) {
  const email = `${username}@example.org`;
  must(await anybody.POST("/auth/register", { body: { username, email, password } }));
  const token = await eventually("the mail", async () => {
    const mails = await (await fetch(`${baseUrl}/dev/mail?to=${email}`)).text();
    return /\/auth\/verify\/([A-Za-z0-9_-]+)/.exec(mails)?.[1];
  });
  must(await anybody.POST("/auth/verify/{token}", { params: { path: { token } } }));
  const login = must(await anybody.POST("/auth/login", { body: { username, password } }));
  const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${login.token}` } });
  return { id: login.user_id, client };
}

const ann = await join("tessa");
const bob = await join("timo");

// Ann writes a post, and one with a picture as a form.
const post: components["schemas"]["PostOut"] = must(
  await ann.client.POST("/posts", {
    body: { title: "Okapis", content: "Two #okapis, and @timo" },
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
  }),
).post;
const withPicture = must(
  await ann.client.POST("/posts", {
    body: { title: "A picture", content: "of one pixel", image: "" },
    bodySerializer: (body) => {
      const form = new FormData();
      form.set("title", body.title);
      form.set("content", body.content);
      form.set("image", new Blob([pixel]), "pixel.png");
      return form;
    },
  }),
).post;
const name = withPicture.image_url?.split("/").pop();
assert(name !== undefined, "the post has a picture");
const picture = must(await anybody.GET("/media/{name}", { params: { path: { name } }, parseAs: "arrayBuffer" }));
assert(new Uint8Array(picture as unknown as ArrayBuffer)[1] === 0x50, "the picture is a PNG");

// Bob follows ann, likes the post, and finds it in feed and search.
must(await bob.client.POST("/subscribe/{user_id}", { params: { path: { user_id: ann.id } } }));
must(await bob.client.POST("/posts/{id}/likes", { params: { path: { id: post.id } } }));
must(
  await bob.client.POST("/posts/{id}/comments", {
    params: { path: { id: post.id } },
    body: { content: "Where?" },
  }),
);
await eventually("the feed", async () => {
  const feed = must(await bob.client.GET("/feed", { params: { query: { limit: 1 } } }));
  return feed.next !== null && feed.posts[0]?.id === withPicture.id ? feed : undefined;
});
const found = must(await anybody.GET("/posts", { params: { query: { search: "okapis", order: "best" } } }));
assert(found.posts.some((one) => one.id === post.id && one.like_count === 1), "the search finds the post");
const people = must(await anybody.GET("/users", { params: { query: { search: "tess" } } }));
assert(people.users[0]?.id === ann.id, "the search finds ann");

// Ann is told.
await eventually("the notifications", async () => {
  const list = must(await ann.client.GET("/notifications"));
  const kinds = list.notifications.map((one) => one.kind);
  return (["follow", "like", "comment"] as const).every((kind) => kinds.includes(kind)) ? kinds : undefined;
});

// A refusal is a problem, with a code and a page.
const refused = await bob.client.GET("/posts/{id}", { params: { path: { id: 999_999 } } });
assert(refused.error?.code === "not_found", "the code of the problem");
const page = await fetch(new URL(refused.error.type, refused.response.url));
assert(page.ok && (await page.text()).includes("not_found"), "the page of the problem");
const invalid = await bob.client.POST("/posts", { body: { title: "", content: "x" } });
assert(invalid.response.status === 422 && invalid.error?.errors?.[0]?.pointer === "/title", "the field is named");
console.log("TypeScript: done");
