# Dinds in dinds. Needs world.bash, dind.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154  # from world.bash

# An image in which another dind image is baked.
make_nesting() { # IMAGE INNER: INNER is an image of the private engine
  local key context
  key=$(key_of "$(docker image inspect -f '{{.Id}}' "$2")")
  if is_made_from "$1" "$key"; then return; fi
  context=$(mktemp -d)
  docker save -o "$context/inner.tar" "$2"
  bake_into_plain "$1" "$key" "$context"
  rm -r "$context"
}

# From here on `docker` is the engine in a container of IMAGE, which is started once a file. What is mounted has the
# same path in every dind, so that the next one can mount it again; /tmp is each dind's own.
enter_dind() { # IMAGE [docker run options]
  local name=e2e-around-${1//[:\/]/-} shared=$world/shared socket
  mkdir -p "$shared"
  socket=$shared/$(printf '%s' "$1 in $DOCKER_HOST" | sha256sum | cut -c1-16).sock
  docker container inspect "$name" >/dev/null 2>&1 ||
    start_dind "$name" "$1" -v "$shared:$shared" -v "$treelist:$treelist:ro" "${@:2}" -- \
      --host=unix:///var/run/docker.sock --host="unix://$socket"
  export DOCKER_HOST=unix://$socket
}

leave_dind() { docker rm -fv "e2e-around-${1//[:\/]/-}" >/dev/null 2>&1 || true; }
