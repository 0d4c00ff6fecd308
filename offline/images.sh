#!/usr/bin/env bash
# Stand-ins for the base images, made from distribution packages, for a machine that reaches no container registry.
#
#   offline/images.sh               build every stand-in that is missing (or older than its recipe here)
#   offline/images.sh IMAGE...      only those for these images
#   offline/images.sh unavailable   print the Compose profiles whose image cannot be had this way
#
# A stand-in carries the name that `.env` gives the official image, so the Compose files need not know, and the label
# `blazing-sun.stand-in`, so that a person can tell: docker image ls --filter label=blazing-sun.stand-in
# An official image that is already here is left alone.
set -euo pipefail
cd "$(dirname "$0")"

# None of Grafana, Kafka UI and Jaeger is in Debian, PyPI, npm or (as something that runs) Maven Central.
unavailable=(kafka-ui grafana tracing)
# variable in .env, folder here, Debian suite (the one whose version is nearest to the official image), target if there are
# several in the folder
stand_ins="
POSTGRES_IMAGE postgres sid
REDIS_IMAGE redis sid
RABBITMQ_IMAGE rabbitmq sid
NGINX_IMAGE nginx sid
PROMETHEUS_IMAGE prometheus sid
KAFKA_IMAGE kafka trixie
RUST_IMAGE rust trixie
PGADMIN_IMAGE pgadmin trixie
MAILPIT_IMAGE mailpit trixie
ALERTMANAGER_IMAGE alertmanager sid
POSTGRES_EXPORTER_IMAGE exporters sid postgres
REDIS_EXPORTER_IMAGE exporters sid redis
NGINX_EXPORTER_IMAGE exporters sid nginx
NODE_EXPORTER_IMAGE exporters sid node
KAFKA_EXPORTER_IMAGE kafka-exporter sid
LOG_STORE_IMAGE victoria-logs sid
LOG_COLLECTOR_IMAGE otelcol sid
TOXIPROXY_IMAGE toxiproxy trixie
"
# Only who makes fault runs (`./sun chaos`) has it in .env.
optional=' TOXIPROXY_IMAGE '

say() { printf 'offline: %s\n' "$*"; }
die() { printf 'offline: %s\n' "$*" >&2; exit 1; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The value a variable of `.env` has for Compose.
settings=$(cd .. && docker compose config --environment)
setting() { printf '%s\n' "$settings" | sed -n "s/^$1=//p"; }

# What a stand-in is made from; a changed recipe makes a new one.
recipe() { find "$1" -type f -print0 | sort -z | xargs -0 cat | sha256sum | cut -c 1-16; }
label() { docker image inspect --format '{{ index .Config.Labels "blazing-sun.stand-in" }}' "$1" 2>/dev/null; }

# The Debian mirror this host itself uses, so that a proxy or an internal mirror keeps working.
mirror() {
  local site
  # shellcheck disable=SC2016 # apt fills $(SITE) in
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null \
    | grep -v security | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
  printf '%s' "${site:-http://deb.debian.org/debian}"
}

# debian:SUITE-slim by debootstrap, trusting the CA certificates the host's owner added (a TLS proxy in a company, say).
debian() {
  local suite=$1 root=$scratch/$1 want
  want=$({ declare -f debian; cat /usr/local/share/ca-certificates/*.crt 2>/dev/null || :; } | sha256sum | cut -c 1-16)
  if docker image inspect "debian:$suite-slim" >/dev/null 2>&1; then
    case $(label "debian:$suite-slim") in '' | "$want") return 0 ;; esac
  fi
  say "debian:$suite-slim"
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$(mirror)" >"$scratch/debian-$suite.log" 2>&1 \
    || return 1
  find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" \;
  chroot "$root" update-ca-certificates >/dev/null 2>&1
  # As the official slim images: no documentation, no package lists.
  printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
    >"$root/etc/dpkg/dpkg.cfg.d/slim"
  # What this host's apt accepts or needs (the clock of a frozen mirror, a proxy) the stand-in's needs too.
  {
    printf 'APT::Install-Recommends "false";\nAPT::Sandbox::User "root";\n'
    # Indexes and packages are no use in a layer; apt's cache of them alone is 90 MB.
    printf 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nDPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };\n'
    apt-config dump | grep -E '^Acquire::(Check-Valid-Until|https?::Proxy)' || :
  } >"$root/etc/apt/apt.conf.d/90slim"
  rm -rf "$root"/usr/share/{doc,man,locale}/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
  mkdir -p "$root"/usr/share/man/man{1..8} # packages link into them
  tar -C "$root" -c . | docker import --change "LABEL blazing-sun.stand-in=$want" \
    --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' --change 'CMD ["bash"]' - "debian:$suite-slim" >/dev/null
  rm -rf "$root"
}

build() {
  local name=$1 image=$2 folder=$3 suite=$4 more=()
  if [ "$folder" = rust ]; then
    command -v rustc >/dev/null || { echo 'needs a Rust toolchain on this host (rustc is not on PATH)' >"$scratch/$name.log"; return 1; }
    more=(--build-context "toolchain=$(rustc --print sysroot)")
  fi
  [ $# -lt 5 ] || more+=(--target "$5")
  say "$image"
  docker build --progress=plain --build-arg "SUITE=$suite" --label "blazing-sun.stand-in=$(recipe "$folder")" \
    "${more[@]}" --tag "$image" "$folder" >"$scratch/$name.log" 2>&1
}

# Runs one command per line of standard input side by side; on failure shows the end of each log that failed.
side_by_side() {
  local name command pids=() names=() i failed=0
  while read -r name command; do
    $command & pids+=($!); names+=("$name")
  done
  for i in "${!pids[@]}"; do
    wait "${pids[$i]}" && continue
    failed=1
    printf 'offline: %s failed:\n' "${names[$i]}" >&2
    tail -n 15 "$scratch/${names[$i]}.log" >&2
  done
  return $failed
}

if [ "${1:-}" = unavailable ]; then printf '%s\n' "${unavailable[@]}"; exit 0; fi
case ${1:-} in -*) sed -n '2,11p' "$0"; exit 2 ;; esac
wanted=" $* "

suites='' todo=''
while read -r variable folder suite target; do
  [ -n "$variable" ] || continue
  image=$(setting "$variable")
  [ -n "$image" ] || case $optional in *" $variable "*) continue ;; esac
  case $image in '') die "$variable is not set in .env" ;; *@sha256:*) die "$variable is pinned by digest, which only a registry can serve" ;; esac
  [[ $# = 0 || $wanted = *" $image "* ]] || continue
  if docker image inspect "$image" >/dev/null 2>&1; then
    have=$(label "$image")
    if [ -z "$have" ] || [ "$have" = "$(recipe "$folder")" ]; then continue; fi
  fi
  todo="$todo$variable build $variable $image $folder $suite $target
"
  case $suites in *"$suite"*) ;; *) suites="$suites$suite " ;; esac
done <<<"$stand_ins"

runtime=$(setting RUNTIME_IMAGE)
docker image inspect "$runtime" >/dev/null 2>&1 || suites="${suites%trixie }trixie "
[ -n "$todo$suites" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die "stand-ins are made on Debian or Ubuntu, as root"; fi
command -v debootstrap >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends debootstrap >/dev/null; }
say 'no registry answers: making base images from distribution packages'
for suite in $suites; do printf 'debian-%s debian %s\n' "$suite" "$suite"; done | side_by_side
[ "$runtime" = debian:trixie-slim ] || docker tag debian:trixie-slim "$runtime"
[ -z "$todo" ] || printf '%s' "$todo" | side_by_side
