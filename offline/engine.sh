#!/usr/bin/env bash
# A private container engine from distribution packages, for a Debian or Ubuntu machine that has none.
#
#   offline/engine.sh install   unpack engine, CLI, Compose and buildx under the prefix (the host's packages stay as they are)
#   offline/engine.sh start     install if needed, then start dockerd unless one answers already
#   offline/engine.sh stop      stop the dockerd that `start` started
#   offline/engine.sh env       print the shell lines that put the private engine on PATH
#
# The prefix is $BLAZING_SUN_ENGINE, else ~/.cache/blazing-sun/engine. Run as root.
# Debian's newest suite is used because Compose before 2.28 does not know what the Compose files use; only runc, iptables
# and xz come from the host's own suite (a newer runc needs a newer glibc).
set -euo pipefail

prefix=${BLAZING_SUN_ENGINE:-${XDG_CACHE_HOME:-$HOME/.cache}/blazing-sun/engine}
suite=sid
socket=/var/run/docker.sock

say() { printf 'engine: %s\n' "$*"; }
die() { printf 'engine: %s\n' "$*" >&2; exit 1; }

engine_path() { printf '%s/bin:%s/usr/sbin:%s' "$prefix" "$prefix" "$PATH"; }

# The Debian mirror this host itself uses, so that a proxy or an internal mirror keeps working.
mirror() {
  local site
  # shellcheck disable=SC2016 # apt fills $(SITE) in
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null \
    | grep -v security | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
  printf '%s' "${site:-http://deb.debian.org/debian}"
}

install_engine() {
  [ -x "$prefix/bin/docker" ] && [ -x "$prefix/usr/sbin/dockerd" ] && return 0
  [ "$(id -u)" = 0 ] || die 'needs root: run it with sudo, or install Docker Engine 25+ with Compose 2.28+ yourself'
  command -v apt-get >/dev/null || die 'needs Debian or Ubuntu (apt-get); elsewhere install Docker Engine 25+ with Compose 2.28+'

  local missing=() tool
  for tool in runc iptables xz; do
    command -v "$tool" >/dev/null || missing+=("${tool/xz/xz-utils}")
  done
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
  if ((${#missing[@]})); then
    say "installing ${missing[*]}"
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
  fi

  say "unpacking docker.io, docker-compose and docker-buildx ($suite) into $prefix"
  local apt=$prefix/.apt debs=$prefix/.debs
  rm -rf "$apt" "$debs"
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,sources} "$debs"
  : >"$apt/status"
  cat >"$apt/sources/suite.sources" <<SOURCES
Types: deb
URIs: $(mirror)
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
  cat >"$apt/apt.conf" <<CONF
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "$apt/sources"; Dir::Etc::preferencesparts "/dev/null";
Acquire::Languages "none"; APT::Sandbox::User "root";
CONF
  (
    export APT_CONFIG=$apt/apt.conf
    apt-get -qq update
    cd "$debs"
    apt-get -qq download docker.io docker-cli docker-compose docker-buildx containerd tini-static
  )
  local deb
  for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$prefix"; done
  rm -rf "$apt" "$debs"

  # One folder to put on PATH. The CLI finds Compose and buildx beside its configuration only, so `docker` is a wrapper.
  mkdir -p "$prefix/bin" "$prefix/config"
  ln -sfn "$prefix/usr/libexec/docker/cli-plugins" "$prefix/config/cli-plugins"
  ln -sfn "$prefix/usr/bin/tini-static" "$prefix/bin/docker-init"
  for tool in containerd containerd-shim-runc-v2 ctr; do ln -sfn "$prefix/usr/bin/$tool" "$prefix/bin/$tool"; done
  cat >"$prefix/bin/docker" <<WRAPPER
#!/bin/sh
DOCKER_CONFIG=\${DOCKER_CONFIG:-$prefix/config} exec $prefix/usr/bin/docker "\$@"
WRAPPER
  chmod 0755 "$prefix/bin/docker"
}

# A machine that went down leaves a pid file, and its number may be somebody else's by now: dockerd would not start.
forget_the_dead() {
  [ ! -s "$2" ] || [ "$(cat "/proc/$(cat "$2")/comm" 2>/dev/null)" = "$1" ] || rm -f "$2"
}

start_engine() {
  install_engine
  PATH=$(engine_path)
  export PATH
  docker version >/dev/null 2>&1 && return 0
  [ "$(id -u)" = 0 ] || die 'needs root to start the private engine'
  mkdir -p "$prefix/run"
  forget_the_dead dockerd "$prefix/dockerd.pid"
  forget_the_dead containerd "$prefix/run/containerd/containerd.pid"
  setsid dockerd --data-root "$prefix/data" --exec-root "$prefix/run" --pidfile "$prefix/dockerd.pid" \
    --host "unix://$socket" --userland-proxy-path "$prefix/usr/sbin/docker-proxy" \
    --log-level warn </dev/null >"$prefix/dockerd.log" 2>&1 &
  local waited=0
  until docker version >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || die "dockerd ended; the last of $prefix/dockerd.log: $(tail -n 3 "$prefix/dockerd.log")"
    [ $((waited += 1)) -le 150 ] || die "dockerd did not answer within 30 s; see $prefix/dockerd.log"
    sleep 0.2
  done
  say "started $(docker version --format 'engine {{.Server.Version}}'), $(docker compose version)"
}

stop_engine() {
  [ -s "$prefix/dockerd.pid" ] || { say 'not running'; return 0; }
  kill "$(cat "$prefix/dockerd.pid")" 2>/dev/null || say 'not running'
}

case ${1:-} in
  install) install_engine ;;
  start) start_engine ;;
  stop) stop_engine ;;
  env) printf 'export PATH=%q\n' "$(engine_path)" ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
