#!/usr/bin/env bash
# Makes a docker-in-docker image with your images in it and pushes it: fetch, image, push. Can be run again at any
# time: what is there already is not fetched again, and layers that have not changed are neither made nor pushed again.
#
#   create.sh [--dry-run] [--no-push] [--work DIR] CONFIG
#   create.sh --help
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

help() {
  cat <<'HELP'
create.sh [--dry-run] [--no-push] [--work DIR] CONFIG

  --dry-run   prints what would be done, and does nothing
  --no-push   makes the image and leaves it in the work directory
  --work DIR  where fetched images and the result are kept between runs (./dind-work); made if missing. It belongs to
              one CONFIG and one run at a time: what CONFIG names no more is removed when all has been done

CONFIG is a text file. One setting a line; # begins a comment:

  base      docker:29-dind                         the image that gets the images
  target    registry.example.com/ci/dind           where the result is pushed, without a tag
  tag       2026-11-26                             a tag of the result; may be repeated; default: latest
  image     alpine:3.20                            an image to bake; may be repeated; name@sha256:… pins it
  copy      acme/builder:1.4                       baked too, but copied at boot, never borrowed
  build     app src/app                            builds what is in that directory by docker buildx, and bakes its
                                                   build cache, which DIND_REGISTRY serves as cache/app; may be repeated
  platform  linux/amd64                            default: this machine's
  with      skopeo                                 or docker: who fetches; default: skopeo if it is there
  login     registry.example.com robot REGISTRY_PASSWORD
                                                   registry, user, and the NAME of the variable with the password
  insecure  127.0.0.1:5000                         a registry without TLS

Passwords are read from the environment, handed to the client by standard input, and kept in a file of the
run's own temporary directory, which is removed at its end. They are in no argument, log or image. Without a
`login` the client uses what `docker login` or `skopeo login` of this user left.

An example, a nightly job:

  echo 'base docker:29-dind
  target registry.example.com/ci/dind
  tag nightly
  login registry.example.com robot REGISTRY_PASSWORD
  image alpine:3.20
  image node:22' > ci.conf
  REGISTRY_PASSWORD=… scripts/create.sh ci.conf

What it does for it, step by step:

  1. skopeo inspect --raw docker://alpine:3.20     asks for the digest; a digest that is here already ends the step
  2. skopeo copy docker://alpine@sha256:… oci:WORK/images/…
  3. dindctl image --base oci:WORK/images/… --reuse oci:WORK/result -o oci:WORK/result.partial:nightly …
     and result.partial becomes result
  4. skopeo copy oci:WORK/result:nightly docker://registry.example.com/ci/dind:nightly

With `build app src/app`, before step 3:

  docker buildx build --cache-to type=local,mode=max,dest=WORK/builds/app.partial --output type=cacheonly src/app
  and app.partial becomes app; the next run has --cache-from type=local,src=WORK/builds/app

Needs dindctl (in PATH, in build/release/bin, or named by DINDCTL), skopeo for the push, and for `build` a builder that
can export a cache: of docker's containerd image store, or one that `docker buildx create --use` made.
Exit codes: 0 done; 1 a step failed, and its name is printed; 64 a mistake in the arguments or in CONFIG.
HELP
}

# see_help WORD CANDIDATE...: where to read on, and the first candidate that is WORD but for a letter too many, too few
# or wrong, or two that changed places.
see_help() {
  local word=$1 candidate i
  shift
  for candidate in "$@"; do
    for ((i = 0; i <= ${#candidate}; i++)); do
      local before=${candidate:0:i} after=${candidate:i}
      case "$word" in
        "$before"?"$after" | "$before${after:1}" | "$before"?"${after:1}" | "$before${after:1:1}${after:0:1}${after:2}")
          echo ": is $candidate meant? See --help"
          return
          ;;
      esac
    done
  done
  echo "; see --help"
}

usage_error() {
  echo "create.sh: $*" >&2
  exit 64
}

say() { echo "create.sh: $*" >&2; }

dry_run="" push=1 work=$PWD/dind-work config=""
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) help; exit 0 ;;
    --dry-run) dry_run=1 ;;
    --no-push) push="" ;;
    --work) [ $# -gt 1 ] || usage_error "--work needs a directory"; work=$2; shift ;;
    -*) usage_error "unknown option $1$(see_help "$1" --dry-run --no-push --work --help)" ;;
    *) [ -z "$config" ] || usage_error "one CONFIG only; see --help"; config=$1 ;;
  esac
  shift
done
[ -n "$config" ] || usage_error "no CONFIG; see --help"
[ -r "$config" ] || usage_error "cannot read $config"

base="" target="" platform="" with="" tags=() images=() copies=() builds=() logins=() insecure=()

# The grammar of references, as registries have it.
part='[a-z0-9]+([._-]+[a-z0-9]+)*'
target_pattern="^((\\[[0-9A-Fa-f:]+\\]|[A-Za-z0-9.-]+)(:[0-9]+)?/)?$part(/$part)*\$"
name_pattern="^$part(/$part)*\$"
tag_pattern='^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$'
platform_pattern='^linux/[a-z0-9_]+(/[a-z0-9.]+)?$'

read_config() {
  local line=0 key value rest
  while read -r key value rest || [ -n "$key" ]; do
    line=$((line + 1))
    case "$key" in '' | '#'*) continue ;; esac
    rest=${rest%%#*}
    [ -n "$value" ] || usage_error "$config:$line: $key needs a value"
    if [ "$key" != login ] && [ "$key" != build ] && [ -n "${rest// /}" ]; then usage_error "$config:$line: more than one value for $key"; fi
    case "$key" in
      base) base=$value ;;
      target)
        [[ $value =~ $target_pattern ]] || usage_error "$config:$line: target $value: a name without a tag, such as registry.example.com/ci/dind"
        target=$value
        ;;
      tag)
        [[ $value =~ $tag_pattern ]] || usage_error "$config:$line: tag $value: no tag, such as nightly"
        tags+=("$value")
        ;;
      image) images+=("$value") ;;
      copy) images+=("$value"); copies+=("$value") ;;
      build)
        [[ $value =~ $name_pattern ]] || usage_error "$config:$line: build $value: no name, such as app or team/app"
        # shellcheck disable=SC2086  # one word
        set -- $rest
        [ $# -eq 1 ] || usage_error "$config:$line: build NAME DIRECTORY"
        [ -d "$1" ] || usage_error "$config:$line: build $value $1: no such directory"
        builds+=("$value $1")
        ;;
      platform)
        [[ $value =~ $platform_pattern ]] || usage_error "$config:$line: platform $value: linux/ARCHITECTURE[/VARIANT]"
        platform=$value
        ;;
      with) with=$value ;;
      insecure) insecure+=("$value") ;;
      login)
        # shellcheck disable=SC2086  # user and variable are two words
        set -- $rest
        [ $# -eq 2 ] || usage_error "$config:$line: login REGISTRY USER VARIABLE"
        logins+=("$value $1 $2")
        ;;
      *) usage_error "$config:$line: unknown setting $key$(see_help "$key" base target tag image copy build platform with login insecure)" ;;
    esac
  done < <(tr -d '\r' <"$config") # lines may end as on Windows
  [ -n "$base" ] || usage_error "$config: no base"
  [ ${#images[@]} -gt 0 ] || usage_error "$config: no image"
  if [ -n "$push" ] && [ -z "$target" ]; then usage_error "$config: no target; or --no-push"; fi
  if [ ${#tags[@]} -eq 0 ]; then tags=(latest); fi
  if [ -z "$with" ]; then if command -v skopeo >/dev/null; then with=skopeo; else with=docker; fi; fi
  case "$with" in skopeo | docker) ;; *) usage_error "$config: with $with: skopeo or docker" ;; esac
}

needs_skopeo() { [ "$with" = skopeo ] || [ -n "$push" ]; }

find_programs() {
  command -v "$with" >/dev/null || usage_error "needs $with to fetch, and it is not in PATH"
  if [ ${#builds[@]} -gt 0 ] && ! command -v docker >/dev/null; then usage_error "needs docker to build, and it is not in PATH"; fi
  if needs_skopeo && ! command -v skopeo >/dev/null; then usage_error "needs skopeo to push, and it is not in PATH; or --no-push"; fi
  dindctl=${DINDCTL:-$(command -v dindctl || echo "$here/../build/release/bin/dindctl")}
  if [ -z "$dry_run" ] && [ ! -x "$dindctl" ]; then usage_error "no dindctl: name it by DINDCTL"; fi
}

# Runs a step, or prints it. Arguments never hold a secret.
run() {
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@"
    echo
    return
  fi
  "$@" || { say "failed: $*"; exit 1; }
}

# The registry of a reference, as docker reads it.
registry_of() {
  local first=${1%%/*}
  if [ "$first" = "$1" ] || [[ $first != *[.:]* && $first != localhost ]]; then echo docker.io; else echo "$first"; fi
}

tls_of() { # REFERENCE OPTION: OPTION=false for a registry without TLS
  local registry each
  registry=$(registry_of "$1")
  for each in "${insecure[@]}"; do if [ "$each" = "$registry" ]; then echo "$2=false"; fi; done
}

# skopeo wants a tag to be written.
full_name() { if [[ ${1##*/} == *[:@]* ]]; then echo "$1"; else echo "$1:latest"; fi; }

log_in() {
  local login registry user variable
  for login in "${logins[@]}"; do
    read -r registry user variable <<<"$login"
    if [ -n "$dry_run" ]; then echo "$with login $registry as $user with the password in \$$variable"; continue; fi
    [ -n "${!variable-}" ] || usage_error "$config: login $registry: the variable $variable is empty"
    if [ "$with" = docker ]; then
      printf %s "${!variable}" | docker --config "$secrets" login -u "$user" --password-stdin "$registry" >/dev/null 2>"$secrets/log" ||
        { cat "$secrets/log" >&2; say "failed: login to $registry as $user"; exit 1; }
    fi
    # The push is skopeo's in any case; both read the same kind of file.
    if ! needs_skopeo; then continue; fi
    # shellcheck disable=SC2046  # no word, or one
    printf %s "${!variable}" | skopeo login --authfile "$secrets/config.json" $(tls_of "$registry/x" --tls-verify) \
      -u "$user" --password-stdin "$registry" >/dev/null || { say "failed: login to $registry as $user"; exit 1; }
  done
}

auth_options() { if [ ${#logins[@]} -gt 0 ]; then echo "--authfile $secrets/config.json"; fi; }

# Fetches an image as an OCI layout, unless the layout of its digest is here; prints the source for dindctl. A
# tag may have moved, so the registry is asked for its digest each time. The source names that digest, too: the
# layout has another where the registry's is an index or of docker's own format.
fetch() { # REFERENCE
  local reference digest directory architecture variant options=()
  reference=$(full_name "$1")
  if [ "$with" = docker ]; then
    run docker --config "$secrets" pull -q ${platform:+--platform "$platform"} "$reference" >&2
    echo "docker-daemon:$reference"
    return
  fi
  if [ -n "$platform" ]; then
    IFS=/ read -r _ architecture variant <<<"$platform"
    options=(--override-os linux --override-arch "$architecture" ${variant:+--override-variant "$variant"})
  fi
  if [[ $reference == *@sha256:* ]]; then
    digest=${reference#*@}
  elif [ -n "$dry_run" ]; then
    run skopeo inspect --raw "docker://$reference" >&2
    digest=sha256:…
  else
    # shellcheck disable=SC2046  # options, or none
    digest=sha256:$(skopeo inspect --raw $(auth_options) $(tls_of "$reference" --tls-verify) "docker://$reference" | sha256sum | cut -d' ' -f1) ||
      { say "failed: ask for the digest of $reference"; exit 1; }
  fi
  directory=$work/images/${digest#sha256:}${platform:+-${platform//\//-}}
  if [ -d "$directory" ]; then
    say "$reference is here"
  else
    say "fetching $reference"
    # shellcheck disable=SC2046
    run skopeo "${options[@]}" copy -q --retry-times 3 $(auth_options) $(tls_of "$reference" --src-tls-verify) \
      "docker://$(without_tag "$reference")@$digest" "oci:$directory.partial" >&2
    if [ -z "$dry_run" ]; then mv "$directory.partial" "$directory"; fi
  fi
  echo "images/${directory##*/}" >>"$secrets/used"
  echo "oci:$directory:${reference%%@*}@$digest"
}

# Builds what is in a directory; prints what dindctl bakes of it. The cache of an earlier run is not added to, so that
# nothing stays there of its steps that are gone.
build() { # NAME DIRECTORY
  local cache=$work/builds/${1//\//+} docker=(docker) options=()
  # The logins are this run's, the builders stay the user's.
  if [ ${#logins[@]} -gt 0 ]; then
    docker=(env BUILDX_CONFIG="${BUILDX_CONFIG:-${DOCKER_CONFIG:-$HOME/.docker}/buildx}" docker --config "$secrets")
  fi
  if [ -n "$platform" ]; then options=(--platform "$platform"); fi
  if [ -d "$cache" ]; then options+=(--cache-from "type=local,src=$cache"); fi
  say "building $2"
  run "${docker[@]}" buildx build "${options[@]}" --cache-to "type=local,mode=max,dest=$cache.partial" \
    --output type=cacheonly "$2" >&2
  if [ -z "$dry_run" ]; then
    rm -rf "$cache"
    mv "$cache.partial" "$cache"
  fi
  echo "builds/${cache##*/}" >>"$secrets/used"
  echo "$1=$cache"
}

# "a.b:5000/c:1" and "a.b:5000/c@sha256:…" are "a.b:5000/c".
without_tag() {
  local name=${1%%@*}
  if [[ ${name##*/} == *:* ]]; then name=${name%:*}; fi
  echo "$name"
}

# The image is made into a layout of its own, so that nothing stays there of earlier runs.
make_image() {
  local sources=() image copy each tag arguments=() earlier=$work/result
  arguments=(--base "$(fetch "$base")")
  for image in "${images[@]}"; do sources+=("$(fetch "$image")"); done
  for copy in "${copies[@]}"; do arguments+=(--copy "$copy"); done
  # shellcheck disable=SC2086  # the name, and the directory
  for each in "${builds[@]}"; do arguments+=(--build-cache "$(build $each)"); done
  if [ -n "$platform" ]; then arguments+=(--platform "$platform"); fi
  for tag in "${tags[@]}"; do
    say "making ${target:-the image}:$tag"
    if [ -d "$earlier" ]; then
      run "$dindctl" image "${arguments[@]}" --reuse "oci:$earlier" -o "oci:$work/result.partial:$tag" "${sources[@]}" >&2
    else
      run "$dindctl" image "${arguments[@]}" -o "oci:$work/result.partial:$tag" "${sources[@]}" >&2
    fi
    # Only the first of several tags is work; the others are the same image.
    earlier=$work/result.partial
  done
  if [ -z "$dry_run" ]; then
    rm -rf "$work/result"
    mv "$work/result.partial" "$work/result"
  fi
}

# Images that an earlier run fetched, and caches that it built, that this one had no use for.
remove_unused() {
  local directory name
  for directory in "$work"/images/* "$work"/builds/*; do
    name=${directory#"$work"/}
    if [[ $name =~ ^(images/[0-9a-f]{64}|builds/[a-z0-9]) ]] && ! grep -qxF -e "$name" "$secrets/used"; then rm -rf "$directory"; fi
  done
}

push_image() {
  local tag
  for tag in "${tags[@]}"; do
    say "pushing $target:$tag"
    # shellcheck disable=SC2046
    run skopeo copy -q --retry-times 3 $(auth_options) $(tls_of "$target" --dest-tls-verify) \
      "oci:$work/result:$tag" "docker://$target:$tag"
  done
}

read_config
find_programs
# Logins of this run; those of the user are used where there are none.
secrets=$(mktemp -d)
trap 'rm -rf "$secrets"' EXIT
chmod 700 "$secrets"
touch "$secrets/used"
if [ "$with" = docker ] && [ ${#logins[@]} -eq 0 ]; then cp "${DOCKER_CONFIG:-$HOME/.docker}/config.json" "$secrets/" 2>/dev/null || true; fi
if [ -z "$dry_run" ]; then
  mkdir -p "$work/images" "$work/builds"
  rm -rf "$work"/images/*.partial "$work"/builds/*.partial "$work/result.partial" # of a run that was interrupted
fi
log_in
make_image
if [ -n "$push" ]; then push_image; fi
if [ -n "$dry_run" ]; then
  say "nothing was done"
else
  remove_unused
  say "done: $work/result"
fi
