# shellcheck shell=bash
# shellcheck disable=SC2016,SC2034,SC2154 # variables of sun, and text for other programs
# Part of ./sun: whether this machine has what the stack needs: free ports, a free subnet, memory, disk. A line for each
# thing that is missing, and how to mend it.

check_machine() {
  local ip port who name memory cpus root logs closed disk=10 free subnet range seen=' '
  published=$(docker ps --format '{{.Label "com.docker.compose.project"}} container {{.Names}} {{.Ports}}')
  while read -r ip port; do
    name=$(port_variable "$port")
    if [[ $seen == *" $port "* ]]; then
      fault "port $port is given twice in .env: change ${name:-one of them}"
    elif who=$(holder "$ip" "$port"); then
      fault "port $port is in use by $who: stop that, or set ${name:-another port} in .env"
    fi
    seen="$seen$port "
  done < <(awk '/host_ip:/ { ip = $2 } /published:/ { gsub(/"/, "", $2); print ip ? ip : "0.0.0.0", $2; ip = "" }' <<<"$config")

  subnet=$(value DEVNET_SUBNET)
  subnet=${subnet:-172.28.0.0/16}
  while read -r range name; do
    ! overlap "$subnet" "$range" || fault "the subnet $subnet is taken by $name ($range): move the stack with DEVNET_* and *_IP in .env"
  done < <(other_networks)

  read -r memory cpus root < <(docker info --format '{{.MemTotal}} {{.NCPU}} {{.DockerRootDir}}')
  # A machine sold with 4 GB shows a little less.
  [ "$memory" -ge 3800000000 ] || fault "the engine has $((memory / 1000000)) MB of memory, the stack needs 4000: give it more (Docker Desktop: Settings, Resources)"
  # The limits of the Compose files name two; the engine would refuse them after everything is built.
  [ "$cpus" -ge 2 ] || fault "the engine has $cpus processor, the stack needs 2: give it more"
  # For the log store.
  if grep -q 'target: /containers$' <<<"$config"; then
    logs=$(value CONTAINER_LOGS)
    [ "${logs:-/var/lib/docker/containers}" = "$root/containers" ] ||
      fault "the engine keeps its logs in $root/containers: set CONTAINER_LOGS in .env to that, or leave out the profile logs"
  fi
  # In development the containers' users read these files as they are here.
  closed=$(find rust postgres redis rabbitmq kafka nginx pgadmin prometheus alertmanager grafana ! -perm -004 2>/dev/null | head -n 1 || true)
  [ -z "$closed" ] || fault "$closed cannot be read by the containers' users: chmod -R go+rX ."
  # Building takes more than keeping.
  ! docker image inspect "$project-rust" >/dev/null 2>&1 || disk=1
  if free=$(df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print int($4 / 1000000) }') && [ -n "$free" ]; then
    [ "$free" -ge "$disk" ] || fault "$root has $free GB left, the stack needs $disk: make room (\`docker system df\` shows what the engine holds)"
  fi
}

# Which variable gives this published port: the Compose files say ${NAME:-default}: in front of the container's port.
port_variable() {
  local name default now
  while IFS=' ' read -r name default; do
    now=$(value "$name")
    [ "${now:-$default}" != "$1" ] || { printf '%s' "$name"; return; }
  done < <(grep -Eoh '\$\{[A-Z_]+:-[0-9]+\}:' "${files[@]}" | sed 's/[${}]//g; s/:-/ /; s/:$//')
}

# holder 127.0.0.1 5432: who listens there. Fails when nobody does, or only this project's own containers.
holder() {
  local found
  found=$(grep -F ":$2->" <<<"$published" | head -n 1)
  case $found in "$project "*) return 1 ;; ?*) cut -d' ' -f2,3 <<<"$found" && return 0 ;; esac
  if command -v ss >/dev/null; then
    # On loopback only this address and the wildcards are in the way; a wildcard collides with everyone.
    found=$(ss -Hltnp "sport = :$2" | awk -v ip="$1" '{ sub(/:[0-9]+$/, "", $4); sub(/%.*/, "", $4) } ip == "0.0.0.0" || $4 == ip || $4 == "0.0.0.0" || $4 == "*" { print "listener " $6; exit }')
    [ -n "$found" ] || return 1
    sed -E 's/.*\(\("([^"]*)",pid=([0-9]+).*/\1 (pid \2)/; s/^listener .*/a process of another user/' <<<"$found "
  elif command -v lsof >/dev/null; then
    found=$(lsof -nP -iTCP:"$2" -sTCP:LISTEN -Fpc) || return 1
    awk '/^p/ { pid = substr($0, 2) } /^c/ { print substr($0, 2) " (pid " pid ")"; exit }' <<<"$found"
  else
    (: </dev/tcp/127.0.0.1/"$2") 2>/dev/null && printf 'some process'
  fi
}

# "range name" of each network that is not ours: Docker's, then the host's routes that are not Docker's. A default route,
# also one that a VPN has cut in halves, overlaps with everything and harms nothing.
other_networks() {
  local all label range rest
  all=$(docker network ls -q | xargs docker network inspect 2>/dev/null --format \
    '{{range .IPAM.Config}}{{.Subnet}} |{{index $.Labels "com.docker.compose.project"}}| Docker network {{$.Name}}{{"\n"}}{{end}}') || true
  while read -r range label rest; do
    [[ $label == "|$project|" || $range != *.* ]] || printf '%s %s\n' "$range" "the $label $rest"
  done <<<"$all" | sed 's/the |[^|]*| /the /'
  ! command -v ip >/dev/null || while read -r range rest; do
    [[ $range == */* ]] || range=$range/32
    if [[ $all != *"$range |"* ]] && number "${range%/*}" && [ "${range#*/}" -ge 8 ]; then
      printf '%s the host route %s\n' "$range" "${rest%% scope*}"
    fi
  done < <(ip -4 route show)
}
