#!/bin/sh
# Installs what a developer uses inside the container. Run by the Dockerfile; /tmp/tools is a build cache.
set -eu

apt-get update
apt-get install -y --no-install-recommends bash git shellcheck
rm -rf /var/lib/apt/lists/*

# The official image has the compiler only, and rustup's stubs for these two.
if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then rustup component add clippy rustfmt; fi

# These run for moments: compiling them quickly matters more than how fast they are.
export CARGO_TARGET_DIR=/tmp/tools CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=symbols
cargo install --locked --root /usr/local cargo-watch@8.5.3
cargo install --locked --root /usr/local sqlx-cli@0.9.0 --no-default-features --features postgres,rustls
