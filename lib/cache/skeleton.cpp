#include <cache/skeleton.hpp>

#include <archive/member_path.hpp>
#include <base/base64.hpp>
#include <base/json.hpp>
#include <base/utf8.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <array>

namespace dind::cache {
namespace {

constexpr std::uint64_t kSkeletonVersion = 1;

std::uint32_t node_type_bits(archive::EntryType type) {
  switch (type) {
  case archive::EntryType::char_device:
    return S_IFCHR;
  case archive::EntryType::block_device:
    return S_IFBLK;
  default:
    return S_IFIFO;
  }
}

json::value path_to_json(const std::string& path) {
  if (is_utf8(path)) {
    return json::value(path);
  }
  json::object raw;
  raw["raw"] = base64_encode(path);
  return raw;
}

Result<std::string> path_from_json(const json::value& item, Root root) {
  std::string path;
  if (const auto* text = item.if_string()) {
    path = *text;
  } else {
    const auto fields = TRY(json::Fields::of(item));
    const std::string raw = TRY(fields.text("raw"));
    path = TRY(base64_decode(raw));
  }
  if (!is_safe_path(path, root)) {
    return input_error("unsafe path \"{}\"", path);
  }
  return path;
}

json::array paths_to_json(const std::vector<std::string>& paths) {
  json::array array;
  for (const std::string& path : paths) {
    array.push_back(path_to_json(path));
  }
  return array;
}

Result<std::vector<std::string>> paths_from_json(const json::Fields& fields, std::string_view key,
                                                 Root root) {
  std::vector<std::string> paths;
  const json::array* items = TRY(fields.list_or_none(key));
  if (items) {
    for (const json::value& item : *items) {
      paths.push_back(TRY(path_from_json(item, root).within(key)));
    }
  }
  return paths;
}

json::object to_json(const Node& node) {
  json::object object;
  object["path"] = path_to_json(node.path);
  object["mode"] = node.mode;
  object["uid"] = node.uid;
  object["gid"] = node.gid;
  object["major"] = node.major;
  object["minor"] = node.minor;
  object["mtime"] = node.mtime;
  object["mtime_ns"] = node.mtime_ns;
  if (!node.link_to.empty()) {
    object["link_to"] = path_to_json(node.link_to);
  }
  return object;
}

Result<Node> node_from_json(const json::value& item) {
  const auto fields = TRY(json::Fields::of(item));
  if (!fields.has("path")) {
    return input_error("\"path\" is missing");
  }
  Node node;
  node.path = TRY(path_from_json(item.as_object().at("path"), Root::refused));
  const std::array<std::pair<const char*, std::uint32_t*>, 6> numbers = {{
      {"mode", &node.mode},
      {"uid", &node.uid},
      {"gid", &node.gid},
      {"major", &node.major},
      {"minor", &node.minor},
      {"mtime_ns", &node.mtime_ns},
  }};
  for (const auto& [key, slot] : numbers) {
    const std::uint64_t number = TRY(fields.number(key));
    if (number > UINT32_MAX) {
      return input_error("\"{}\" is too large", key);
    }
    *slot = static_cast<std::uint32_t>(number);
  }
  node.mtime = TRY(fields.integer_or("mtime", 0));
  if (!S_ISCHR(node.mode) && !S_ISBLK(node.mode) && !S_ISFIFO(node.mode)) {
    return input_error("\"{}\" is no device and no fifo", node.path);
  }
  if (fields.has("link_to")) {
    node.link_to = TRY(path_from_json(item.as_object().at("link_to"), Root::refused));
  }
  return node;
}

} // namespace

Node node_of(const std::string& path, const archive::TarEntry& entry) {
  return {.path = path,
          .mode = node_type_bits(entry.type) | entry.mode,
          .uid = entry.uid,
          .gid = entry.gid,
          .major = entry.device_major,
          .minor = entry.device_minor,
          .mtime = entry.mtime,
          .mtime_ns = entry.mtime_ns,
          .link_to = ""};
}

bool is_safe_path(std::string_view path, Root root) {
  if (path.empty()) {
    return root == Root::allowed;
  }
  if (path.find('\0') != std::string_view::npos) {
    return false;
  }
  for (std::size_t start = 0;;) {
    const auto slash = path.find('/', start);
    const auto part = path.substr(start, slash - start);
    if (part.empty() || part == "." || part == "..") {
      return false;
    }
    if (slash == std::string_view::npos) {
      return true;
    }
    start = slash + 1;
  }
}

bool Skeleton::empty() const {
  return *this == Skeleton();
}

std::set<std::string> Skeleton::mark_names() const {
  const auto inside = [](std::string_view dir, std::string_view name) {
    return dir.empty() ? std::string(name) : fmt::format("{}/{}", dir, name);
  };
  std::set<std::string> names;
  for (const std::string& path : whiteouts) {
    names.insert(path);
    const std::string aufs = std::string(archive::kWhiteoutPrefix).append(archive::base_of(path));
    names.insert(inside(archive::parent_of(path), aufs));
  }
  for (const std::string& path : opaque) {
    names.insert(inside(path, archive::kOpaqueName));
  }
  for (const Node& node : nodes) {
    names.insert(node.path);
  }
  return names;
}

std::vector<std::string> Skeleton::mark_dirs() const {
  std::set<std::string> dirs;
  const auto add_parents = [&](std::string_view path) {
    for (auto slash = path.rfind('/'); slash != std::string_view::npos; slash = path.rfind('/')) {
      path = path.substr(0, slash);
      if (!dirs.emplace(path).second) {
        return; // and so are its parents
      }
    }
  };
  for (const std::string& path : whiteouts) {
    add_parents(path);
  }
  for (const std::string& path : opaque) {
    add_parents(path);
    if (!path.empty()) {
      dirs.insert(path);
    }
  }
  for (const Node& node : nodes) {
    add_parents(node.path);
  }
  return {dirs.begin(), dirs.end()}; // parents sort before what they hold
}

std::string print_skeleton(const Skeleton& skeleton) {
  json::array nodes;
  for (const Node& node : skeleton.nodes) {
    nodes.push_back(to_json(node));
  }
  json::array lost;
  for (const LostXattrs& file : skeleton.lost_xattrs) {
    json::object object;
    object["path"] = path_to_json(file.path);
    json::array names;
    for (const std::string& name : file.names) {
      names.emplace_back(name);
    }
    object["names"] = std::move(names);
    lost.push_back(std::move(object));
  }
  json::object object;
  object["version"] = kSkeletonVersion;
  object["whiteouts"] = paths_to_json(skeleton.whiteouts);
  object["opaque"] = paths_to_json(skeleton.opaque);
  object["nodes"] = std::move(nodes);
  object["implied"] = paths_to_json(skeleton.implied);
  object["overridden_whiteouts"] = paths_to_json(skeleton.overridden_whiteouts);
  object["lost_xattrs"] = std::move(lost);
  return json::print(object, json::Style::pretty);
}

Result<Skeleton> parse_skeleton(std::string_view text) {
  const json::value document = TRY(json::parse(text, kSkeletonValues));
  const auto fields = TRY(json::Fields::of(document));
  const std::uint64_t version = TRY(fields.number("version"));
  if (version != kSkeletonVersion) {
    return input_error("skeleton format {} is not known", version);
  }
  Skeleton skeleton;
  skeleton.whiteouts = TRY(paths_from_json(fields, "whiteouts", Root::refused));
  skeleton.opaque = TRY(paths_from_json(fields, "opaque", Root::allowed));
  skeleton.implied = TRY(paths_from_json(fields, "implied", Root::refused));
  skeleton.overridden_whiteouts =
      TRY(paths_from_json(fields, "overridden_whiteouts", Root::refused));
  const json::array* nodes = TRY(fields.list_or_none("nodes"));
  for (std::size_t i = 0; nodes && i < nodes->size(); ++i) {
    skeleton.nodes.push_back(TRY(node_from_json((*nodes)[i]).within("nodes")));
  }
  const json::array* lost = TRY(fields.list_or_none("lost_xattrs"));
  for (std::size_t i = 0; lost && i < lost->size(); ++i) {
    const json::value& item = (*lost)[i];
    const auto file = TRY(json::Fields::of(item));
    if (!file.has("path")) {
      return input_error("lost_xattrs: \"path\" is missing");
    }
    auto names = TRY(file.texts_or_none("names"));
    auto path = TRY(path_from_json(item.as_object().at("path"), Root::allowed));
    skeleton.lost_xattrs.push_back({std::move(path), std::move(names)});
  }
  return skeleton;
}

} // namespace dind::cache
