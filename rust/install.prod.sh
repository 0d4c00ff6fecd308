#!/bin/sh
# The two steps of the production build. Run by the Dockerfile.
set -eu

case $1 in
  tools)
    # As in install.dev.sh, so that what both need is compiled once.
    CARGO_TARGET_DIR=/tmp/tools CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_STRIP=symbols \
      cargo install --locked --root /usr/local cargo-chef@0.1.78
    ;;
  build)
    cargo build --profile "$2" --locked --bin blazing_sun
    cp "target/$2/blazing_sun" /blazing_sun
    ;;
esac
