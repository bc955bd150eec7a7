#!/bin/sh
# Checks that every file of lib and cmd includes only what its module may: modules
# further down, and the libraries that are its to wrap. Prints each violation as
# file:line: what, and fails if there is one.
#   scripts/check-layers.sh [ROOT]
set -eu

cd "${1:-$(dirname "$0")/..}"

# module: modules it may include, besides itself | third-party headers it may include
# A pattern behind "file=" holds for that file alone. <fmt/...> is for everybody.
table='
base:       | boost/json/.*
sys:        base | boost/filesystem/.* spawn.cpp=boost/process/.*
archive:    base sys | boost/filesystem/path.hpp bzlib.h lzma.h zlib.h zstd.h zstd_errors.h openssl/sha.h
tar_split:  base sys archive |
init:       base sys |
bolt:       base sys |
config:     base sys |
clone:      base sys |
host:       base sys | boost/filesystem/path.hpp
cache:      base sys archive tar_split | boost/filesystem/path.hpp
blobs:      base sys archive tar_split cache | boost/filesystem/path.hpp blob_server.cpp=fuse3/fuse_lowlevel.h
store:      base sys archive tar_split clone cache | boost/filesystem/path.hpp
containerd: base sys bolt archive tar_split cache store |
registry:   base sys archive tar_split cache blobs containerd | http_server.cpp=boost/(beast|asio|system)/.*
images:     base sys archive cache | boost/filesystem/path.hpp
bake:       base sys archive tar_split cache images | boost/filesystem/path.hpp
outer:      base sys archive cache images bake | boost/filesystem/path.hpp
report:     base sys host | boost/filesystem/path.hpp
daemon:     base sys config | boost/filesystem/path.hpp exchange.cpp=boost/(beast|asio|system)/.* certificates.cpp=openssl/.*
seed:       base sys archive tar_split config clone cache host store containerd | boost/filesystem/path.hpp
supervise:  base sys init config host cache blobs registry report store daemon seed | boost/filesystem/path.hpp
boot:       base sys init config host cache blobs store containerd report daemon seed supervise | boost/filesystem/path.hpp
dind-init:  base boot |
dindctl:    base sys archive config cache registry host store images bake outer report daemon seed boot | boost/filesystem/path.hpp CLI/.*
'

# shellcheck disable=SC2016 # the $0 is awk's
find lib cmd -type f \( -name '*.cpp' -o -name '*.hpp' \) | LC_ALL=C sort |
  xargs awk -v table="$table" '
BEGIN {
  rows = split(table, row, "\n")
  for (r = 1; r <= rows; ++r) {
    if (row[r] !~ /:/) continue
    module = row[r]; sub(/:.*/, "", module)
    is_module[module] = 1
    below = row[r]; sub(/^[^:]*:/, "", below); sub(/\|.*/, "", below)
    n = split(below, word, " ")
    for (i = 1; i <= n; ++i) may_use[module, word[i]] = 1
    libraries[module] = row[r]; sub(/^[^|]*\|/, "", libraries[module])
  }
}
function report(what) {
  printf "%s:%d: %s\n", FILENAME, FNR, what
  failed = 1
}
function may_wrap(module, file, header,    n, i, word, at) {
  n = split(libraries[module] " fmt/.*", word, " ")
  for (i = 1; i <= n; ++i) {
    at = index(word[i], "=")
    if (at > 0 && substr(word[i], 1, at - 1) != file) continue
    if (header ~ ("^(" substr(word[i], at + 1) ")$")) return 1
  }
  return 0
}
# The C library, the kernel and the C++ library. Our own headers end in .hpp, so
# <sys/stat.h> is theirs and <sys/file.hpp> ours.
function is_system(header) {
  if (header ~ /^(bzlib|lzma|zlib|zconf|zstd|zdict|zstd_errors)\.h$/) return 0
  return header ~ /^[a-z0-9_]+(\.h)?$/ ||
         header ~ /^(sys|linux|asm|asm-generic|net|netinet|arpa|bits)\/.*\.h$/
}
/^[ \t]*#[ \t]*include/ {
  n = split(FILENAME, part, "/")
  own = part[2]
  file = part[n]
  if (!(own in is_module)) {
    report("module " own " is not in the table of check-layers.sh")
    next
  }
  header = $0
  sub(/^[ \t]*#[ \t]*include[ \t]*/, "", header)
  if (header ~ /^"/) {
    if (part[1] != "cmd") report("a quoted include: write <module/file.hpp>")
    next
  }
  if (header !~ /^<[^>]+>/) {
    report("an include that is no plain name")
    next
  }
  sub(/^</, "", header); sub(/>.*/, "", header)
  if (is_system(header)) next
  top = header; sub(/\/.*/, "", top)
  if (top in is_module && header ~ /\.hpp$/) {
    if (top != own && !((own, top) in may_use)) report(own " may not include " top ": <" header ">")
  } else if (!may_wrap(own, file, header)) {
    report(own " may not include <" header ">")
  }
}
END { exit failed }
' || exit 1 # xargs has a code of its own for it
