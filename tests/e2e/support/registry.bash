# A registry on loopback for a dind container: Debian's, in the container's network namespace. Its storage is
# $registry_data, so that a later container's registry has what an earlier one was given.

# Every engine takes a registry on 127.0.0.0/8 without TLS.
start_registry() { # CONTAINER
  local pid
  pid=$(docker inspect -f '{{.State.Pid}}' "$1")
  mkdir -p "$registry_data"
  cat >"$registry_data.yml" <<YAML
version: 0.1
log: {accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: $registry_data}}
http: {addr: "127.0.0.1:5000"}
YAML
  : >"$registry_data.log"
  nsenter --net --target "$pid" docker-registry serve "$registry_data.yml" >"$registry_data.log" 2>&1 3>&- 9>&- &
  registry_pid=$!
  local deadline=$((SECONDS + 20))
  until nsenter --net --target "$pid" bash -c 'exec 4<>/dev/tcp/127.0.0.1/5000' 2>/dev/null; do
    ((SECONDS < deadline)) || die "no registry: $(cat "$registry_data.log")"
    sleep 0.1
  done
}

stop_registry() {
  if [ -n "${registry_pid-}" ]; then
    kill "$registry_pid"
    wait "$registry_pid" || true
  fi
  registry_pid=""
}

# An image that came from a registry as an OCI layout, $BATS_FILE_TMPDIR/context/app, so that its cache knows the
# compressed digests, and the registry's storage with that image and a newer one.
make_app() {
  local maker pid app=127.0.0.1:5000/app
  maker=e2e-app-$(basename "$BATS_TEST_FILENAME" .bats)-$DIND_TEST_CELL
  start_dind "$maker" "$baked"
  start_registry "$maker"
  pid=$(docker inspect -f '{{.State.Pid}}' "$maker")
  inner "$maker" tag nasty/kinds:classic "$app:1"
  inner "$maker" push -q "$app:1" >/dev/null
  mkdir -p "$BATS_FILE_TMPDIR/context"
  nsenter --net --target "$pid" skopeo copy -q --src-tls-verify=false "docker://$app:1" "oci:$BATS_FILE_TMPDIR/context/app:$app:1"
  # The layout's manifest and configuration are rewritten ones; back they go, so that both sides have the same image. An
  # engine with the containerd store pushed uncompressed layers, which are not to be taken for these.
  nsenter --net --target "$pid" skopeo copy -q --preserve-digests --dest-tls-verify=false "oci:$BATS_FILE_TMPDIR/context/app:$app:1" "docker://$app:1"
  inner "$maker" pull -q "$app:1" >/dev/null
  printf 'FROM %s:1\nRUN echo newer >/newer\n' "$app" |
    docker exec -i -e DOCKER_BUILDKIT=0 "$maker" docker build --network none -q -t "$app:2" - >/dev/null
  inner "$maker" push -q "$app:2" >/dev/null
  stop_registry
  remove_dind "$maker"
}

app_digest() { jq -r '.manifests[0].digest' "$BATS_FILE_TMPDIR/context/app/index.json"; }
