#include <archive/member_maker.hpp>

#include <archive/layer_rules.hpp>
#include <base/utf8.hpp>
#include <sys/written.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace dind::archive {
namespace {

constexpr mode_t kImpliedMode = 0755;

// The error of the system call that has just failed on `path`.
Error failure(std::string_view doing, const std::string& path) {
  const int code = errno;
  return Error(fmt::format("{} {}", doing, printable(path)), code);
}

Result<void> set_mode(const Place& place, const TarEntry& entry) {
  // Follows symlinks, but this is none: it has just been made.
  if (::fchmodat(place.parent->get(), place.name.c_str(), entry.mode, 0) == -1) {
    return failure("set mode of", place.path);
  }
  return {};
}

class FileSink final : public PayloadSink {
public:
  FileSink(const Fd& fd, const std::string& path) : fd_(fd), path_(path) {}

  Result<void> data(std::uint64_t offset, std::span<const std::byte> bytes) override {
    auto written = sys::write_all_at(fd_, bytes, offset);
    if (!written) {
      return Error("write " + printable(path_), written.error().code());
    }
    return {};
  }

private:
  const Fd& fd_;
  const std::string& path_;
};

} // namespace

Result<void> MemberMaker::directory(const Place& place, const TarEntry& entry, Exists exists) {
  if (exists == Exists::no && ::mkdirat(place.parent->get(), place.name.c_str(), S_IRWXU) == -1) {
    return failure("make directory", place.path);
  }
  if (exists == Exists::no) {
    sys::count_made();
  }
  TRY(set_owner_and_xattrs(place, entry));
  return set_mode(place, entry);
}

Result<void> MemberMaker::implied_directory(const Place& place) {
  if (::mkdirat(place.parent->get(), place.name.c_str(), kImpliedMode) == -1) {
    return failure("make directory", place.path);
  }
  sys::count_made();
  const struct stat made = TRY(sys::stat_at(place.at()));
  if (::geteuid() == 0 && (made.st_uid != 0 || made.st_gid != 0)) {
    TRY(sys::set_owner_at(place.at(), 0, 0));
  }
  // Again, because of the umask.
  return sys::set_mode_at(place.at(), kImpliedMode | (made.st_mode & S_ISGID));
}

Result<void> MemberMaker::file(const Place& place, const TarEntry& entry, TarReader& reader) {
  auto created = sys::open_at(place.at(), O_WRONLY | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
  if (!created) {
    return Error("make " + printable(place.path), created.error().code());
  }
  const Fd fd = std::move(created).value();
  if (entry.size != 0) {
    FileSink sink(fd, place.path);
    TRY(reader.read_payload(sink));
  }
  // A hole at the end has no data that would make the file long enough.
  if (entry.sparse && ::ftruncate(fd.get(), static_cast<off_t>(entry.size)) == -1) {
    return failure("set size of", place.path);
  }
  // After a power cut the next boot could not tell lost data from a hole.
  if (entry.sparse && ::fdatasync(fd.get()) == -1) {
    return failure("flush", place.path);
  }
  if (::fchown(fd.get(), entry.uid, entry.gid) == -1) {
    return failure("set owner of", place.path);
  }
  TRY(set_xattrs(place, entry));
  if (::fchmod(fd.get(), entry.mode) == -1) {
    return failure("set mode of", place.path);
  }
  const timespec time = layer_time(entry);
  const std::array<timespec, 2> times = {time, time};
  if (::futimens(fd.get(), times.data()) == -1) {
    return failure("set times of", place.path);
  }
  return {};
}

Result<void> MemberMaker::symlink(const Place& place, const TarEntry& entry) {
  if (::symlinkat(entry.link_name.c_str(), place.parent->get(), place.name.c_str()) == -1) {
    return failure("make symlink", place.path);
  }
  sys::count_made();
  TRY(set_owner_and_xattrs(place, entry));
  return set_time(place, layer_time(entry));
}

Result<void> MemberMaker::hard_link(const Place& place, const TarEntry& entry, const Place& target,
                                    Target kind) {
  if (::linkat(target.parent->get(), target.name.c_str(), place.parent->get(), place.name.c_str(),
               0) == -1) {
    return errno == EMLINK // of ext4 at 65,000, where no engine makes the layer
               ? input_error("{}: its file has as many names as this filesystem takes", place.path)
               : failure("make hard link", place.path);
  }
  TRY(set_owner_and_xattrs(place, entry));
  if (kind == Target::symlink) {
    return {}; // moby leaves mode and times of a linked symlink alone
  }
  TRY(set_mode(place, entry));
  return set_time(place, layer_time(entry));
}

Result<void> MemberMaker::set_time(const Place& place, timespec time) {
  const std::array<timespec, 2> times = {time, time};
  if (::utimensat(place.parent->get(), place.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) ==
      -1) {
    return failure("set times of", place.path);
  }
  return {};
}

Result<void> MemberMaker::set_owner_and_xattrs(const Place& place, const TarEntry& entry) {
  if (::fchownat(place.parent->get(), place.name.c_str(), entry.uid, entry.gid,
                 AT_SYMLINK_NOFOLLOW) == -1) {
    return failure("set owner of", place.path);
  }
  return set_xattrs(place, entry);
}

Result<void> MemberMaker::set_xattrs(const Place& place, const TarEntry& entry) {
  for (const Xattr& xattr : entry.xattrs) {
    TRY(set_xattr_(place.at(), place.path, xattr));
  }
  return {};
}

} // namespace dind::archive
