#include <clone/file_cloner.hpp>

#include <dirent.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <utility>

namespace dind::clone {
namespace {

// setuid and its like wait for the owner.
constexpr mode_t kBasicBits = 0777;

// From here on a file is worth another thread.
constexpr off_t kLarge = 1 << 20;

// Makes a name, in the place of what has it. Asking first would cost every name a call.
template <typename Make>
auto replace(sys::At at, Make make) -> decltype(make()) {
  auto made = make();
  if (made || !made.error().is(std::errc::file_exists)) {
    return made;
  }
  TRY(sys::remove_tree_at(at));
  return make();
}

Result<void> share_extents(const Fd& from, const Fd& to) {
  if (::ioctl(to.get(), FICLONE, from.get()) == -1) {
    return errno_error("reflink");
  }
  return {};
}

} // namespace

struct FileCloner::OpenFile {
  Fd from;
  Fd to;
  struct stat status {};
  Birth birth;
};

Result<void> FileCloner::clone(const CloneSite& site, const sys::DirEntry& entry) {
  if (method_ == CloneMethod::hardlink) {
    return link(site, entry);
  }
  return remake(site, entry);
}

Result<void> FileCloner::link(const CloneSite& site, const sys::DirEntry& entry) {
  const sys::At from{site.pair.from, entry.name};
  const sys::At to{site.pair.to, entry.name};
  auto linked = replace(to, [&] { return sys::link_at(from, to); });
  if (!linked && linked.error().is(std::errc::too_many_links)) {
    return remake(site, entry);
  }
  if (linked && entry.type == DT_REG) {
    ++progress_.files;
  }
  return linked;
}

Result<void> FileCloner::remake(const CloneSite& site, const sys::DirEntry& entry) {
  return entry.type == DT_REG ? remake_file(site, entry.name) : remake_node(site, entry.name);
}

// What has one name is made; what has several is made for its first name.
Result<bool> FileCloner::make_or_link(const CloneSite& site, const std::string& name,
                                      const struct stat& status,
                                      const std::function<Result<void>()>& make) {
  if (status.st_nlink == 1) {
    TRY(make());
    return true;
  }
  return groups_.add(status, {site.dir, name}, make, [&](const LinkGroups::Name& first) {
    return link_to_first(site, name, first);
  });
}

Result<void> FileCloner::link_to_first(const CloneSite& site, const std::string& name,
                                       const LinkGroups::Name& first) {
  const sys::At to{site.pair.to, name};
  const auto link_from = [&](const Fd& dir) {
    return replace(to, [&] { return sys::link_at({dir, first.name}, to); });
  };
  if (first.dir == site.dir) {
    return link_from(site.pair.to);
  }
  const Fd dir = TRY(open_place(to_root_, *first.dir));
  return link_from(dir);
}

Result<void> FileCloner::remake_file(const CloneSite& site, const std::string& name) {
  const auto file = std::make_shared<OpenFile>();
  file->birth = site.birth;
  // Were it no longer a file but a fifo, opening it must not wait for a writer.
  file->from = TRY(open_source_at({site.pair.from, name}, O_NONBLOCK));
  file->status = TRY(sys::stat_of(file->from));
  if (!S_ISREG(file->status.st_mode)) {
    return input_error("changed while it was cloned");
  }
  const sys::At to{site.pair.to, name};
  const mode_t mode = file->status.st_mode & kBasicBits; // so that it need not be set
  const auto make = [&]() -> Result<void> {
    file->to =
        TRY(replace(to, [&] { return sys::open_at(to, O_WRONLY | O_CREAT | O_EXCL, mode); }));
    ++progress_.inodes;
    return {};
  };
  const bool made = TRY(make_or_link(site, name, file->status, make));
  if (!made) {
    ++progress_.files;
    return {};
  }
  if (may_hand_over(file->status)) {
    hand_over(file, site, name);
    return {};
  }
  return fill(*file);
}

bool FileCloner::may_hand_over(const struct stat& status) {
  if (method_ == CloneMethod::reflink || status.st_size < kLarge) {
    return false;
  }
  if (handed_over_++ < spare_) {
    return true;
  }
  --handed_over_;
  return false;
}

void FileCloner::hand_over(std::shared_ptr<OpenFile> file, const CloneSite& site,
                           const std::string& name) {
  work_.push([this, file = std::move(file), dir = site.dir, name]() -> Result<void> {
    auto filled = fill(*file);
    --handed_over_;
    return filled ? std::move(filled) : std::move(filled).within(dir->path_of(name));
  });
}

Result<void> FileCloner::fill(const OpenFile& file) {
  if (file.status.st_size > 0) {
    TRY(fill_data(file));
  }
  TRY(copy_metadata(file.from, file.to, file.status, file.birth));
  ++progress_.files;
  progress_.bytes += static_cast<std::uint64_t>(file.status.st_size);
  return {};
}

Result<void> FileCloner::fill_data(const OpenFile& file) {
  if (method_ == CloneMethod::reflink) {
    return share_extents(file.from, file.to);
  }
  return data_.copy(file.from, file.to, file.status, [this](std::uint64_t bytes) {
    progress_.written += bytes;
    return !work_.stopping();
  });
}

Result<void> FileCloner::remake_node(const CloneSite& site, const std::string& name) {
  const sys::At from{site.pair.from, name};
  const sys::At to{site.pair.to, name};
  const struct stat status = TRY(sys::stat_at(from));
  if (S_ISREG(status.st_mode)) {
    return remake_file(site, name); // its directory did not say what it is
  }
  const auto make = [&]() -> Result<void> {
    if (S_ISLNK(status.st_mode)) {
      const std::string target = TRY(sys::read_link_at(from));
      progress_.bytes += target.size();
      TRY(replace(to, [&] { return sys::symlink_at(target, to); }));
    } else {
      const mode_t type = status.st_mode & S_IFMT;
      TRY(replace(to, [&] { return sys::make_node_at(to, type | 0600, status.st_rdev); }));
    }
    ++progress_.inodes;
    return copy_metadata_at(from, to, status, site.birth);
  };
  TRY(make_or_link(site, name, status, make));
  return {};
}

} // namespace dind::clone
