#!/usr/bin/env bats
# The examples that are pods, run: by podman where it knows their fields, else by support/kubelet, which does in order
# what a kubelet does.

setup_file() {
  load support/load
  # What stands for the runner of GitHub: it does its job and ends.
  runner=dind-test-runner:$DIND_TEST_CELL
  docker build -q -t "$runner" - >/dev/null <<DOCKERFILE
FROM $plain
RUN mkdir -p /home/runner/externals \
  && printf '#!/bin/sh\nexec docker run --rm --network none nasty/kinds:classic echo hello\n' >/home/runner/run.sh \
  && chmod +x /home/runner/run.sh
ENTRYPOINT []
DOCKERFILE
  export runner
}

setup() {
  load support/load
  examples=$project/docker/examples
  pod=e2e-pod-$DIND_TEST_CELL
}

teardown() { docker ps -aq --filter "name=$pod" | xargs -r /usr/bin/docker rm -fv >/dev/null; }

teardown_file() {
  if [ ! -d "$BATS_FILE_TMPDIR/podman" ]; then return; fi
  load support/load
  podman pod rm -af >/dev/null
  umount "$BATS_FILE_TMPDIR/podman/overlay" 2>/dev/null || true
}

# What stands for the images of the manifests' registries, and for the image that the job wants.
play() { # MANIFEST [options]
  run "$e2e/support/kubelet" --image "registry.example.com/ci-dind:1=$few" --image "registry.example.com/dind-init:1=$plain" \
    --image "docker:29-cli=$runner" --image "ghcr.io/actions/actions-runner:latest=$runner" \
    --text "alpine:3.20=nasty/kinds:classic" "${@:2}" "$pod" "$examples/$1"
  echo "$output"
  [ "$status" = 0 ]
}

says_hello() { [[ "$output" == *hello* ]]; }

ends_with_0() { [[ "$output" == *"$pod-dind: exit code 0"* ]]; }

@test "kubernetes-sidecar/pod.yaml" {
  play kubernetes-sidecar/pod.yaml
  says_hello
  ends_with_0
}

@test "kubernetes-sidecar/pod-before-1.29.yaml" {
  play kubernetes-sidecar/pod-before-1.29.yaml
  says_hello
  ends_with_0
}

@test "kubernetes-job/job.yaml" {
  play kubernetes-job/job.yaml
  [[ "$output" == *built* ]]
  ends_with_0
}

@test "node-cache/pod-hostpath.yaml" {
  "$programs/dindctl" bake --progress none -o "$BATS_TEST_TMPDIR/cache" "$(archives_of 28 | head -n 1)"
  play node-cache/pod-hostpath.yaml --text "/srv/dind-cache/current=$BATS_TEST_TMPDIR/cache"
  says_hello
  ends_with_0
}

@test "node-cache/pod-image-volume.yaml" {
  play node-cache/pod-image-volume.yaml
  says_hello
  ends_with_0
}

@test "github-arc/values.yaml" {
  play github-arc/values.yaml
  says_hello
  ends_with_0
}

@test "tekton/task.yaml" {
  play tekton/task.yaml
  says_hello
  ends_with_0
}

@test "jenkins/pod.yaml, and the stage of its Jenkinsfile" {
  local step
  step=$(sed -n "s/^ *sh '\(.*\)'\$/\1/p" "$examples/jenkins/Jenkinsfile")
  play jenkins/pod.yaml --exec "docker=${step/alpine:3.20/nasty/kinds:classic}"
  says_hello
  ends_with_0
}

# Its own runtime, for hosts whose root lacks a capability that it asks for.
podman() {
  local runtime=runc
  if root_lacks_a_capability; then runtime=trim; fi
  printf '[engine]\nruntime = "%s"\n[engine.runtimes]\ntrim = ["%s"]\n' "$runtime" "$project/scripts/oci-runtime-trim" >"$BATS_FILE_TMPDIR/containers.conf"
  env -u DOCKER_CONFIG CONTAINERS_CONF="$BATS_FILE_TMPDIR/containers.conf" podman --root "$BATS_FILE_TMPDIR/podman" \
    --runroot "$BATS_FILE_TMPDIR/run" --storage-driver overlay "$@"
}

@test "kubernetes-sidecar/pod-before-1.29.yaml by podman kube play" {
  needs podman command -v podman
  local image
  for image in "$few=registry.example.com/ci-dind:1" "$runner=docker.io/library/docker:29-cli"; do
    docker save "${image%%=*}" | podman load -q
    podman tag "localhost/${image%%=*}" "${image#*=}"
  done
  sed "s|alpine:3.20|nasty/kinds:classic|" "$examples/kubernetes-sidecar/pod-before-1.29.yaml" >"$BATS_TEST_TMPDIR/pod.yaml"
  podman kube play --network none "$BATS_TEST_TMPDIR/pod.yaml"
  [ "$(podman wait job-with-docker-job)" = 0 ]
  run podman logs job-with-docker-job
  says_hello
  # The engine was told by a file, and ends by itself.
  [ "$(podman wait job-with-docker-dind)" = 0 ]
}
