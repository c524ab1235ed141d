# syntax=docker/dockerfile:1
# One build for all, one small image per binary: docker build --target posts -t chatty-posts .
# Without --target the image is the whole suite in one process, which listens on loopback until told that something guards it:
#   docker run --publish 127.0.0.1:8080:8080 --env CHATTY_LISTEN=0.0.0.0:8080 --env CHATTY_BEHIND_GATEWAY=yes \
#       --env PUBLIC_URL=http://127.0.0.1:8080 --volume chatty-data:/var/lib/chatty chatty

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches stay between builds and outside the image, which is why the binaries are copied away in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --profile dist --locked --bins \
        --package auth --package posts --package subscriptions --package admin --package recommendations --package web --package chatty \
    && install -D -t /out \
        target/dist/auth target/dist/posts target/dist/subscriptions target/dist/admin target/dist/recommendations \
        target/dist/web target/dist/chatty

FROM debian:bookworm-slim AS base
# The roots are for Sentry and for mail servers; copying them needs no package manager.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# A new named volume takes the owner of the folder that it covers, so the folder must be there and belong to the user.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/chatty
ENV CHATTY_DATA_DIR=/var/lib/chatty
WORKDIR /var/lib/chatty
USER 10001:10001

FROM base AS auth
COPY --from=build /out/auth /usr/local/bin/auth
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/auth"]

FROM base AS posts
COPY --from=build /out/posts /usr/local/bin/posts
EXPOSE 8001
ENTRYPOINT ["/usr/local/bin/posts"]

FROM base AS subscriptions
COPY --from=build /out/subscriptions /usr/local/bin/subscriptions
EXPOSE 8002
ENTRYPOINT ["/usr/local/bin/subscriptions"]

FROM base AS admin
COPY --from=build /out/admin /usr/local/bin/admin
EXPOSE 8003
ENTRYPOINT ["/usr/local/bin/admin"]

FROM base AS recommendations
COPY --from=build /out/recommendations /usr/local/bin/recommendations
EXPOSE 8004
ENTRYPOINT ["/usr/local/bin/recommendations"]

FROM base AS web
COPY --from=build /out/web /usr/local/bin/web
EXPOSE 8005
ENTRYPOINT ["/usr/local/bin/web"]

FROM base AS chatty
COPY --from=build /out/chatty /usr/local/bin/chatty
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/chatty"]
