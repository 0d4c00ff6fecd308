# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # variables of sun, and text for other programs
# Part of ./sun: reads `.env` as Compose does and tells everything that is wrong with it, a line each. After
# read_settings, `value NAME` gives a variable, $config is the resolved Compose file and $project its name.

# A value out of $environment, as it is: no word of it is ever expanded or put on a command line.
value() {
  local rest=$'\n'$environment
  case $rest in *$'\n'"$1="*) rest=${rest#*$'\n'"$1="} && printf '%s' "${rest%%$'\n'*}" ;; esac
}

# The variables of the Compose files in use whose name ends in $1.
names() { grep -Eoh "\\$\{[A-Z_0-9]*$1" "${files[@]}" | tr -d '${:?}' | sort -u; }

# read_settings [service...]: $config holds those services and what they depend on, or all.
read_settings() {
  # Until the checks have passed, a new .env exists only here.
  local file=.env name line
  if [ ! -e .env ]; then
    file=$work/.env
    export COMPOSE_ENV_FILES=$file
    sed "s/^HOST_UID=.*/HOST_UID=$(owner u)/; s/^HOST_GID=.*/HOST_GID=$(owner g)/" .env.example >"$file"
  fi
  while read -r line; do fault ".env, line $line: not a NAME=value"; done \
    < <(grep -nEv '^[[:space:]]*(#|$|(export[[:space:]]+)?[A-Za-z_][A-Za-z0-9_]*=)' "$file" | cut -d: -f1)
  grep -qE '^(export +)?BUILD_ENV=' "$file" || fault 'BUILD_ENV is missing in .env: dev or prod'
  stop_on_faults
  reads "$file" || die ".env, line $(bad_line "$file"): cannot be read, its value needs single quotes (the top of .env.example says how)"

  case $(value BUILD_ENV) in dev | prod) ;; *) fault "BUILD_ENV is '$(value BUILD_ENV)' in .env: it must be dev or prod" ;; esac
  [ -n "$(value COMPOSE_FILE)" ] || fault 'COMPOSE_FILE is missing in .env: .env.example has it'
  stop_on_faults
  files=(docker-compose.yml "docker-compose.$(value BUILD_ENV).yml")
  for name in $(names ':[?]'); do
    [ -n "$(value "$name")" ] || fault "$name is missing in .env: .env.example has it"
  done
  for name in $(names '_(PORT|UID|GID)[:}]'); do
    check_number "$name" "$(value "$name")"
  done
  check_addresses
  stop_on_faults

  # Anything else Compose objects to, in its own words.
  config=$(docker compose config "$@" 2>"$work/config") || die "$(tail -n 1 "$work/config")"
  project=$(sed -n 's/^name: //p' <<<"$config")
  [ "$(value BUILD_ENV)" != prod ] || check_passwords
  stop_on_faults
}

check_number() {
  local least=0 most=4294967294
  [[ $1 != *_PORT ]] || { least=1 && most=65535; }
  # An empty one has its default in the Compose files.
  [ -z "$2" ] || { [[ $2 =~ ^[0-9]{1,10}$ ]] && [ "$2" -ge $least ] && [ "$2" -le $most ]; } ||
    fault "$1 is '$2' in .env: it must be a number from $least to $most"
}

owner() { stat -c "%$1" . 2>/dev/null || stat -f "%$1" .; }

# Compose reads the file, and no value of it refers to a variable that is not there (a password with an unquoted $).
# Its message would show the value, so only the number of the line is told.
reads() {
  # All variables as Compose resolves them, whatever state the Compose files are in.
  environment=$(COMPOSE_ENV_FILES=$1 docker compose -f - config --environment 2>"$work/message" <<<'services: {}') &&
    ! grep -q 'variable is not set' "$work/message"
}

bad_line() {
  local good=0 bad middle
  bad=$(awk 'END { print NR }' "$1")
  while [ $((bad - good)) -gt 1 ]; do
    middle=$(((good + bad) / 2))
    head -n "$middle" "$1" >"$work/part"
    if reads "$work/part"; then good=$middle; else bad=$middle; fi
  done
  printf '%s' "$bad"
}

# number 172.28.0.10: the address as a number in $n.
number() {
  local byte='(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])'
  [[ $1 =~ ^$byte\.$byte\.$byte\.$byte$ ]] || return 1
  n=$(((10#${BASH_REMATCH[1]} << 24) + (10#${BASH_REMATCH[2]} << 16) + (10#${BASH_REMATCH[3]} << 8) + 10#${BASH_REMATCH[4]}))
}

# overlap 10.0.0.0/8 10.1.0.0/16: whether two ranges share an address.
overlap() {
  local n first bits=${1#*/}
  number "${1%/*}" || return 1
  first=$n
  number "${2%/*}" || return 1
  [ "$bits" -le "${2#*/}" ] || bits=${2#*/}
  [ "$bits" = 0 ] || [ $(((first ^ n) >> (32 - bits))) = 0 ]
}

check_addresses() {
  local n name address taken=' ' subnet
  subnet=$(value DEVNET_SUBNET)
  for name in DEVNET_SUBNET DEVNET_IP_RANGE; do
    address=$(value "$name")
    [ -z "$address" ] || { number "${address%/*}" && [[ $address =~ /(8|9|[12][0-9])$ ]]; } ||
      { fault "$name is $address in .env: it must be a range such as 172.28.0.0/16"; return; }
  done
  for name in DEVNET_GATEWAY $(names '_IP[:}]'); do
    address=$(value "$name")
    [ -n "$address" ] || continue
    if ! number "$address"; then
      fault "$name is $address in .env: it must be an address such as 172.28.0.10"
    elif ! overlap "$address/32" "${subnet:-172.28.0.0/16}"; then
      fault "$name ($address) is outside DEVNET_SUBNET (${subnet:-172.28.0.0/16}) in .env"
    elif [[ $taken == *" $address "* ]]; then
      fault "$name ($address) is taken by another variable of .env"
    fi
    taken="$taken$address "
  done
}

secrets() { sed -n 's|^ *file: .*/secrets/\([A-Z_]*\)$|\1|p' <<<"$config"; }

# What everyone can read in .env.example protects nothing. (One that is empty there may stay empty.) The first administrator
# is no more the example's than a password is: it has an owner. They need not be named, nor have a password before they
# choose one.
check_passwords() {
  local name example
  for name in $(secrets) ADMIN_EMAIL; do
    example=$(sed -n "s/^$name=//p" .env.example)
    [ -z "$example" ] || [ -n "$(value "$name")" ] || [[ $name == ADMIN_* ]] || fault "$name is missing in .env: BUILD_ENV=prod needs it"
    [ -z "$example" ] || [ "$(value "$name")" != "$example" ] || fault "$name in .env is still the one of .env.example: BUILD_ENV=prod needs one of your own"
  done
}
