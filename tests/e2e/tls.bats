#!/usr/bin/env bats
# TLS as the stock entrypoint sets it up. T1 to T9 are its behaviours; the rules over which files exist are a unit test.

setup_file() {
  load support/load
  make_certificates
}

setup() {
  load support/load
  dind=e2e-tls-$DIND_TEST_CELL-$BATS_TEST_NUMBER
  made=$BATS_FILE_TMPDIR/certs
  certs=$BATS_TEST_TMPDIR/certs
}

teardown() { docker rm -fv "$dind" >/dev/null 2>&1 || true; }

# What one start makes in an empty directory; tests look at it, or start from a copy.
make_certificates() {
  local maker=e2e-tls-$DIND_TEST_CELL
  mkdir "$BATS_FILE_TMPDIR/certs"
  start_dind "$maker" "$plain" -v "$BATS_FILE_TMPDIR/certs:/certs" --hostname job-7 -e DOCKER_TLS_SAN=DNS:dind.test,IP:10.9.8.7
  remove_dind "$maker"
}

copy_certificates() { cp -a "$made" "$certs"; }

start_with() { start_dind "$dind" "$plain" -v "$certs:/certs" "$@"; } # [docker run options]

# The client inside, over TCP, with the certificates of a directory inside.
client() { # DIRECTORY COMMAND…
  docker exec -e DOCKER_CERT_PATH="$1" "$dind" docker -H tcp://127.0.0.1:2376 --tlsverify "${@:2}"
}

# A container that must not live: exit code 71, and a line of its log that matches.
refuses() { # PATTERN [docker run options]
  run_dind "$dind" "$plain" -v "$certs:/certs" "${@:2}"
  [ "$(wait_exit_code "$dind")" = 71 ]
  docker logs "$dind" 2>&1 | grep -E 'level=(error|fatal)' | grep -qE "$1"
  run docker logs "$dind"
  [[ "$output" != *"API listen on"* ]]
}

text_of() { openssl x509 -noout -in "$made/$1" "${@:2}"; }

@test "T1: a server's files of the user's own are used, and nothing is made" {
  copy_certificates
  rm -r "$certs/ca"
  start_with
  client /certs/client version >/dev/null
  diff -r "$made/server" "$certs/server"
  [ ! -e "$certs/ca" ]
}

@test "T1: a server's files that do not fit are refused, and there is no plain listener instead" {
  copy_certificates
  rm -r "$certs/ca"
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 >"$certs/server/key.pem" 2>/dev/null ||
    openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$certs/server/key.pem"
  chmod 600 "$certs/server/key.pem"
  refuses 'server/cert.pem: the certificate is of another key'
}

@test "T2: a CA of the user's own signs, and its key is kept" {
  mkdir -p "$certs/ca"
  openssl genrsa -out "$certs/ca/key.pem" 2048 2>/dev/null
  cp "$certs/ca/key.pem" "$BATS_TEST_TMPDIR/before"
  start_with
  cmp "$BATS_TEST_TMPDIR/before" "$certs/ca/key.pem"
  client /certs/client version >/dev/null
  openssl verify -CAfile "$certs/client/ca.pem" "$certs/server/cert.pem"
}

@test "T3: a CA that cannot sign, and no server's files: exit code 71, never plain TCP" {
  copy_certificates
  rm -r "$certs/server" "$certs/ca/key.pem"
  refuses 'neither its key'
}

@test "T4: the files of the stock image, but for the serial number's" {
  run sh -c "cd '$made' && find . -type f | LC_ALL=C sort | xargs"
  [ "$output" = "./ca/cert.pem ./ca/key.pem ./client/ca.pem ./client/cert.pem ./client/csr.pem ./client/key.pem ./client/openssl.cnf ./server/ca.pem ./server/cert.pem ./server/csr.pem ./server/key.pem ./server/openssl.cnf" ]
  openssl req -noout -verify -in "$made/server/csr.pem"
}

@test "T5: modes" {
  run sh -c "cd '$made' && stat -c '%a %n' */*.pem | grep -v ' .*ca.pem'"
  [ "$output" = "644 ca/cert.pem
600 ca/key.pem
644 client/cert.pem
644 client/csr.pem
644 client/key.pem
644 server/cert.pem
644 server/csr.pem
600 server/key.pem" ]
}

@test "T6: subjects, and 825 days" {
  local name subject start end
  for name in 'ca CA' 'server server' 'client client'; do
    read -r name subject <<<"$name"
    [[ "$(text_of "$name/cert.pem" -subject)" == *"CN = docker:dind $subject" ]]
    start=$(date -d "$(text_of "$name/cert.pem" -startdate | cut -d= -f2)" +%s)
    end=$(date -d "$(text_of "$name/cert.pem" -enddate | cut -d= -f2)" +%s)
    [ $(((end - start) / 86400)) = 825 ]
  done
}

@test "T6: keys are P-256, and RSA of 4096 bits with DIND_TLS_KEY=rsa4096" {
  openssl pkey -noout -text -in "$made/server/key.pem" | grep -q prime256v1
  mkdir "$certs"
  start_with -e DIND_TLS_KEY=rsa4096
  openssl pkey -noout -text -in "$certs/server/key.pem" | grep -q '4096 bit'
  client /certs/client version >/dev/null
}

@test "T7: the server is called by every address, the hostname, docker, localhost and DOCKER_TLS_SAN" {
  run text_of server/cert.pem -ext subjectAltName
  for name in DNS:job-7 DNS:docker DNS:localhost DNS:dind.test 'IP Address:127.0.0.1' 'IP Address:10.9.8.7'; do
    [[ "$output" == *"$name"* ]]
  done
  [[ "$(text_of server/cert.pem -ext extendedKeyUsage)" == *"TLS Web Server Authentication"* ]]
  openssl verify -x509_strict -purpose sslserver -CAfile "$made/server/ca.pem" "$made/server/cert.pem"
}

@test "T8: the client's certificate is one for clients, and the CA is in both places" {
  [[ "$(text_of client/cert.pem -ext extendedKeyUsage)" == *"TLS Web Client Authentication"* ]]
  openssl verify -x509_strict -purpose sslclient -CAfile "$made/client/ca.pem" "$made/client/cert.pem"
  cmp "$made/ca/cert.pem" "$made/client/ca.pem"
  cmp "$made/ca/cert.pem" "$made/server/ca.pem"
}

@test "T9: second start keeps the keys byte-identical; a client with the old certificate still connects" {
  copy_certificates
  start_with -v "$made/client:/old:ro"
  local key
  for key in ca server client; do cmp "$made/$key/key.pem" "$certs/$key/key.pem"; done
  run cmp -s "$made/server/cert.pem" "$certs/server/cert.pem"
  [ "$status" = 1 ]
  client /old version >/dev/null
  client /certs/client version >/dev/null
}

@test "H5: without a client's certificate nobody is served, and plain HTTP is not spoken" {
  copy_certificates
  start_with
  run docker exec "$dind" docker -H tcp://127.0.0.1:2376 --tls version
  [ "$status" -ne 0 ]
  run docker exec "$dind" docker -H tcp://127.0.0.1:2376 version
  [ "$status" -ne 0 ]
  [[ "$output" == *"HTTP request to an HTTPS server"* ]]
}

@test "H5: keys that cannot be written end it with 71" {
  mkdir "$certs"
  refuses 'TLS keys in /proc/nowhere' -e DOCKER_TLS_CERTDIR=/proc/nowhere
}

@test "a CA's key that others can write to is refused" {
  copy_certificates
  chmod 666 "$certs/ca/key.pem"
  refuses 'ca/key.pem must be owned by root or by this user'
}

@test "a client folder that is a link elsewhere is refused" {
  copy_certificates
  rm -r "$certs/client"
  ln -s /etc "$certs/client"
  refuses 'client'
}

@test "a name that is none is told" {
  copy_certificates
  refuses 'subjectAltName' -e DOCKER_TLS_SAN=IP:nonsense
}

@test "a stop while RSA keys are made ends it at once" {
  mkdir "$certs"
  run_dind "$dind" "$plain" -v "$certs:/certs" -e DIND_TLS_KEY=rsa4096
  local deadline=$((SECONDS + 20))
  until [ -d "$certs/ca" ]; do ((SECONDS < deadline)); done
  SECONDS=0
  docker stop -t 20 "$dind" >/dev/null
  [ "$SECONDS" -lt 10 ]
}

@test "the phase tls is in the report, after prepare and before probe" {
  copy_certificates
  start_with
  run status_of "$dind" '[.phases[].name] | map(select(. == "options" or . == "sockets" or . == "prepare" or . == "tls" or . == "probe")) | join(" ")'
  [ "$output" = "options sockets prepare tls probe" ]
}

@test "GitLab: a service with an alias, certificates in a shared volume, and a job that reaches it as docker" {
  local job=$dind-job address
  mkdir "$BATS_TEST_TMPDIR/client"
  chmod 1777 "$BATS_TEST_TMPDIR/client"
  docker rm -fv "$dind" >/dev/null 2>&1 || true
  docker run -d --name "$dind" --privileged -v "$BATS_TEST_TMPDIR/client:/certs/client" "$few" \
    dockerd-entrypoint.sh --label=from=gitlab >/dev/null
  wait_until "$dind" 60 dindctl ready
  address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' "$dind")
  # GitLab's runner waits for an exposed port first.
  timeout 10 bash -c "until : </dev/tcp/$address/2376; do sleep 0.1; done" 2>/dev/null
  run docker run --rm --name "$job" --add-host "docker:$address" -v "$BATS_TEST_TMPDIR/client:/certs/client:ro" \
    -e DOCKER_HOST=tcp://docker:2376 -e DOCKER_TLS_VERIFY=1 -e DOCKER_CERT_PATH=/certs/client --user 1000 \
    --entrypoint docker "$plain" run --rm --network none nasty/kinds:classic echo from the job
  [ "$status" = 0 ]
  [[ "$output" == *"from the job"* ]]
  run docker exec "$dind" docker info -f '{{.Labels}}'
  [ "$output" = "[from=gitlab]" ]
}
