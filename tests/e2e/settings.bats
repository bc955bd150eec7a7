#!/usr/bin/env bats
# daemon.json: what becomes of the user's file, of variables, and of mistakes in either.

setup() {
  load support/load
  dind=e2e-settings-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  etc=$BATS_TEST_TMPDIR/docker
  mkdir -p "$etc"
}

teardown() { docker rm -fv "$dind" >/dev/null 2>&1 || true; }

# The container ends with 64 and one line, which matches.
refuses() { # PATTERN [docker run options] [-- arguments]
  run_dind "$dind" "$plain" "${@:2}"
  [ "$(wait_exit_code "$dind")" = 64 ]
  docker logs "$dind" >"$BATS_TEST_TMPDIR/log" 2>&1
  [ "$(wc -l <"$BATS_TEST_TMPDIR/log")" = 1 ]
  grep -qE -e "$1" "$BATS_TEST_TMPDIR/log"
}

config_of() { docker exec "$dind" cat /etc/docker/daemon.json; }

# Waits for the engine to have taken up a reload.
wait_reload() { # COUNT
  local deadline=$((SECONDS + 20))
  until [ "$(docker logs "$dind" 2>&1 | grep -c 'Reloaded configuration')" -ge "$1" ]; do ((SECONDS < deadline)); sleep 0.1; done
}

@test "variables become settings of the engine" {
  start_dind "$dind" "$plain" -e DIND_REGISTRY_MIRRORS=https://mirror.invalid -e DIND_INSECURE_REGISTRIES=r.invalid:5000 \
    -e DIND_BIP=172.29.7.1/24 -e DIND_DEFAULT_ADDRESS_POOLS='base=172.28.0.0/16,size=24' -e DIND_DNS=10.9.8.7 -e DIND_MTU=1234
  inner "$dind" info -f '{{json .RegistryConfig}}' | jq -e '.Mirrors == ["https://mirror.invalid/"]'
  inner "$dind" info -f '{{json .RegistryConfig}}' | jq -e '.IndexConfigs["r.invalid:5000"].Secure == false'
  inner "$dind" network inspect bridge | jq -e '.[0].IPAM.Config[0].Gateway == "172.29.7.1"'
  inner "$dind" network inspect bridge | jq -e '.[0].Options["com.docker.network.driver.mtu"] == "1234"'
  inner "$dind" network create more
  inner "$dind" network inspect more | jq -e '.[0].IPAM.Config[0].Subnet == "172.28.0.0/24"'
  config_of | jq -e '.dns == ["10.9.8.7"]'
}

@test "the MTU of new networks follows, where the engine can" {
  start_dind "$dind" "$plain" -e DIND_MTU=1300
  if ! docker exec "$dind" dockerd --help | grep -q -- --default-network-opt; then
    config_of | jq -e 'has("default-network-opts") | not'
    return
  fi
  inner "$dind" network create more
  inner "$dind" network inspect more | jq -e '.[0].Options["com.docker.network.driver.mtu"] == "1300"'
}

@test "an engine before 29 has no other firewall than iptables, and dind-init says so" {
  if docker run --rm --entrypoint dockerd "$plain" --help | grep -q -- --firewall-backend; then
    run_dind "$dind" "$plain" -e DIND_FIREWALL_BACKEND=nftables
    wait_until "$dind" 60 dindctl ready
    [ "$(inner "$dind" info -f '{{.FirewallBackend.Driver}}')" = nftables ]
  else
    refuses DIND_FIREWALL_BACKEND=nftables.*iptables -e DIND_FIREWALL_BACKEND=nftables
  fi
}

@test "a small MTU of the uplink is the engine's" {
  run_dind "$dind" "$plain" --entrypoint sh -- -c 'ip link add up0 type bridge && ip link set up0 mtu 1400 up &&
    ip addr add 192.0.2.2/24 dev up0 && ip route add default via 192.0.2.1 && exec dind-init'
  wait_until "$dind" 60 dindctl ready
  config_of | jq -e .mtu==1400
}

@test "the user's own settings stand, in the file and as flags" {
  echo '{"dns": ["192.0.2.53"], "mtu": 1111}' >"$etc/daemon.json"
  start_dind "$dind" "$plain" -v "$etc:/etc/docker" -e DIND_DNS=10.9.8.7 -e DIND_MTU=1234 -e DIND_BIP=172.29.7.1/24 -- --bip=172.29.9.1/24
  config_of | jq -e '.dns == ["192.0.2.53"] and .mtu == 1111 and (has("bip") | not)'
  docker logs "$dind" 2>&1 | grep 'level=warning' | grep -q 'dns.* stays'
}

@test "an empty file, and one with a byte order mark, are read" {
  : >"$etc/daemon.json"
  start_dind "$dind" "$few" -v "$etc:/etc/docker:ro"
  docker rm -fv "$dind" >/dev/null
  printf '\xef\xbb\xbf{"labels": ["a=b"]}' >"$etc/daemon.json"
  start_dind "$dind" "$few" -v "$etc:/etc/docker:ro"
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[a=b]" ]
}

@test "what is no JSON is named with its position" {
  printf '{\n  "debug": tru\n}\n' >"$etc/daemon.json"
  refuses 'daemon.json.*line 2' -v "$etc:/etc/docker:ro"
}

@test "a key that dockerd does not know is named, with the one that may be meant" {
  echo '{"registry-mirors": ["https://m.invalid"]}' >"$etc/daemon.json"
  refuses 'registry-mirors.*registry-mirrors' -v "$etc:/etc/docker:ro"
}

@test "a key that dockerd passes over in silence is a warning" {
  echo '{"registry-mirror": ["https://m.invalid"]}' >"$etc/daemon.json"
  start_dind "$dind" "$plain" -v "$etc:/etc/docker:ro"
  [ "$(inner "$dind" info -f '{{len .RegistryConfig.Mirrors}}')" = 0 ]
  docker exec "$dind" dindctl status --json | jq -e '.warnings | any(test("registry-mirror\".*registry-mirrors"))'
}

@test "a setting in the file and as a flag is named" {
  echo '{"debug": true}' >"$etc/daemon.json"
  refuses '--debug.*debug.*daemon.json' -v "$etc:/etc/docker:ro" -- --debug
}

@test "every variable with a bad value ends in 64 and one line that names it" {
  local bad
  for bad in DIND_SEED=x DIND_ACTIVATE=x DIND_TLS_KEY=x DIND_TCP_BIND=x DIND_REGISTRY_MIRRORS=x DIND_BIP=x \
    DIND_DEFAULT_ADDRESS_POOLS=x DIND_DNS=x DIND_MTU=x DIND_CGROUPNS=x DIND_READY_FILE=x DIND_STOP_TIMEOUT=x; do
    refuses "${bad%=x}=x" -e "$bad"
  done
}

# A folder as the kubelet keeps a ConfigMap: ..data is swapped as a whole.
publish() { # VERSION CONTENT
  mkdir "$etc/..$1"
  echo "$2" >"$etc/..$1/daemon.json"
  ln -s "..$1" "$etc/..new"
  mv -T "$etc/..new" "$etc/..data"
  ln -sfn ..data/daemon.json "$etc/daemon.json"
  find "$etc" -mindepth 1 -maxdepth 1 -type d ! -name "..$1" -exec rm -rf {} +
}

# In the graph store, of which engine 29, too, has to be told by daemon.json.

@test "SIGHUP: a ConfigMap that was swapped is merged again" {
  publish 1 '{"labels": ["v=1"]}'
  start_dind "$dind" "$few" -e DIND_STORE=graph -v "$etc:/etc/docker:ro"
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[v=1]" ]
  publish 2 '{"labels": ["v=2"]}'
  docker kill -s HUP "$dind" >/dev/null
  wait_reload 1
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[v=2]" ]
  config_of | jq -e '."storage-driver" == "overlay2"'
  publish 3 '{"labels": ["v=3"]}'
  docker kill -s HUP "$dind" >/dev/null
  wait_reload 2
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[v=3]" ]
}

@test "SIGHUP: what was written into the file inside is taken up" {
  start_dind "$dind" "$few" -e DIND_STORE=graph
  docker exec "$dind" sh -c 'echo "{\"labels\": [\"in=side\"]}" >/etc/docker/daemon.json'
  docker kill -s HUP "$dind" >/dev/null
  wait_reload 1
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[in=side]" ]
  config_of | jq -e '."storage-driver" == "overlay2"'
}

@test "SIGHUP: a file that cannot be read changes nothing, and is named" {
  echo '{"labels": ["v=1"]}' >"$etc/daemon.json"
  start_dind "$dind" "$few" -e DIND_STORE=graph -v "$etc:/etc/docker"
  echo '{' >"$etc/daemon.json"
  docker kill -s HUP "$dind" >/dev/null
  local deadline=$((SECONDS + 10))
  until docker logs "$dind" 2>&1 | grep -q 'daemon.json is not read again'; do ((SECONDS < deadline)); sleep 0.1; done
  [ "$(inner "$dind" info -f '{{.Labels}}')" = "[v=1]" ]
}

@test "a root that cannot be written to gets --config-file" {
  start_dind "$dind" "$few" -e DIND_STORE=graph --read-only --tmpfs /run --tmpfs /etc/docker:ro --tmpfs /certs
  docker exec "$dind" sh -c 'tr "\0" "\n" </proc/$(cat /var/run/docker.pid)/cmdline' | grep -q -- --config-file=/run/dind-init/daemon.json
  inner "$dind" run --rm --network none nasty/kinds:classic true
}
