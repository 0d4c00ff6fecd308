#!/bin/sh
# The two steps of the production build. Run by the Dockerfile.
set -eu

case $1 in
  tools)
    CARGO_TARGET_DIR=/tmp/tools CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off \
      cargo install --locked --root /usr/local cargo-chef@0.1.78
    ;;
  build)
    cargo build --release --locked --bin blazing_sun
    cp target/release/blazing_sun /blazing_sun
    ;;
esac
