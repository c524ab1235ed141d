-- The anchor of the least durable like: one row, without counter and event. It is run as like.sql is.
\set post random(1, :posts)
\set person random(1, 1000000000)
INSERT INTO likes (user_id, post_id, active, version, created_at) VALUES (:person, :post, true, 1, now())
ON CONFLICT DO NOTHING;
