#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace dind::archive {

enum class EntryType {
  file,
  hard_link,
  symlink,
  char_device,
  block_device,
  directory,
  fifo,
  global_header, // PAX 'g': applies to nothing, but tar-split keeps an entry for it
};

// The data of a sparse file: bytes [offset, offset + size) are in the archive, the rest is zeros.
struct Extent {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

struct Xattr {
  std::string name; // "security.capability"
  std::string value;
};

// One member of a tar, with its PAX and GNU extensions applied as Go's
// archive/tar does, which is what engines read layers with.
struct TarEntry {
  std::string name; // as the archive spells it: "./etc/", raw bytes
  EntryType type = EntryType::file;
  std::uint32_t mode = 0; // permission bits, setuid, setgid, sticky
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  // Of the content; of a sparse file, with its holes. 0 for what has no content,
  // whatever its header says.
  std::uint64_t size = 0;
  std::int64_t mtime = 0; // seconds since the epoch, as the header says it; see `layer_time`
  std::uint32_t mtime_ns = 0;
  std::string link_name; // target of a symlink, or the name a hard link leads to
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::vector<Xattr> xattrs; // PAX SCHILY.xattr.*, sorted by name
  bool sparse = false;
  std::vector<Extent> extents; // if sparse
  // The data is no file's content as it stands, so that tar-split must keep it
  // among the raw bytes: that of a sparse file, and that of a whiteout (".wh.…"),
  // which should have none.
  bool raw = false;
};

} // namespace dind::archive
