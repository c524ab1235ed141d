-- The anchor of likes: one like as a program would store it without sharing commits, with its pair, its counter and its
-- event, in one statement. With posts=1 everybody likes the same post. To run it alone, in a database in which schema.sql
-- was run:
-- pgbench --no-vacuum --protocol=prepared --client=50 --jobs=2 --time=10 --define=posts=10000 --file=like.sql DATABASE
\set post random(1, :posts)
\set person random(1, 1000000000)
WITH liked AS (
  INSERT INTO likes (user_id, post_id, active, version, created_at) VALUES (:person, :post, true, 1, now())
  ON CONFLICT (user_id, post_id) DO UPDATE SET active = true, version = likes.version + 1 WHERE NOT likes.active
  RETURNING post_id
), counted AS (
  UPDATE post_counts SET like_count = like_count + 1, version = post_counts.version + 1
  FROM liked WHERE post_counts.post_id = liked.post_id RETURNING post_counts.post_id, post_counts.version
)
INSERT INTO outbox (message_id, stream, payload)
SELECT gen_random_uuid()::text, 'like', convert_to(format('{"post_id":%s,"version":%s}', post_id, version), 'UTF8') FROM counted;
