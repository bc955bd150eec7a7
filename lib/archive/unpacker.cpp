#include <archive/unpacker.hpp>

#include <archive/member_maker.hpp>
#include <archive/open_dirs.hpp>
#include <base/utf8.hpp>

#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace dind::archive {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";

// What has a name so far. The tree was empty and is ours alone, so that this is
// all there is in it and nothing has to be asked of the filesystem.
enum class Kind : std::uint8_t { implied_directory, directory, file, symlink, node, whiteout };

bool is_directory(Kind kind) {
  return kind == Kind::directory || kind == Kind::implied_directory;
}

struct PathHash {
  using is_transparent = void; // NOLINT(readability-identifier-naming): the library's name
  std::size_t operator()(std::string_view path) const noexcept {
    return std::hash<std::string_view>()(path);
  }
};
using Names = std::unordered_map<std::string, Kind, PathHash, std::equal_to<>>;

std::string join(std::string_view parent, std::string_view name) {
  std::string path(parent);
  if (!path.empty()) {
    path += '/';
  }
  return path.append(name);
}

} // namespace

struct Unpacker::State {
  State(const Fd& tree, Marks& sink) : root(tree), marks(sink), maker(sink), dirs(tree) {}

  Result<Place> place_of(const std::string& path);
  Result<void> add(const TarEntry& entry, TarReader& reader);
  Result<void> require_parent(std::string_view path, timespec time);
  Result<void> imply(std::string_view path, timespec time);
  Result<void> add_opaque(std::string_view dir);
  Result<void> add_whiteout(std::string_view dir, std::string_view name, const TarEntry& entry);
  Result<void> make_room(const Place& place, const TarEntry& entry);
  Result<void> make(const Place& place, const TarEntry& entry, TarReader& reader);
  Result<void> make_directory(const Place& place, const TarEntry& entry);
  Result<void> make_hard_link(const Place& place, const TarEntry& entry);
  Result<void> finish();

  const Fd& root;
  Marks& marks;
  MemberMaker maker;
  OpenDirs dirs;
  Names names;
  std::unordered_set<std::string> opaque_dirs;
  std::vector<std::string> implied; // in the order of the tar
  std::vector<std::pair<std::string, timespec>> dir_times;
  std::optional<timespec> root_time;
  bool root_seen = false;
};

Result<Place> Unpacker::State::place_of(const std::string& path) {
  auto parent = TRY(dirs.open(parent_of(path))); // in the braces, g++ 12 leaks members before it
  return Place{path, std::move(parent), std::string(base_of(path))};
}

Result<void> Unpacker::State::add(const TarEntry& entry, TarReader& reader) {
  if (entry.type == EntryType::global_header) {
    return {};
  }
  const timespec time = layer_time(entry);
  root_time = root_time.value_or(time);
  const std::string path = TRY(clean_path(entry.name));
  if (path.empty()) {
    if (entry.type != EntryType::directory) {
      return input_error("the layer's root is no directory");
    }
    return std::exchange(root_seen, true) ? Result<void>(input_error("duplicate entry ."))
                                          : Result<void>();
  }
  const std::string_view parent = parent_of(path);
  const std::string_view name = base_of(path);
  TRY(require_parent(parent, time));
  if (name == kOpaque) {
    return add_opaque(parent);
  }
  if (name.starts_with(kWhiteout)) {
    return add_whiteout(parent, name.substr(kWhiteout.size()), entry);
  }
  const Place place = TRY(place_of(path));
  TRY(make_room(place, entry));
  return make(place, entry, reader);
}

Result<void> Unpacker::State::require_parent(std::string_view path, timespec time) {
  if (path.empty()) {
    return {};
  }
  const auto found = names.find(path);
  if (found == names.end()) {
    TRY(require_parent(parent_of(path), time));
    return imply(path, time);
  }
  switch (found->second) {
  case Kind::directory:
  case Kind::implied_directory:
    return {};
  case Kind::symlink:
    return input_error("{}: a member's parent is a symlink", printable(path));
  case Kind::whiteout:
    return input_error("{}: a member's parent is deleted by the same layer", printable(path));
  case Kind::file:
  case Kind::node:
    break;
  }
  return input_error("{}: a member's parent is no directory", printable(path));
}

Result<void> Unpacker::State::imply(std::string_view path, timespec time) {
  if (base_of(path).starts_with(kWhiteout)) {
    return input_error("{}: no layer can hold a directory of that name", printable(path));
  }
  const std::string whole(path);
  const Place place = TRY(place_of(whole));
  TRY(MemberMaker::implied_directory(place));
  names.emplace(path, Kind::implied_directory);
  implied.emplace_back(path);
  dir_times.emplace_back(path, time);
  return {};
}

Result<void> Unpacker::State::add_opaque(std::string_view dir) {
  const std::string path(dir);
  if (!opaque_dirs.insert(path).second) {
    return input_error("duplicate entry {}", printable(join(dir, kOpaque)));
  }
  const auto fd = TRY(dirs.open(dir));
  return marks.opaque(*fd, path);
}

Result<void> Unpacker::State::add_whiteout(std::string_view dir, std::string_view name,
                                           const TarEntry& entry) {
  if (name.empty() || name == "." || name == "..") {
    return input_error("{}: a whiteout of nothing", printable(entry.name));
  }
  const std::string path = join(dir, name);
  const auto [found, fresh] = names.emplace(path, Kind::whiteout);
  if (!fresh && found->second == Kind::whiteout) {
    return input_error("duplicate entry {}", printable(entry.name));
  }
  if (!fresh) {
    return input_error("{}: the layer deletes what it has made", printable(path));
  }
  const Place place = TRY(place_of(path));
  return marks.whiteout(place.at(), path, entry);
}

// Takes away what `entry` replaces, and refuses what must not be replaced.
Result<void> Unpacker::State::make_room(const Place& place, const TarEntry& entry) {
  const auto found = names.find(place.path);
  if (found == names.end()) {
    return {};
  }
  if (found->second == Kind::whiteout) {
    names.erase(found);
    return marks.override_whiteout(place.at(), place.path);
  }
  if (found->second != Kind::implied_directory) {
    return input_error("duplicate entry {}", printable(entry.name));
  }
  if (entry.type != EntryType::directory) {
    return input_error("{}: would replace a directory that the same layer has filled",
                       printable(place.path));
  }
  return {};
}

Result<void> Unpacker::State::make(const Place& place, const TarEntry& entry, TarReader& reader) {
  switch (entry.type) {
  case EntryType::directory:
    return make_directory(place, entry);
  case EntryType::file:
    names.emplace(place.path, Kind::file);
    return maker.file(place, entry, reader);
  case EntryType::symlink:
    names.emplace(place.path, Kind::symlink);
    return maker.symlink(place, entry);
  case EntryType::hard_link:
    return make_hard_link(place, entry);
  case EntryType::char_device:
  case EntryType::block_device:
  case EntryType::fifo:
    names.emplace(place.path, Kind::node);
    return marks.node(place.at(), place.path, entry);
  case EntryType::global_header:
    break;
  }
  return {};
}

Result<void> Unpacker::State::make_directory(const Place& place, const TarEntry& entry) {
  const auto [found, fresh] = names.emplace(place.path, Kind::directory);
  found->second = Kind::directory;
  dir_times.emplace_back(place.path, layer_time(entry));
  return maker.directory(place, entry, fresh ? MemberMaker::Exists::no : MemberMaker::Exists::yes);
}

Result<void> Unpacker::State::make_hard_link(const Place& place, const TarEntry& entry) {
  const std::size_t start =
      std::min(entry.link_name.find_first_not_of('/'), entry.link_name.size());
  const std::string target = TRY(clean_path(entry.link_name.substr(start)));
  const auto found = names.find(target);
  if (found == names.end() || found->second == Kind::whiteout) {
    return input_error("hard link {} leads to {}, which the layer does not have",
                       printable(place.path), printable(entry.link_name));
  }
  const Kind kind = found->second;
  if (is_directory(kind)) {
    return input_error("hard link {} leads to {}, which is a directory", printable(place.path),
                       printable(target));
  }
  names.emplace(place.path, kind);
  if (kind == Kind::node) {
    return marks.link_node(place.at(), place.path, target, entry);
  }
  const Place existing = TRY(place_of(target));
  return maker.hard_link(place, entry, existing,
                         kind == Kind::symlink ? MemberMaker::Target::symlink
                                               : MemberMaker::Target::file);
}

Result<void> Unpacker::State::finish() {
  for (const std::string& path : implied) {
    // An entry may have come behind the content.
    if (names.find(path)->second == Kind::implied_directory) {
      TRY(marks.implied(path));
    }
  }
  for (const auto& [path, time] : dir_times) {
    const Place place = TRY(place_of(path));
    TRY(MemberMaker::set_time(place, time));
  }
  const timespec time = root_time.value_or(timespec{0, 0});
  const std::array<timespec, 2> times = {time, time};
  if (::futimens(root.get(), times.data()) == -1) {
    return errno_error("set times of the layer's root");
  }
  return {};
}

Unpacker::Unpacker(const Fd& root, Marks& marks) : state_(std::make_unique<State>(root, marks)) {}

Unpacker::~Unpacker() = default;

Result<void> Unpacker::add(const TarEntry& entry, TarReader& reader) {
  return state_->add(entry, reader);
}

Result<void> Unpacker::finish() {
  return state_->finish();
}

} // namespace dind::archive
