//! Posts, pictures, comments, likes and bookmarks.

use axum::http::{HeaderValue, Method};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::clock::Timestamp;

use super::{Api, Author, Sent, encode, page_of};
use crate::error::Error;

const POSTS: &str = "posts";

/// A post.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Post {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) content: String,
    #[serde(default)]
    pub(crate) images: Vec<Picture>,
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    pub(crate) author: Author,
    pub(crate) like_count: u64,
    pub(crate) comment_count: u64,
    pub(crate) view_count: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A picture of a post.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Picture {
    pub(crate) url: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) alt: Option<String>,
    #[serde(default)]
    pub(crate) sizes: Vec<PictureSize>,
}

/// A smaller form of a picture.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct PictureSize {
    pub(crate) url: String,
    pub(crate) width: u32,
}

/// A mention or a hashtag in a text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: EntityKind,
    pub(crate) text: String,
    pub(crate) byte_start: usize,
    pub(crate) byte_end: usize,
}

/// The kind of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EntityKind {
    /// A person's name.
    Mention,
    /// A hashtag.
    Hashtag,
}

/// A page of a list of posts.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PostList {
    pub(crate) posts: Vec<Post>,
    pub(crate) next: Option<String>,
}

/// A comment.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) post_id: u64,
    pub(crate) depth: u64,
    pub(crate) content: Option<String>,
    pub(crate) author: Option<Author>,
    #[serde(default)]
    pub(crate) entities: Vec<Entity>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// A page of a list of comments.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct CommentList {
    pub(crate) comments: Vec<Comment>,
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
struct SavedPost {
    post: Post,
}

#[derive(Deserialize)]
struct SavedComment {
    comment: Comment,
}

#[derive(Deserialize)]
struct Liked {
    post_ids: Vec<u64>,
}

/// The answers whose content pages do not need.
pub(crate) type Ignored = serde::de::IgnoredAny;

impl Api {
    /// Lists posts, newest first. `filter` is a query such as `author=7`, or empty.
    pub(crate) async fn posts(&self, filter: &str, cursor: Option<&str>) -> Result<PostList, Error> {
        let and = if filter.is_empty() { "" } else { "&" };
        self.get(POSTS, &format!("/posts?{filter}{and}{}", page_of(20, cursor))).await
    }

    /// Finds posts by words.
    pub(crate) async fn search_posts(&self, words: &str, cursor: Option<&str>) -> Result<PostList, Error> {
        self.posts(&format!("search={}", encode(words)), cursor).await
    }

    /// Gets a post.
    pub(crate) async fn post(&self, id: u64) -> Result<Post, Error> {
        self.get(POSTS, &format!("/posts/{id}")).await
    }

    /// Creates a post from a form with a file.
    pub(crate) async fn create_post(&self, form: HeaderValue, body: Bytes, key: &str) -> Result<Post, Error> {
        let saved: SavedPost = self.call(POSTS, Method::POST, "/posts", Sent::Form(form, body), Some(key)).await?;
        Ok(saved.post)
    }

    /// Creates a post without a picture.
    pub(crate) async fn create_text_post(&self, title: &str, content: &str, key: &str) -> Result<Post, Error> {
        let body = Sent::Json(json!({ "title": title, "content": content }));
        let saved: SavedPost = self.call(POSTS, Method::POST, "/posts", body, Some(key)).await?;
        Ok(saved.post)
    }

    /// Changes the words of a post.
    pub(crate) async fn update_post(&self, id: u64, title: &str, content: &str, key: &str) -> Result<Post, Error> {
        let body = Sent::Json(json!({ "title": title, "content": content }));
        let saved: SavedPost = self.call(POSTS, Method::PATCH, &format!("/posts/{id}"), body, Some(key)).await?;
        Ok(saved.post)
    }

    /// Deletes a post.
    pub(crate) async fn delete_post(&self, id: u64) -> Result<Ignored, Error> {
        self.send(POSTS, Method::DELETE, &format!("/posts/{id}")).await
    }

    /// Counts a view of a post.
    pub(crate) async fn view_post(&self, id: u64) -> Result<Ignored, Error> {
        self.send(POSTS, Method::POST, &format!("/posts/{id}/views")).await
    }

    /// Likes a post, or takes the like back.
    pub(crate) async fn like_post(&self, id: u64, likes: bool) -> Result<Ignored, Error> {
        let method = if likes { Method::POST } else { Method::DELETE };
        self.send(POSTS, method, &format!("/posts/{id}/likes")).await
    }

    /// Saves a post for later, or takes it out again.
    pub(crate) async fn save_post(&self, id: u64, saves: bool) -> Result<Ignored, Error> {
        let method = if saves { Method::PUT } else { Method::DELETE };
        self.send(POSTS, method, &format!("/posts/{id}/bookmark")).await
    }

    /// Returns which of these posts the visitor likes. At most 100 are asked for.
    pub(crate) async fn liked(&self, ids: &[u64]) -> Result<Vec<u64>, Error> {
        let ids: Vec<String> = ids.iter().take(100).map(u64::to_string).collect();
        let liked: Liked = self.get(POSTS, &format!("/likes?post_id={}", ids.join(","))).await?;
        Ok(liked.post_ids)
    }

    /// Lists the posts that the visitor has saved.
    pub(crate) async fn bookmarks(&self, limit: u32, cursor: Option<&str>) -> Result<PostList, Error> {
        self.get(POSTS, &format!("/bookmarks?{}", page_of(limit, cursor))).await
    }

    /// Lists the comments of a post, oldest first.
    pub(crate) async fn comments(&self, post: u64, cursor: Option<&str>) -> Result<CommentList, Error> {
        self.get(POSTS, &format!("/posts/{post}/comments?{}", page_of(50, cursor))).await
    }

    /// Comments on a post, or answers a comment.
    pub(crate) async fn create_comment(
        &self,
        post: u64,
        content: &str,
        reply_to: Option<u64>,
        key: &str,
    ) -> Result<Comment, Error> {
        let mut body = json!({ "content": content });
        if let (Some(id), Value::Object(members)) = (reply_to, &mut body) {
            members.insert("reply_to".to_owned(), id.into());
        }
        let path = format!("/posts/{post}/comments");
        let saved: SavedComment = self.call(POSTS, Method::POST, &path, Sent::Json(body), Some(key)).await?;
        Ok(saved.comment)
    }

    /// Changes a comment.
    pub(crate) async fn update_comment(&self, post: u64, id: u64, content: &str, key: &str) -> Result<Ignored, Error> {
        let body = Sent::Json(json!({ "content": content }));
        self.call(POSTS, Method::PATCH, &format!("/posts/{post}/comments/{id}"), body, Some(key)).await
    }

    /// Deletes a comment.
    pub(crate) async fn delete_comment(&self, post: u64, id: u64) -> Result<Ignored, Error> {
        self.send(POSTS, Method::DELETE, &format!("/posts/{post}/comments/{id}")).await
    }

    /// Sets the picture of the visitor from a form with a file.
    pub(crate) async fn set_avatar(&self, user: u64, form: HeaderValue, body: Bytes) -> Result<Ignored, Error> {
        self.call(POSTS, Method::PUT, &format!("/users/{user}/avatar"), Sent::Form(form, body), None).await
    }

    /// Takes away the picture of the visitor.
    pub(crate) async fn remove_avatar(&self, user: u64) -> Result<Ignored, Error> {
        self.send(POSTS, Method::DELETE, &format!("/users/{user}/avatar")).await
    }
}
