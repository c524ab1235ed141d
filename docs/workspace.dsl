// The architecture as C4 diagrams, in the language of Structurizr. ARCHITECTURE.md says the same in words.
workspace "Chatty" "A social network of five services that never share a database" {

    model {
        person = person "Person" "Posts, likes, comments, follows, reads the feed and the recommendations"
        administrator = person "Administrator" "Blocks, removes, restores, reads statistics"
        operator = person "Operator" "Runs the suite with the commands of chatty"

        mailServer = softwareSystem "Mail server" "Takes mails by SMTP" "External"
        sentry = softwareSystem "Sentry" "Collects errors and moderation reports; optional" "External"
        monitoring = softwareSystem "Prometheus and Grafana" "Scrape metrics, alarm, draw" "External"

        chatty = softwareSystem "Chatty" "Everything is an HTTP API; the pages are a client of it" {
            gateway = container "nginx" "Routes by path, limits sizes, times and requests per address" "nginx"

            auth = container "auth" "People, passwords, sessions, mails; signs access tokens" "Rust, port 8000"
            posts = container "posts" "Posts, pictures, comments, likes, bookmarks, views; search" "Rust, port 8001"
            subscriptions = container "subscriptions" "Who follows, mutes and blocks whom; the feed; notifications" "Rust, port 8002"
            admin = container "admin" "Decisions, audit log, statistics" "Rust, port 8003"
            recommendations = container "recommendations" "Posts and people by similar likes; owns nothing" "Rust, port 8004"
            web = container "web" "The pages, rendered on the server; the session is in an encrypted cookie" "Rust, port 8005"
            cli = container "chatty" "The operator's commands: reconcile, rebuild, dead-letters, admin create, demo" "Rust"

            authDb = container "auth_db" "Users, sessions, links, mail jobs, outbox" "Postgres or SQLite" "Database"
            postsDb = container "posts_db" "Posts, counters, comments, likes, copies of users, ended sessions and blocks between people, outbox" "Postgres or SQLite" "Database"
            subscriptionsDb = container "subscriptions_db" "Subscriptions, mutes, blocks between people, markers, copies of users, ended sessions, posts, counters, comments and likes, outbox" "Postgres or SQLite" "Database"
            adminDb = container "admin_db" "Decisions, audit log, copies of users, ended sessions, posts, comments and counters, outbox" "Postgres or SQLite" "Database"
            recommendationsDb = container "recommendations_db" "Copies of users, ended sessions, blocks between people, posts, counters and likes, outbox" "Postgres or SQLite" "Database"

            broker = container "Broker" "Exchange chatty.events, a queue SERVICE.STREAM.v1 for each consumer and stream, and one for requests to each service" "RabbitMQ; in one process a part of it" "Queue"
            media = container "Media store" "Pictures under random names" "Folder" "Database"
        }

        person -> gateway "Uses" "HTTP"
        administrator -> gateway "Moderates" "HTTP"
        operator -> cli "Runs"
        cli -> gateway "Registers and writes as people do (demo)" "HTTP"
        operator -> monitoring "Watches"

        gateway -> auth "/auth, /users, /docs, public keys" "HTTP"
        gateway -> posts "/posts, /comments, /likes, /bookmarks, /media, /tags, feeds" "HTTP"
        gateway -> subscriptions "/subscribe, /unsubscribe, /feed, /following, /notifications, /mutes, /blocks, /stream, followers" "HTTP"
        gateway -> admin "/admin" "HTTP"
        gateway -> recommendations "/recommendations" "HTTP"
        gateway -> web "The pages: /, /@name, /p, /t, /signin, /new, /live, /assets and everything else" "HTTP"

        web -> auth "Signs in, renews sessions, reads people, changes accounts" "HTTP"
        web -> posts "Reads and writes posts, comments, likes, bookmarks" "HTTP"
        web -> subscriptions "Reads feed, notifications and the stream; follows, mutes, blocks" "HTTP"
        web -> admin "Reports; moderates" "HTTP"
        web -> recommendations "Reads posts and people" "HTTP"

        auth -> authDb "Reads and writes" "SQL"
        posts -> postsDb "Reads and writes" "SQL"
        subscriptions -> subscriptionsDb "Reads and writes" "SQL"
        admin -> adminDb "Reads and writes" "SQL"
        recommendations -> recommendationsDb "Reads and writes" "SQL"
        posts -> media "Stores and reads pictures" "Files"

        auth -> broker "Publishes user, session_end; consumes moderation.user, erasure_done" "AMQP"
        posts -> broker "Publishes post, post_counts, comment, like, erasure_done; consumes user, session_end, moderation.post, moderation.comment" "AMQP"
        subscriptions -> broker "Publishes erasure_done; consumes user, session_end, post, post_counts, comment, like, moderation.user, report_outcome" "AMQP"
        admin -> broker "Publishes moderation.user, moderation.post, moderation.comment, report_outcome, erasure_done; consumes user, session_end, post, post_counts, comment" "AMQP"
        recommendations -> broker "Publishes erasure_done; consumes user, session_end, post, post_counts, like" "AMQP"

        posts -> auth "Fetches the public keys" "HTTP"
        subscriptions -> auth "Fetches the public keys" "HTTP"
        admin -> auth "Fetches the public keys" "HTTP"
        recommendations -> auth "Fetches the public keys" "HTTP"

        auth -> mailServer "Sends mails" "SMTP"
        mailServer -> person "Delivers mails"
        auth -> sentry "Reports errors" "HTTPS"
        posts -> sentry "Reports errors" "HTTPS"
        subscriptions -> sentry "Reports errors" "HTTPS"
        admin -> sentry "Reports errors, decisions, misses and requests for statistics" "HTTPS"
        recommendations -> sentry "Reports errors" "HTTPS"
        web -> sentry "Reports errors" "HTTPS"

        monitoring -> auth "Scrapes /metrics" "HTTP"
        monitoring -> posts "Scrapes /metrics" "HTTP"
        monitoring -> subscriptions "Scrapes /metrics" "HTTP"
        monitoring -> admin "Scrapes /metrics" "HTTP"
        monitoring -> recommendations "Scrapes /metrics" "HTTP"
        monitoring -> web "Scrapes /metrics" "HTTP"
        monitoring -> broker "Scrapes the queues" "HTTP"

        cli -> authDb "Compares; makes admins" "SQL"
        cli -> postsDb "Compares" "SQL"
        cli -> subscriptionsDb "Compares" "SQL"
        cli -> adminDb "Compares" "SQL"
        cli -> recommendationsDb "Compares" "SQL"
        cli -> broker "Sends requests; handles dead letters (in one process: through the databases)" "AMQP"

        embedded = deploymentEnvironment "One process" {
            deploymentNode "One machine" {
                deploymentNode "chatty" "One router on 127.0.0.1:8080" "Process" {
                    containerInstance auth
                    containerInstance posts
                    containerInstance subscriptions
                    containerInstance admin
                    containerInstance recommendations
                    containerInstance web
                    containerInstance broker
                }
                deploymentNode "chatty-data" "" "Folder" {
                    deploymentNode "SQLite" "One file for each service" "SQLite" {
                        containerInstance authDb
                        containerInstance postsDb
                        containerInstance subscriptionsDb
                        containerInstance adminDb
                        containerInstance recommendationsDb
                    }
                    containerInstance media
                }
            }
        }

        distributed = deploymentEnvironment "Five services and the pages" {
            deploymentNode "nginx" "The only public port" "Container" {
                containerInstance gateway
            }
            deploymentNode "auth" "Any number of replicas" "Container" {
                containerInstance auth
            }
            deploymentNode "posts" "Any number of replicas" "Container" {
                containerInstance posts
            }
            deploymentNode "subscriptions" "Any number of replicas" "Container" {
                containerInstance subscriptions
            }
            deploymentNode "admin" "Any number of replicas" "Container" {
                containerInstance admin
            }
            deploymentNode "recommendations" "Any number of replicas" "Container" {
                containerInstance recommendations
            }
            deploymentNode "web" "Any number of replicas, which share the keys of cookies" "Container" {
                containerInstance web
            }
            deploymentNode "Postgres" "A database and a role for each service" "Container" {
                containerInstance authDb
                containerInstance postsDb
                containerInstance subscriptionsDb
                containerInstance adminDb
                containerInstance recommendationsDb
            }
            deploymentNode "RabbitMQ" "Quorum queues" "Container" {
                containerInstance broker
            }
            deploymentNode "posts-data" "Shared by the replicas of posts" "Volume" {
                containerInstance media
            }
            deploymentNode "Mailpit or a mail server" "" "SMTP" {
                softwareSystemInstance mailServer
            }
            deploymentNode "Monitoring" "" "Containers" {
                softwareSystemInstance monitoring
            }
        }
    }

    views {
        systemContext chatty "context" "Who and what Chatty deals with" {
            include *
            autoLayout lr
        }

        container chatty "containers" "The five services, their databases, the broker, and the pages" {
            include *
            autoLayout tb
        }

        deployment chatty embedded "embedded" "Everything in one process" {
            include *
            autoLayout tb
        }

        deployment chatty distributed "distributed" "Five services and the pages, as docker compose runs them" {
            include *
            autoLayout tb
        }

        styles {
            element "Person" {
                shape Person
                background #1f4e79
                color #ffffff
            }
            element "Software System" {
                background #2e75b6
                color #ffffff
            }
            element "Container" {
                shape RoundedBox
                background #5b9bd5
                color #ffffff
            }
            element "External" {
                background #7f7f7f
                color #ffffff
            }
            element "Database" {
                shape Cylinder
            }
            element "Queue" {
                shape Pipe
            }
        }
    }
}
