# syntax=docker/dockerfile:1
# The node agent as an image: no shell, no package manager.
#   docker build -f docker/agent.Dockerfile -t tm-agent .
# It shares the network of its proxy (a sidecar), and a volume with the proxy's files. Envoy, Traefik and Caddy need nothing else. The checks
# and reloads of HAProxy and nginx need their programs: copy tm-agent into the proxy's image instead.
# Set node.name in the configuration: a container's host name is another one each time it is made. Keep /var/lib/tm-agent in a volume: from
# there the agent starts without the control plane.

FROM rust:1.92-slim-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ gcc make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile agent --locked -p traffic-manager-agent \
    && cp target/agent/tm-agent /tm-agent
# Fail here, and not at the first start, if the program wants a library that the final image does not have.
RUN ldd /tm-agent >/libraries \
    && ! grep -vE '(linux-vdso|ld-linux[^ ]*|lib(c|m|dl|rt|pthread|gcc_s))\.so' /libraries

RUN mkdir /state

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /tm-agent /usr/local/bin/tm-agent
# A new volume takes its owner from here.
COPY --from=build --chown=10001:10001 /state /var/lib/tm-agent
USER 10001:10001
STOPSIGNAL SIGTERM
# Says whether the agent answers, not whether its control plane does.
HEALTHCHECK --interval=10s --timeout=6s --start-period=10s --retries=3 CMD ["/usr/local/bin/tm-agent", "status"]
ENTRYPOINT ["/usr/local/bin/tm-agent"]
CMD ["run"]
