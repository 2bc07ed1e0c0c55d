# syntax=docker/dockerfile:1

FROM rust:1.95.0-bookworm AS build
# The image has the toolchain that rust-toolchain.toml names; without this rustup would fetch its components again.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p bailiwick-cli \
    && install -D target/release/bailiwick /out/bailiwick

FROM debian:bookworm-slim
# ca-certificates for https remotes, git's ssh client for ssh remotes; nothing else is started by the program.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 bailiwick \
    && useradd --system --uid 10001 --gid 10001 --home-dir /var/lib/bailiwick --shell /usr/sbin/nologin bailiwick \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/bailiwick
COPY --from=build /out/bailiwick /usr/local/bin/bailiwick
COPY --from=build /src/LICENSE /usr/share/doc/bailiwick/LICENSE
USER 10001:10001
WORKDIR /var/lib/bailiwick
VOLUME /var/lib/bailiwick
EXPOSE 7007
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bailiwick", "health", "--server", "http://127.0.0.1:7007"]
ENTRYPOINT ["bailiwick"]
# Without a configuration that lists token hashes this refuses to start: the address is not loopback.
CMD ["serve", "--listen", "0.0.0.0:7007", "--config", "/etc/bailiwick/bailiwick.yaml", "--data-dir", "/var/lib/bailiwick"]
