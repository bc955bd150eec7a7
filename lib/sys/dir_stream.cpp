#include <sys/dir_stream.hpp>

#include <dirent.h>

#include <string_view>

namespace dind::sys {

Result<const DirEntry*> DirStream::next() {
  for (;;) {
    if (used_ == filled_) {
      const ssize_t got = ::getdents64(dir_.get(), chunk_.data(), chunk_.size());
      if (got == -1) {
        return errno_error("read directory");
      }
      if (got == 0) {
        return static_cast<const DirEntry*>(nullptr);
      }
      used_ = 0;
      filled_ = static_cast<std::size_t>(got);
    }
    // The kernel aligns each record for this.
    const auto* record = reinterpret_cast<const dirent64*>(&chunk_[used_]);
    used_ += record->d_reclen;
    const std::string_view name = record->d_name;
    if (name != "." && name != "..") {
      entry_.name = name;
      entry_.type = record->d_type;
      return &entry_;
    }
  }
}

} // namespace dind::sys
