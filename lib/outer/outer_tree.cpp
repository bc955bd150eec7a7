#include <outer/outer_tree.hpp>

#include <archive/layer_rules.hpp>
#include <archive/member_header.hpp>
#include <archive/member_path.hpp>
#include <base/utf8.hpp>
#include <sys/xattr.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>

namespace dind::outer {
namespace {

// Engines unpack with a path of their own in front, in what the kernel takes for one.
constexpr std::size_t kLongestPath = 3968;

constexpr std::uint32_t kImpliedMode = 0755;
constexpr std::uint32_t kSymlinkMode = 0777;

// A file's content with its holes filled, as every engine stores it.
class ContentSink final : public archive::PayloadSink {
public:
  explicit ContentSink(archive::ByteSink& tar) : tar_(tar) {}

  Result<void> data(std::uint64_t offset, std::span<const std::byte> bytes) override {
    TRY(fill_to(offset));
    written_ += bytes.size();
    return tar_.write(bytes);
  }

  Result<void> fill_to(std::uint64_t offset) {
    static constexpr std::array<std::byte, 64U << 10U> kZeros{};
    while (written_ < offset) {
      const auto count = std::min<std::uint64_t>(offset - written_, kZeros.size());
      TRY(tar_.write(std::span(kZeros).first(count)));
      written_ += count;
    }
    return {};
  }

private:
  archive::ByteSink& tar_;
  std::uint64_t written_ = 0;
};

std::uint32_t file_type_bits(archive::EntryType type) {
  return type == archive::EntryType::directory ? S_IFDIR
         : type == archive::EntryType::symlink ? S_IFLNK
                                               : S_IFREG;
}

} // namespace

OuterTree::Inode& OuterTree::inode_of(const archive::Spot& spot) {
  if (inodes_.size() <= spot.inode) {
    inodes_.resize(spot.inode + 1);
  }
  return inodes_[spot.inode];
}

bool OuterTree::is_setgid(std::string_view dir) const {
  return setgid_dirs_.contains(std::string(dir));
}

archive::TarEntry OuterTree::translate(const archive::Spot& spot, const archive::TarEntry& entry) {
  const timespec time = archive::layer_time(entry);
  archive::TarEntry member{.name = prefix_ + "/" + spot.path,
                           .type = entry.type,
                           .mode = entry.mode,
                           .uid = entry.uid,
                           .gid = entry.gid,
                           .size = entry.size,
                           .mtime = time.tv_sec,
                           .mtime_ns = static_cast<std::uint32_t>(time.tv_nsec),
                           .link_name = entry.link_name};
  for (const archive::Xattr& xattr : entry.xattrs) {
    if (xattr.name == sys::kCapabilityXattr && xattr.value.empty()) {
      recorder_.lose_empty_capability(spot.path);
    } else if (xattr.name == sys::kCapabilityXattr) {
      member.xattrs.push_back(xattr);
      recorder_.capability(spot.path);
    } else {
      recorder_.lose_untransportable(spot.path, xattr.name);
    }
  }
  Inode& inode = inode_of(spot);
  inode.uid = entry.uid;
  inode.gid = entry.gid;
  inode.capability = !member.xattrs.empty();
  if (entry.type != archive::EntryType::hard_link) {
    inode.mode = file_type_bits(entry.type);
    inode.size = entry.size;
    inode.time = time;
  }
  return member;
}

Result<void> OuterTree::emit(const archive::TarEntry& member) {
  if (member.name.size() > kLongestPath) {
    return input_error("{}: its path in an outer image has {} bytes, and engines take {}",
                       printable(member.name), member.name.size(), kLongestPath);
  }
  return tar_.write_text(archive::print_member_header(member));
}

Result<void> OuterTree::directory(const archive::Spot& spot, const archive::TarEntry& entry,
                                  Exists exists) {
  if (exists == Exists::yes && implied_.erase(spot.path) == 0) {
    return same_again(spot, entry);
  }
  const archive::TarEntry member = translate(spot, entry);
  inode_of(spot).mode |= entry.mode;
  setgid_dirs_.erase(spot.path);
  if ((entry.mode & S_ISGID) != 0) {
    setgid_dirs_.insert(spot.path);
  }
  return emit(member);
}

// No name may come twice in the outer tar, and the directory is in it already.
Result<void> OuterTree::same_again(const archive::Spot& spot, const archive::TarEntry& entry) {
  const Inode& inode = inode_of(spot);
  const timespec time = archive::layer_time(entry);
  const bool is_same = inode.mode == (S_IFDIR | entry.mode) && inode.uid == entry.uid &&
                       inode.gid == entry.gid && inode.time.tv_sec == time.tv_sec &&
                       inode.time.tv_nsec == time.tv_nsec && entry.xattrs.empty();
  return is_same ? Result<void>()
                 : input_error("the directory has another entry, spelled differently, that says "
                               "otherwise");
}

Result<void> OuterTree::implied_directory(const archive::Spot& spot) {
  const bool inherits = is_setgid(archive::parent_of(spot.path));
  if (inherits) {
    setgid_dirs_.insert(spot.path);
  }
  implied_.emplace(spot.path, kImpliedMode | (inherits ? S_ISGID : 0U));
  inode_of(spot).mode = S_IFDIR | implied_.at(spot.path);
  return {};
}

Result<void> OuterTree::file(const archive::Spot& spot, const archive::TarEntry& entry,
                             archive::TarReader& reader) {
  const archive::TarEntry member = translate(spot, entry);
  inode_of(spot).mode |= entry.mode;
  TRY(emit(member));
  ContentSink content(tar_);
  if (entry.size != 0) {
    TRY(reader.read_payload(content));
  }
  TRY(content.fill_to(entry.size));
  return tar_.write_text(archive::member_padding(entry.size));
}

Result<void> OuterTree::symlink(const archive::Spot& spot, const archive::TarEntry& entry) {
  archive::TarEntry member = translate(spot, entry);
  member.mode = kSymlinkMode;
  inode_of(spot).mode |= kSymlinkMode;
  return emit(member);
}

Result<void> OuterTree::hard_link(const archive::Spot& spot, const archive::TarEntry& entry,
                                  const std::string& target, Target kind) {
  archive::TarEntry member = translate(spot, entry);
  member.link_name = prefix_ + "/" + target;
  Inode& inode = inode_of(spot);
  ++inode.links;
  if (kind == Target::symlink) {
    // moby leaves mode and times of a linked symlink alone, and others do not.
    member.mode = kSymlinkMode;
    member.mtime = inode.time.tv_sec;
    member.mtime_ns = static_cast<std::uint32_t>(inode.time.tv_nsec);
  } else {
    inode.mode = S_IFREG | entry.mode;
    inode.time = archive::layer_time(entry);
  }
  return emit(member);
}

Result<void> OuterTree::set_time(const std::string& path, timespec time) {
  if (!path.empty() && !implied_.contains(path)) {
    return {}; // its own entry has it
  }
  archive::TarEntry member{.name = path.empty() ? prefix_ : prefix_ + "/" + path,
                           .type = archive::EntryType::directory,
                           .mode = path.empty() ? kImpliedMode : implied_.at(path),
                           .mtime = time.tv_sec,
                           .mtime_ns = static_cast<std::uint32_t>(time.tv_nsec)};
  return emit(member);
}

cache::Sentinel OuterTree::sentinel(const std::string& path, std::uint32_t number) const {
  const Inode& inode = inodes_[number];
  const bool is_file = S_ISREG(inode.mode);
  return {.path = path,
          .mode = inode.mode,
          .uid = inode.uid,
          .gid = inode.gid,
          .size = is_file ? inode.size : 0,
          .mtime = inode.time.tv_sec,
          .links = S_ISDIR(inode.mode) ? 1 : inode.links,
          .capability = is_file && inode.capability};
}

} // namespace dind::outer
