#include <cache/canary.hpp>

#include <sys/file.hpp>
#include <sys/xattr.hpp>

#include <array>

namespace dind::cache {
namespace {

// What the canary consists of. Each file stands for one thing that carriers lose.
constexpr std::uint32_t kOwnerUid = 1234;
constexpr std::uint32_t kOwnerGid = 2345;
constexpr std::int64_t kOldTime = 946684800; // 2000-01-01

// struct vfs_cap_data of linux/capability.h, little-endian: revision 2 with the
// effective bit, permitted CAP_NET_RAW (bit 13), nothing inheritable.
constexpr std::string_view kCapability{"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00"
                                       "\x00\x00\x00\x00\x00\x00\x00\x00",
                                       20};

constexpr std::string_view kContent = "canary\n";

std::vector<Sentinel> expected_canary(bool with_capability) {
  const auto file = [](const char* path, std::uint32_t mode) {
    return Sentinel{
        .path = path, .mode = S_IFREG | mode, .size = kContent.size(), .mtime = kOldTime};
  };
  Sentinel owner = file("owner", 0640);
  owner.uid = kOwnerUid;
  owner.gid = kOwnerGid;
  Sentinel capability = file("capability", 0755);
  capability.capability = with_capability;
  Sentinel link = file("link", 0644);
  link.links = 2;
  Sentinel other_link = file("other-link", 0644);
  other_link.links = 2;
  return {owner, file("setuid", 04755), capability, link, other_link};
}

void compare(const Sentinel& baked, const Sentinel& found, Damage& damage) {
  const auto altered = [&](std::string_view what, std::uint64_t was, std::uint64_t is) {
    damage.altered.push_back(fmt::format("{} of {} is {}, not {}", what, baked.path, is, was));
  };
  if ((baked.mode & S_IFMT) != (found.mode & S_IFMT)) {
    damage.missing.push_back(baked.path); // another kind of thing has its name
    return;
  }
  if (S_ISREG(baked.mode) && baked.size != found.size) {
    damage.missing.push_back(baked.path); // its content cannot be what it was
    return;
  }
  if (baked.uid != found.uid || baked.gid != found.gid) {
    damage.altered.push_back(fmt::format("owner of {} is {}:{}, not {}:{}", baked.path, found.uid,
                                         found.gid, baked.uid, baked.gid));
  }
  if (baked.mode != found.mode) {
    damage.altered.push_back(fmt::format("mode of {} is {:o}, not {:o}", baked.path,
                                         found.mode & 07777U, baked.mode & 07777U));
  }
  // More is no damage: seeding by hard link gives its files further names.
  if (found.links < baked.links && !S_ISDIR(baked.mode)) {
    altered("number of hard links", baked.links, found.links);
  }
  if (baked.capability != found.capability) {
    damage.altered.push_back(
        fmt::format("capability of {} is {}", baked.path, baked.capability ? "lost" : "new"));
  }
  if (baked.mtime != found.mtime) {
    damage.notes.push_back(fmt::format("time of {} has changed", baked.path));
  }
}

// The directory that holds `path`, and the last component.
struct Place {
  Fd dir;
  std::string name;
};

Result<Place> place_of(const Fd& root, const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash);
  Fd dir = TRY(sys::open_beneath(root, parent, O_RDONLY | O_DIRECTORY));
  return Place{std::move(dir), slash == std::string::npos ? path : path.substr(slash + 1)};
}

} // namespace

Result<Sentinel> make_sentinel(const Fd& tree, const std::string& path) {
  const Place place = TRY(place_of(tree, path));
  const sys::At at{place.dir, place.name};
  const struct stat found = TRY(sys::stat_at(at));
  Sentinel sentinel{.path = path,
                    .mode = found.st_mode,
                    .uid = found.st_uid,
                    .gid = found.st_gid,
                    .mtime = found.st_mtim.tv_sec,
                    .links = found.st_nlink};
  if (S_ISREG(found.st_mode)) {
    sentinel.size = static_cast<std::uint64_t>(found.st_size);
    const auto capability = TRY(sys::get_xattr_at(at, std::string(sys::kCapabilityXattr)));
    sentinel.capability = capability.has_value();
  }
  if (S_ISDIR(found.st_mode)) {
    sentinel.links = 1; // overlay and btrfs count directories their own way
  }
  return sentinel;
}

Result<bool> make_canary(const Fd& cache) {
  const std::string name = kCanaryName;
  TRY(sys::make_dir_at({cache, name}, 0755));
  const Fd dir = TRY(sys::open_dir_at({cache, name}));
  bool with_capability = true;
  for (const Sentinel& wanted : expected_canary(true)) {
    const sys::At at{dir, wanted.path};
    if (wanted.path == "other-link") {
      const std::string first = "link";
      TRY(sys::link_at({dir, first}, at));
      continue;
    }
    TRY(sys::create_file_at(at, kContent, 0600));
    TRY(sys::set_owner_at(at, wanted.uid, wanted.gid));
    if (wanted.capability) {
      auto set = sys::set_xattr_at(at, std::string(sys::kCapabilityXattr), kCapability);
      if (!set && !set.error().is(std::errc::operation_not_permitted) &&
          !set.error().is(std::errc::operation_not_supported)) {
        return std::move(set).error().within("canary");
      }
      with_capability = static_cast<bool>(set);
    }
    TRY(sys::set_mode_at(at, wanted.mode));
  }
  for (const Sentinel& wanted : expected_canary(with_capability)) {
    TRY(sys::set_times_at({dir, wanted.path}, {kOldTime, 0}, {kOldTime, 0}));
  }
  TRY(sys::set_times_at({cache, name}, {kOldTime, 0}, {kOldTime, 0}));
  return with_capability;
}

std::vector<CanaryMember> canary_members() {
  const std::string dir = kCanaryName;
  std::vector<CanaryMember> members;
  members.push_back(
      {{.name = dir, .type = archive::EntryType::directory, .mode = 0755, .mtime = kOldTime}, ""});
  for (const Sentinel& wanted : expected_canary(true)) {
    archive::TarEntry entry{.name = dir + "/" + wanted.path,
                            .mode = wanted.mode & 07777U,
                            .uid = wanted.uid,
                            .gid = wanted.gid,
                            .mtime = wanted.mtime};
    if (wanted.path == "other-link") {
      entry.type = archive::EntryType::hard_link;
      entry.link_name = dir + "/link";
      members.push_back({std::move(entry), ""});
      continue;
    }
    entry.size = kContent.size();
    if (wanted.capability) {
      entry.xattrs = {{std::string(sys::kCapabilityXattr), std::string(kCapability)}};
    }
    members.push_back({std::move(entry), std::string(kContent)});
  }
  return members;
}

Result<Damage> check_sentinels(const Fd& tree, const std::vector<Sentinel>& sentinels) {
  Damage damage;
  for (const Sentinel& baked : sentinels) {
    const auto found = make_sentinel(tree, baked.path);
    if (found) {
      compare(baked, *found, damage);
    } else if (found.error().is(std::errc::no_such_file_or_directory) ||
               found.error().is(std::errc::not_a_directory) ||
               found.error().is(std::errc::too_many_symbolic_link_levels)) {
      damage.missing.push_back(baked.path);
    } else {
      return found.error();
    }
  }
  return damage;
}

Result<Damage> check_canary(const Fd& cache, const Manifest& manifest) {
  auto dir = sys::open_beneath(cache, kCanaryName, O_RDONLY | O_DIRECTORY);
  if (!dir && dir.error().is(std::errc::no_such_file_or_directory)) {
    return Damage{.missing = {kCanaryName}, .altered = {}, .notes = {}};
  }
  const Fd canary = TRY(std::move(dir));
  return check_sentinels(canary, expected_canary(manifest.canary_capability)).within(kCanaryName);
}

} // namespace dind::cache
