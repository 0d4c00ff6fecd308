#!/usr/bin/env bash
# Closes a production server but for SSH, HTTP and HTTPS: the host's own ports with UFW, the containers' with DOCKER-USER.
#
# Docker forwards published ports before UFW sees them and leaves one chain to the administrator, DOCKER-USER. Its rules
# are kept in /etc/ufw/after.rules and after6.rules: UFW loads them at boot and on every reload, Docker never clears them.
set -euo pipefail

usage="Usage: sudo ./firewall-setup.sh [--dry-run]

Allows SSH, HTTP and HTTPS and closes everything else, for the host and for the ports Docker publishes.
HTTP_PORT and HTTPS_PORT are taken from the .env beside this script (80 and 443 without one).

  --dry-run   say what would change and change nothing
  --help      this text"

die() { echo "firewall-setup.sh: $*" >&2; exit 1; }

dry_run=false
for argument; do
  case $argument in
    --dry-run) dry_run=true ;;
    -h | --help) echo "$usage"; exit 0 ;;
    *) echo "firewall-setup.sh: unknown option: $argument" >&2; echo "$usage" >&2; exit 2 ;;
  esac
done

# The output of ufw is read below, and it is translated. `su` without a dash has no sbin in its path.
export LC_ALL=C LANGUAGE=C PATH="$PATH:/usr/sbin:/sbin"

((EUID == 0)) || die "needs root: sudo ./firewall-setup.sh"
grep -qE '^ID(_LIKE)?=.*(debian|ubuntu)' /etc/os-release 2>/dev/null || die "knows only Debian, Ubuntu and their like, and this is not one"
for tool in ufw:ufw iptables:iptables ip6tables:iptables ss:iproute2 ip:iproute2; do
  command -v "${tool%:*}" >/dev/null || die "${tool%:*} is missing; install it with: apt-get install ${tool#*:}"
done

# ---- What is to be open ---------------------------------------------------------------------------------------------
env_file=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/.env

# The value Compose would take from .env; an address before the port (127.0.0.1:80) is refused, there is nothing to open.
env_port() {
  local value=""
  if [[ -f $env_file ]]; then
    value=$(sed -nE "s/\r\$//; s/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*//p" "$env_file" | tail -n 1 |
      sed -E "s/(^|[[:space:]]+)#.*//; s/[[:space:]]+\$//; s/^(['\"])(.*)\1\$/\2/")
  fi
  value=${value:-$2}
  [[ $value =~ ^[1-9][0-9]{0,4}$ && $value -le 65535 ]] || die "$1 in $env_file is not a port: $value"
  echo "$value"
}
http=$(env_port HTTP_PORT 80)
https=$(env_port HTTPS_PORT 443)

# Every port somebody may be signed in through: sshd's settings, systemd's socket, what really listens, and the session
# this runs in. sudo drops SSH_CONNECTION, so the processes above are asked for theirs.
ssh_ports() {
  sshd -T 2>/dev/null | awk '$1 == "port" || $1 == "listenaddress" { sub(/.*[: ]/, ""); print }' || true
  systemctl show --property=Listen --value ssh.socket 2>/dev/null | grep -oP ':\K[0-9]+(?= \(Stream\))' || true
  ss -Htlnp | awk '/"(sshd|dropbear)"/ && $4 !~ /^(127\.|\[::1\])/ { sub(/.*:/, "", $4); print $4 }'
  local pid=$$
  while ((pid > 1)); do
    tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | awk '/^SSH_CONNECTION=/ { print $4 }' || true
    pid=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status")
  done
}
mapfile -t ssh < <(ssh_ports | grep -xE '[0-9]+' | sort -nu)
((${#ssh[@]})) || ssh=(22)

# ---- How a change is told, and made --------------------------------------------------------------------------------
changes=0
change() {
  local what=$1 output
  shift
  changes=$((changes + 1))
  if $dry_run; then
    echo "would: $what"
  else
    output=$("$@" 2>&1) || die "could not $what: $output"
    echo "done:  $what"
  fi
}

# `ufw show added` prints rules as they were typed. This finds the port $1 in one, lists and ranges included.
names_port() {
  local token
  for token in $(tr ' ,/' '\n' <<<"${2%% comment *}"); do
    [[ $token =~ ^([0-9]+)(:([0-9]+))?$ ]] || continue
    ((BASH_REMATCH[1] <= $1 && $1 <= ${BASH_REMATCH[3]:-${BASH_REMATCH[1]}})) && return
  done
  return 1
}
mapfile -t added < <(ufw show added | grep '^ufw ' || true)

# A refusal of everybody on the SSH port would win over the rule added here. Refusals of single addresses are bans: kept.
for rule in "${added[@]}"; do
  [[ $rule =~ ^ufw\ (deny|reject)\  && ! $rule =~ ^ufw\ [a-z]+\ out\  && ! $rule =~ \ from\  ]] || continue
  for port in "${ssh[@]}"; do
    if names_port "$port" "$rule" || [[ $rule =~ \ (OpenSSH|SSH)( |$) ]]; then
      die "a rule of UFW would lock out SSH on port $port: $rule (take it away with: ufw delete ${rule#ufw })"
    fi
  done
done

allow() {
  if printf '%s\n' "${added[@]}" | grep -qxE "ufw (allow|limit) $1(/tcp)?( comment .*)?"; then
    echo "kept:  $1/tcp is allowed ($2)"
  else
    change "allow $1/tcp ($2)" ufw allow "$1/tcp" comment "blazing-sun $2"
  fi
}

# ---- The host: UFW --------------------------------------------------------------------------------------------------
# SSH first: from here on, stopping anywhere leaves a way in.
for port in "${ssh[@]}"; do allow "$port" SSH; done
allow "$http" HTTP
allow "$https" HTTPS

for rule in "${added[@]}"; do
  for port in "${ssh[@]}" "$http" "$https"; do
    if names_port "$port" "$rule"; then continue 2; fi
  done
  if [[ $rule =~ ^ufw\ allow\ ([0-9]+)/tcp\ comment\ \'blazing-sun\ HTTPS?\'$ ]]; then
    change "close ${BASH_REMATCH[1]}/tcp, which .env no longer names" ufw delete allow "${BASH_REMATCH[1]}/tcp"
  elif [[ $rule =~ ^ufw\ (allow|limit)\  ]]; then
    echo "kept:  a rule of your own: $rule"
  fi
done

if grep -qE '^DEFAULT_INPUT_POLICY="?(DROP|REJECT)"?$' /etc/default/ufw; then
  echo "kept:  everything else that comes in is refused"
else
  change "refuse everything else that comes in" ufw default deny incoming
fi

# ---- The containers: DOCKER-USER ------------------------------------------------------------------------------------
begin="# BEGIN blazing-sun: written by firewall-setup.sh, do not edit"
end="# END blazing-sun"

# Docker calls its bridges docker0 and br-<12 hex digits>; iptables can only ask for br-*. Others of that name are outside.
mapfile -t foreign < <(ip -o link show | awk -F '[:@ ]+' '$2 ~ /^br-/ { print $2 }' | grep -vxE 'br-[0-9a-f]{12}')

# Ports are compared with the one the client asked for, since here the packet already carries the container's. What was
# forwarded by a port mapping is dropped wherever it goes (a bridge may have any name), what was routed straight at a
# container too; traffic that is not for containers (a VPN, virtual machines) goes on to the chains after this one.
block() {
  local bridge
  echo "$begin"
  echo "*filter"
  echo ":DOCKER-USER - [0:0]"
  echo ":DOCKER-OUTSIDE - [0:0]"
  echo "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"
  for bridge in "${foreign[@]}"; do echo "-A DOCKER-USER -i $bridge -g DOCKER-OUTSIDE"; done
  echo "-A DOCKER-USER -i docker0 -j RETURN"
  echo "-A DOCKER-USER -i br-+ -j RETURN"
  echo "-A DOCKER-USER -g DOCKER-OUTSIDE"
  echo "-A DOCKER-OUTSIDE -p tcp -m conntrack --ctstate DNAT --ctorigdstport $http --ctdir ORIGINAL -j RETURN"
  echo "-A DOCKER-OUTSIDE -p tcp -m conntrack --ctstate DNAT --ctorigdstport $https --ctdir ORIGINAL -j RETURN"
  echo "-A DOCKER-OUTSIDE -m conntrack --ctstate DNAT -j DROP"
  for bridge in "${foreign[@]}"; do echo "-A DOCKER-OUTSIDE -o $bridge -j RETURN"; done
  echo "-A DOCKER-OUTSIDE -o docker0 -j DROP"
  echo "-A DOCKER-OUTSIDE -o br-+ -j DROP"
  echo "COMMIT"
  echo "$end"
}

with_block() {
  awk -v begin="$begin" -v end="$end" '$0 == begin { ours = 1 } !ours { print } $0 == end { ours = 0 }' "$1"
  block
}

# Written beside and moved over, so that a stop in between leaves the old rules whole.
write_block() {
  local new
  new=$(mktemp "$1.XXXXXX")
  with_block "$1" >"$new" && chmod --reference="$1" "$new" && chown --reference="$1" "$new" && mv "$new" "$1"
}

in_force() {
  local rule
  while read -ra rule; do
    "$1" -C "${rule[@]}" 2>/dev/null || return 1
  done < <(block | sed -n 's/^-A //p')
}

families=(iptables:/etc/ufw/after.rules ip6tables:/etc/ufw/after6.rules)
# With IPV6=no UFW drops all of IPv6 by itself and never reads after6.rules.
grep -qiE '^IPV6="?yes"?$' /etc/default/ufw || families=("${families[0]}")

# Everything is tried before anything is written: a rules file UFW cannot load would leave a half-closed server.
for family in "${families[@]}"; do
  tool=${family%%:*} file=${family#*:}
  [[ -f $file ]] || die "$file is missing; bring it back with: apt-get install --reinstall -o Dpkg::Options::=--force-confmiss ufw"
  [[ $(grep -cxF "$begin" "$file") == "$(grep -cxF "$end" "$file")" ]] || die "a marker of the blazing-sun block in $file is gone; delete what is left of the block"
  output=$(block | "$tool-restore" --test --noflush 2>&1) || die "this kernel refuses the DOCKER-USER rules ($tool): $output"
done

reload=false
for family in "${families[@]}"; do
  tool=${family%%:*} file=${family#*:}
  if cmp -s "$file" <(with_block "$file"); then
    echo "kept:  the DOCKER-USER rules in $file"
  else
    change "write the DOCKER-USER rules to $file: from outside, containers get $http and $https only" write_block "$file"
    reload=true
  fi
  in_force "$tool" && continue
  reload=true
  rules=$("$tool" -S DOCKER-USER 2>/dev/null | grep '^-A' | grep -vx -- '-A DOCKER-USER -j RETURN' || true)
  [[ -z $rules || $rules == *DOCKER-OUTSIDE* ]] ||
    while read -r rule; do change "drop a rule made by hand from DOCKER-USER: $tool $rule" true; done <<<"$rules"
done

# ---- In force, now and after the next boot --------------------------------------------------------------------------
if ! ufw status | grep -q '^Status: active' || ! grep -qx 'ENABLED=yes' /etc/ufw/ufw.conf; then
  change "switch UFW on, now and at boot" ufw --force enable
elif $reload; then
  change "reload UFW" ufw reload
else
  echo "kept:  UFW is on, and its rules are in force"
fi

if ((changes == 0)); then
  echo "Nothing changed."
elif $dry_run; then
  echo "Nothing changed; without --dry-run: $changes changes."
else
  echo "Changed: $changes."
fi
