# The image of the authority: one static binary, a user without a name, and nothing else: no shell, no package, no key.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" --build-arg COMMIT_DATE="$(git show -s --format=%cs)" -t kaching .
#   docker run --read-only --cap-drop ALL --volume kaching:/data --publish 127.0.0.1:7700:7700 kaching
#   docker exec CONTAINER kaching license list
#
# An image of a binary that is already there compiles nothing. DIR holds `kaching`, static, and an empty folder `data`:
#
#   docker build --build-context build=DIR -t kaching .
#
# Podman and Buildah need --format docker, because the OCI format has no HEALTHCHECK.

# musl is linked into the binary, so it needs no file of a system when it runs.
FROM docker.io/library/rust:1.95.0-slim-bookworm AS build
# The versions are those of Debian 12, which changes them only to close holes.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends make musl-tools && rm -rf /var/lib/apt/lists/*
RUN rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src
COPY . .
ARG COMMIT=""
ARG COMMIT_DATE=""
# What was downloaded and compiled stays in the builder's cache, so the next build compiles what has changed.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    export KACHING_COMMIT="$COMMIT" KACHING_COMMIT_DATE="$COMMIT_DATE" && \
    cargo build --locked --release --package kaching --target "$(uname -m)-unknown-linux-musl" && \
    cp "target/$(uname -m)-unknown-linux-musl/release/kaching" / && \
    mkdir /data

FROM scratch
COPY --from=build /kaching /kaching
# A new volume gets the owner of this folder, and the authority closes it to all others.
COPY --from=build --chown=65532:65532 /data /data
# `docker exec CONTAINER kaching …` finds the command without its folder.
ENV PATH=/ \
    KACHING_DATA=/data \
    KACHING_SERVER__LISTEN=0.0.0.0:7700
VOLUME /data
WORKDIR /data
# A number, so that Kubernetes can see that it is not root. Operators reach the authority from inside, or at the address
# KACHING_SERVER__ADMIN_LISTEN; only products come from outside.
USER 65532:65532
EXPOSE 7700
STOPSIGNAL SIGTERM
# The first start makes keys and tables, and a new version may migrate them.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/kaching", "health"]
ENTRYPOINT ["/kaching"]
CMD ["serve"]
ARG VERSION=0.1.0
ARG COMMIT=""
LABEL org.opencontainers.image.title="Kaching" \
    org.opencontainers.image.description="The license authority that a software vendor runs" \
    org.opencontainers.image.source="https://github.com/kaching/kaching" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$COMMIT"
