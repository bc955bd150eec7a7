#include <store/apply_layer.hpp>

#include <base/utf8.hpp>
#include <store/nodes.hpp>
#include <store/parent_dirs.hpp>
#include <sys/dir.hpp>

namespace dind::store {
namespace {

// Whether a directory could not be opened because the parent has none of that name.
bool is_no_directory(const Error& error) {
  return error.is(std::errc::no_such_file_or_directory) || error.is(std::errc::not_a_directory) ||
         error.is(std::errc::too_many_symbolic_link_levels);
}

Result<void> remove_name(ParentDirs& parents, const std::string& path) {
  const auto at = parents.at(path);
  if (!at) {
    return is_no_directory(at.error()) ? Result<void>() : at.error();
  }
  return sys::remove_tree_at(*at);
}

Result<void> empty_directory(ParentDirs& parents, const std::string& path) {
  const auto opened = parents.open(path);
  if (!opened) {
    return is_no_directory(opened.error()) ? Result<void>() : opened.error();
  }
  const Fd& dir = **opened;
  const auto entries = TRY(sys::list_dir(dir));
  for (const sys::DirEntry& entry : entries) {
    TRY(sys::remove_tree_at({dir, entry.name}));
  }
  return {};
}

// No entry says what they have, so they keep it. Those that are missing are made as the
// layer's tree has them.
Result<std::set<std::string>> kept_directories(ParentDirs& parents,
                                               const std::vector<std::string>& implied) {
  std::set<std::string> kept = {""};
  for (const std::string& path : implied) {
    const auto at = parents.at(path);
    if (!at && is_no_directory(at.error())) {
      continue; // what is there makes way for a directory that has an entry
    }
    if (!at) {
      return at.error();
    }
    const bool exists = TRY(sys::exists_at(*at));
    if (!exists) {
      continue;
    }
    const struct stat found = TRY(sys::stat_at(*at));
    if (!S_ISDIR(found.st_mode)) {
      return Error(printable(path) +
                       ": the layer has files below what is no directory in its parent",
                   EOPNOTSUPP);
    }
    kept.insert(path);
  }
  return kept;
}

} // namespace

Result<void> apply_layer(const Fd& tree, const Fd& layer, const cache::Skeleton& skeleton,
                         const Cloning& cloning, Cloning::Way way) {
  ParentDirs parents(tree);
  for (const auto* paths : {&skeleton.whiteouts, &skeleton.overridden_whiteouts}) {
    for (const std::string& path : *paths) {
      TRY(remove_name(parents, path));
    }
  }
  for (const std::string& path : skeleton.opaque) {
    TRY(empty_directory(parents, path));
  }
  const auto kept = TRY(kept_directories(parents, skeleton.implied));
  TRY(parents.finish());
  TRY(cloning.run(way, layer, tree, kept));
  for (const cache::Node& node : skeleton.nodes) {
    TRY(remove_name(parents, node.path));
  }
  TRY(make_nodes(tree, parents, skeleton.nodes));
  return parents.finish();
}

} // namespace dind::store
