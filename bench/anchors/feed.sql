-- The anchor of feeds: a first page as a program would read it by SQL, the newest 20 posts of the people that the reader
-- follows, by key, with authors and counters. To run it alone, in the database of the service subscriptions while
-- `make bench ONLY=P7` runs:
-- pgbench --no-vacuum --protocol=prepared --client=64 --jobs=2 --time=10 --define=readers=64 --file=feed.sql DATABASE
\set reader random(1, :readers)
SELECT page.*, users.username, post_counts.like_count, post_counts.comment_count, post_counts.view_count
FROM (
  SELECT posts.id, posts.author_id, posts.title, posts.content, posts.image_url, posts.created_at, posts.updated_at
  FROM posts JOIN subscriptions ON subscriptions.followee_id = posts.author_id
  WHERE subscriptions.follower_id = :reader AND subscriptions.active AND NOT posts.deleted
  ORDER BY posts.id DESC LIMIT 20
) AS page
JOIN users ON users.id = page.author_id AND users.verified AND NOT users.blocked AND NOT users.deleted
LEFT JOIN post_counts ON post_counts.id = page.id
ORDER BY page.id DESC;
