#include <archive/layer_rules.hpp>

#include <archive/link_walk.hpp>
#include <archive/member_path.hpp>
#include <base/utf8.hpp>
#include <sys/xattr.hpp>

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dind::archive {
namespace {

// Of paths that only others imply, in bytes: a header of 512 bytes can imply 2,000 of them, each of
// which is kept to the end.
constexpr std::size_t kMostImplied = 32U << 20U;

// What has a name so far. The tree was empty and is ours alone, so that this is
// all there is in it, and the tree itself need not be asked.
enum class Kind : std::uint8_t { implied_directory, directory, file, symlink, node, whiteout };

struct Member {
  Kind kind = Kind::file;
  std::uint32_t inode = 0;
};

bool is_directory(Kind kind) {
  return kind == Kind::directory || kind == Kind::implied_directory;
}

struct PathHash {
  using is_transparent = void; // NOLINT(readability-identifier-naming): the library's name
  std::size_t operator()(std::string_view path) const noexcept {
    return std::hash<std::string_view>()(path);
  }
};
using Names = std::unordered_map<std::string, Member, PathHash, std::equal_to<>>;

std::string join(std::string_view parent, std::string_view name) {
  std::string path(parent);
  if (!path.empty()) {
    path += '/';
  }
  return path.append(name);
}

// An engine fails on what the kernel refuses, and the kernel takes an empty one.
Result<void> check_capability(const TarEntry& entry) {
  const auto found = std::find_if(entry.xattrs.begin(), entry.xattrs.end(), [](const Xattr& xattr) {
    return xattr.name == sys::kCapabilityXattr;
  });
  const bool is_right =
      found == entry.xattrs.end() || found->value.empty() || sys::is_capability(found->value);
  return is_right ? Result<void>() : input_error("a capability that no kernel takes");
}

// The kernel makes no other, whatever the filesystem.
Result<void> check_symlink(const TarEntry& entry) {
  constexpr std::size_t kLongest = 4095; // PATH_MAX without its NUL
  const std::size_t bytes = entry.link_name.size();
  return bytes != 0 && bytes <= kLongest
             ? Result<void>()
             : input_error("a symlink with a target of {} bytes", bytes);
}

} // namespace

struct LayerRules::State {
  State(Tree& to, Marks& rest) : tree(to), marks(rest) {}

  Result<std::string> add(const TarEntry& entry, TarReader& reader);
  Result<std::string> path_of(const std::string& name) const;
  Result<void> put(const std::string& path, const TarEntry& entry, TarReader& reader);
  Result<void> require_parent(std::string_view path, timespec time);
  Result<void> imply(std::string_view path, timespec time);
  Result<void> add_opaque(std::string_view dir);
  Result<void> add_whiteout(std::string_view dir, std::string_view name, const TarEntry& entry);
  Result<void> make_room(const std::string& path, const TarEntry& entry);
  Result<void> make(const std::string& path, const TarEntry& entry, TarReader& reader);
  Result<void> make_directory(const std::string& path, const TarEntry& entry);
  Result<void> make_hard_link(const std::string& path, const TarEntry& entry);
  Result<void> finish();
  // Gives `path` a name and an inode of its own.
  Spot take(const std::string& path, Kind kind) {
    const Member& member = names.emplace(path, Member{kind, inodes++}).first->second;
    return {path, member.inode};
  }

  Tree& tree;
  Marks& marks;
  Names names;
  std::uint32_t inodes = 0;
  std::unordered_set<std::string> opaque_dirs;
  std::vector<std::string> implied; // in the order of the tar
  std::size_t implied_bytes = 0;    // of their paths
  std::vector<std::pair<std::string, timespec>> dir_times;
  std::optional<timespec> root_time;
  std::unordered_map<std::string, std::string> link_targets; // of symlinks, by path
};

Result<std::string> LayerRules::State::add(const TarEntry& entry, TarReader& reader) {
  if (entry.type == EntryType::global_header) {
    return std::string();
  }
  root_time = root_time.value_or(layer_time(entry));
  std::string path = TRY(path_of(entry.name));
  if (path.empty()) {
    return entry.type == EntryType::directory ? Result<std::string>(std::move(path))
                                              : input_error("the layer's root is no directory");
  }
  TRY(put(path, entry, reader));
  return path;
}

// The path of a member, or of a hard link's target, without symlinks among its parents.
Result<std::string> LayerRules::State::path_of(const std::string& name) const {
  std::string path = TRY(clean_path(name));
  const auto parent = names.find(parent_of(path));
  if (link_targets.empty() || (parent != names.end() && is_directory(parent->second.kind))) {
    return path;
  }
  return follow_parents(path, [this](const std::string& at) {
    if (const auto link = link_targets.find(at); link != link_targets.end()) {
      return AtPath{AtPath::What::symlink, link->second};
    }
    const auto found = names.find(at);
    const bool is_dir = found != names.end() && is_directory(found->second.kind);
    return AtPath{is_dir ? AtPath::What::directory : AtPath::What::other};
  });
}

Result<void> LayerRules::State::put(const std::string& path, const TarEntry& entry,
                                    TarReader& reader) {
  const std::string_view parent = parent_of(path);
  const std::string_view name = base_of(path);
  TRY(require_parent(parent, layer_time(entry)));
  if (name == kOpaqueName) {
    return add_opaque(parent);
  }
  if (name.starts_with(kWhiteoutPrefix)) {
    return add_whiteout(parent, name.substr(kWhiteoutPrefix.size()), entry);
  }
  TRY(check_capability(entry));
  TRY(make_room(path, entry));
  return make(path, entry, reader);
}

Result<void> LayerRules::State::require_parent(std::string_view path, timespec time) {
  if (path.empty()) {
    return {};
  }
  const auto found = names.find(path);
  if (found == names.end()) {
    TRY(require_parent(parent_of(path), time));
    return imply(path, time);
  }
  switch (found->second.kind) {
  case Kind::directory:
  case Kind::implied_directory:
    return {};
  case Kind::whiteout:
    return input_error("{}: a member's parent is deleted by the same layer", printable(path));
  case Kind::file:
  case Kind::symlink: // it would have been followed
  case Kind::node:
    break;
  }
  return input_error("{}: a member's parent is no directory", printable(path));
}

Result<void> LayerRules::State::imply(std::string_view path, timespec time) {
  if (base_of(path).starts_with(kWhiteoutPrefix)) {
    return input_error("{}: no layer can hold a directory of that name", printable(path));
  }
  implied_bytes += path.size();
  if (implied_bytes > kMostImplied) {
    return input_error("{}: directories without entries of their own have more than {} bytes of "
                       "paths",
                       printable(path.substr(0, 200)), kMostImplied);
  }
  const std::string whole(path);
  TRY(tree.implied_directory(take(whole, Kind::implied_directory)));
  implied.emplace_back(path);
  dir_times.emplace_back(path, time);
  return {};
}

Result<void> LayerRules::State::add_opaque(std::string_view dir) {
  const std::string path(dir);
  if (!opaque_dirs.insert(path).second) {
    return input_error("duplicate entry {}", printable(join(dir, kOpaqueName)));
  }
  return marks.opaque(path);
}

Result<void> LayerRules::State::add_whiteout(std::string_view dir, std::string_view name,
                                             const TarEntry& entry) {
  if (name.empty() || name == "." || name == "..") {
    return input_error("{}: a whiteout of nothing", printable(entry.name));
  }
  const std::string path = join(dir, name);
  if (const auto found = names.find(path); found != names.end()) {
    return found->second.kind == Kind::whiteout
               ? input_error("duplicate entry {}", printable(entry.name))
               : input_error("{}: the layer deletes what it has made", printable(path));
  }
  take(path, Kind::whiteout);
  return marks.whiteout(path);
}

// Takes away what `entry` replaces, and refuses what must not be replaced.
Result<void> LayerRules::State::make_room(const std::string& path, const TarEntry& entry) {
  const auto found = names.find(path);
  if (found == names.end()) {
    return {};
  }
  if (found->second.kind == Kind::whiteout) {
    names.erase(found);
    return marks.override_whiteout(path);
  }
  if (!is_directory(found->second.kind)) {
    return input_error("duplicate entry {}", printable(entry.name));
  }
  if (entry.type != EntryType::directory) {
    return input_error("{}: would replace a directory that the same layer has filled",
                       printable(path));
  }
  return {};
}

Result<void> LayerRules::State::make(const std::string& path, const TarEntry& entry,
                                     TarReader& reader) {
  switch (entry.type) {
  case EntryType::directory:
    return make_directory(path, entry);
  case EntryType::file:
    return tree.file(take(path, Kind::file), entry, reader);
  case EntryType::symlink:
    TRY(check_symlink(entry));
    link_targets.emplace(path, entry.link_name);
    return tree.symlink(take(path, Kind::symlink), entry);
  case EntryType::hard_link:
    return make_hard_link(path, entry);
  case EntryType::char_device:
  case EntryType::block_device:
  case EntryType::fifo:
    take(path, Kind::node);
    return marks.node(path, entry);
  case EntryType::global_header:
    break;
  }
  return {};
}

Result<void> LayerRules::State::make_directory(const std::string& path, const TarEntry& entry) {
  dir_times.emplace_back(path, layer_time(entry));
  if (const auto found = names.find(path); found != names.end()) {
    found->second.kind = Kind::directory;
    return tree.directory({path, found->second.inode}, entry, Tree::Exists::yes);
  }
  return tree.directory(take(path, Kind::directory), entry, Tree::Exists::no);
}

Result<void> LayerRules::State::make_hard_link(const std::string& path, const TarEntry& entry) {
  const std::string target = TRY(path_of(entry.link_name));
  const auto found = names.find(target);
  if (found == names.end() || found->second.kind == Kind::whiteout) {
    return input_error("hard link {} leads to {}, which the layer does not have", printable(path),
                       printable(entry.link_name));
  }
  const Member existing = found->second;
  if (is_directory(existing.kind)) {
    return input_error("hard link {} leads to {}, which is a directory", printable(path),
                       printable(target));
  }
  names.emplace(path, existing);
  if (existing.kind == Kind::symlink) {
    link_targets.emplace(path, link_targets.at(target));
  }
  const Spot spot{path, existing.inode};
  if (existing.kind == Kind::node) {
    return marks.link_node(path, target, entry);
  }
  return tree.hard_link(spot, entry, target,
                        existing.kind == Kind::symlink ? Tree::Target::symlink
                                                       : Tree::Target::file);
}

Result<void> LayerRules::State::finish() {
  for (const std::string& path : implied) {
    // An entry may have come behind the content.
    if (names.find(path)->second.kind == Kind::implied_directory) {
      TRY(marks.implied(path));
    }
  }
  for (const auto& [path, time] : dir_times) {
    TRY(tree.set_time(path, time));
  }
  return tree.set_time("", root_time.value_or(timespec{0, 0}));
}

LayerRules::LayerRules(Tree& tree, Marks& marks) : state_(std::make_unique<State>(tree, marks)) {}

LayerRules::~LayerRules() = default;

Result<std::string> LayerRules::add(const TarEntry& entry, TarReader& reader) {
  return state_->add(entry, reader);
}

Result<void> LayerRules::finish() {
  return state_->finish();
}

std::optional<std::uint32_t> LayerRules::inode_of(std::string_view path) const {
  const auto found = state_->names.find(path);
  return found == state_->names.end() ? std::nullopt : std::optional(found->second.inode);
}

Result<void> read_layer(TarReader& reader, LayerRules& rules, const EachEntry& each) {
  for (;;) {
    const auto entry = TRY(reader.next());
    if (!entry) {
      return rules.finish();
    }
    const std::string name = printable(entry->name);
    const std::string path = TRY(rules.add(*entry, reader).within(name));
    if (each) {
      TRY(each(*entry, path).within(name));
    }
  }
}

timespec layer_time(const TarEntry& entry) {
  return layer_time(entry.mtime, entry.mtime_ns);
}

timespec layer_time(std::int64_t seconds, std::uint32_t nanoseconds) {
  // The last moment that Go's nanoseconds since the epoch can tell.
  constexpr std::int64_t kLastSecond = 9'223'372'036;
  constexpr std::uint32_t kLastNanosecond = 854'775'807;
  const bool too_late =
      seconds > kLastSecond || (seconds == kLastSecond && nanoseconds > kLastNanosecond);
  if (seconds < 0 || too_late) {
    return {0, 0};
  }
  return {static_cast<time_t>(seconds), static_cast<long>(nanoseconds)};
}

} // namespace dind::archive
