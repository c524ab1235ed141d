-- The anchor of reads from the database: one post by its key, by prepared SQL. To run it alone, in the database of posts
-- while `make bench ONLY=P5` runs:
-- pgbench --no-vacuum --protocol=prepared --client=64 --jobs=2 --time=10 --define=posts=10000 --file=select.sql DATABASE
\set post random(1, :posts)
SELECT id, version, author_id, title, content, image_name, created_at, updated_at FROM posts WHERE id = :post;
