# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of sun and solo.sh
# Part of ./sun solo: cargo, and what the build and the database need from the distribution.

check_cargo() {
  local wanted found
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' blazing_sun/Cargo.toml)
  # Where rustup puts it; a shell that was open before does not look there.
  PATH=$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin
  found=$(cd blazing_sun && cargo --version 2>/dev/null | cut -d' ' -f2) || true
  at_least "$wanted" "$found" ||
    fault "cargo is ${found:-not installed}, $wanted or newer is needed: https://rustup.rs, or your distribution's package if it is as new"
}

# Adds to `missing`, in Debian's names.
check_compilers() {
  local c=${CC:-cc} cpp=${CXX:-c++}
  command -v "${c%% *}" >/dev/null && command -v "${cpp%% *}" >/dev/null || missing+=(g++)
  command -v make >/dev/null || missing+=(make)
  command -v "${PKG_CONFIG:-pkg-config}" >/dev/null || missing+=(pkg-config)
  "${c%% *}" -E -x c -include zlib.h /dev/null >/dev/null 2>&1 || missing+=(zlib1g-dev)
}

install_missing() {
  local answer=y candidate
  [ "${#missing[@]}" != 0 ] || return 0
  command -v apt-get >/dev/null || die "missing here, in Debian's names: ${missing[*]}; install them (PostgreSQL $oldest or newer)"
  [ "$(id -u)" = 0 ] || die "missing here: sudo apt-get install ${missing[*]}"
  if [ -t 0 ]; then
    read -r -p "sun: missing here: ${missing[*]}. Install them with apt-get? [Y/n] " answer
    case $answer in [nN]*) die "missing here: apt-get install ${missing[*]}" ;; esac
  else
    say "installing ${missing[*]}"
  fi
  apt-get -qq update
  if [[ " ${missing[*]} " == *' postgresql '* ]]; then
    candidate=$(apt-cache policy postgresql | sed -n 's/^ *Candidate: //p')
    [ "$(major_of "$candidate")" -ge "$oldest" ] || die "the PostgreSQL of this distribution is $candidate, $oldest or newer is needed: https://www.postgresql.org/download/"
    # Debian's package makes a cluster and starts it. Nobody asked for one; those that are there stay as they are.
    no_cluster=/etc/postgresql-common/createcluster.d/solo.conf
    (umask 022 && mkdir -p "${no_cluster%/*}" && echo 'create_main_cluster = false' >"$no_cluster")
  fi
  (umask 022 && DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null) ||
    die 'the packages could not be installed'
  clusters_as_before
  [ -n "${POSTGRES_HOST:-}" ] || find_programs || die "there is still no PostgreSQL $oldest or newer"
}

clusters_as_before() {
  [ -n "$no_cluster" ] || return 0
  rm -f "$no_cluster"
  rmdir --ignore-fail-on-non-empty "${no_cluster%/*}" 2>/dev/null || true
  no_cluster=
}
