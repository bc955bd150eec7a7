# Dinds in dinds. Needs world.bash, dind.bash.
# shellcheck shell=bash
# shellcheck disable=SC2154  # from world.bash

# An image in which another dind image is baked.
make_nesting() { # IMAGE INNER: INNER is an image of the private engine
  local key context
  key=$(key_of "$2 $(docker image inspect -f '{{.Id}}' "$2")")
  if is_made_from "$1" "$key"; then return; fi
  context=$(mktemp -d)
  docker save -o "$context/inner.tar" "$2"
  bake_into_plain "$1" "$key" "$context"
  rm -r "$context"
}

# From here on `docker` is the engine in a container of IMAGE, which is started once a file. What is below
# $world/shared has the same path in every dind; /tmp is each one's own.
enter_dind() { # IMAGE
  local name shared=$world/shared socket runtime=()
  name=$(name_around "$1")
  mkdir -p "$shared"
  socket=$shared/$(printf '%s' "$1 in $DOCKER_HOST" | sha256sum | cut -c1-16).sock
  if ! docker container inspect "$name" >/dev/null 2>&1; then
    if [ "$DIND_TEST_CELL" = 20 ] && root_lacks_a_capability; then
      mapfile -t runtime < <(runtime_options "$shared/runtime")
    fi
    start_dind "$name" "$1" -v "$shared:$shared" -v "$treelist:$treelist:ro" -- \
      --host=unix:///var/run/docker.sock --host="unix://$socket" "${runtime[@]}"
  fi
  export DOCKER_HOST=unix://$socket
}

# 20.10 asks for every capability of the kernel in a container, too, where later engines ask for those that they have:
# its containers run under oci-runtime-trim, as those of the engine around it.
runtime_options() { # DIRECTORY
  mkdir -p "$1"
  cp --remove-destination "$project/scripts/oci-runtime-trim" "$1/"
  printf '%s\n' --add-runtime "trim=$1/oci-runtime-trim" --default-runtime=trim
}

name_around() { echo "e2e-around-${1//[:\/]/-}"; } # IMAGE

# Enters a dind in which the image of the matrix is baked, or one in another.
enter_nested() { # 1 | 2
  local nesting=dind-test-nesting:$DIND_TEST_CELL twice=dind-test-nesting-twice:$DIND_TEST_CELL
  make_nesting "$nesting" "$few"
  if [ "$1" = 2 ]; then
    make_nesting "$twice" "$nesting"
    enter_dind "$twice"
  fi
  enter_dind "$nesting"
}

leave_nested() {
  docker rm -fv "$(name_around "dind-test-nesting:$DIND_TEST_CELL")" "$(name_around "dind-test-nesting-twice:$DIND_TEST_CELL")" \
    >/dev/null 2>&1 || true
}
