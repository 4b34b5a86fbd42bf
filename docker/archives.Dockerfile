# syntax=docker/dockerfile:1
# tmctl and tm-agent for machines without containers, as files. They are built on Debian 12, so they run on it and on everything newer.
#   docker build -f docker/archives.Dockerfile --output type=local,dest=dist .

FROM rust:1.92-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ gcc make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile agent --locked -p traffic-manager-cli -p traffic-manager-agent \
    && mkdir -p /out/tmctl /out/tm-agent \
    && cp target/agent/tmctl /out/tmctl/ \
    && cp target/agent/tm-agent docker/tm-agent.service /out/tm-agent/ \
    && target/agent/tmctl man /out/tmctl/man
# Fail here, and not at the first start, if a program wants a library that not every machine has.
RUN ldd /out/tmctl/tmctl /out/tm-agent/tm-agent >/libraries \
    && ! grep -vE '^/out|(linux-vdso|ld-linux[^ ]*|lib(c|m|dl|rt|pthread|gcc_s))\.so' /libraries

FROM scratch
COPY --from=build /out /
