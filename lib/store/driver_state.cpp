#include <store/driver_state.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <cache/manifest.hpp>
#include <store/graph_metadata.hpp>
#include <store/layout.hpp>
#include <store/tree.hpp>
#include <sys/file.hpp>

#include <algorithm>

namespace dind::store {
namespace {

constexpr std::size_t kConfigLimit = 16U << 20U;
// Of all that are read: of 10,000 images they have less than half of that.
constexpr std::size_t kConfigsLimit = 256U << 20U;

const std::string kDiffName = "diff";

// A small text file without the white space that dockerd trims as well; "" if it is not there.
std::string text_of(const Fd& dir, const std::string& name) {
  auto text = sys::read_file_at({dir, name}, kSmallFileLimit);
  if (!text) {
    return "";
  }
  text->resize(text->find_last_not_of(" \t\r\n") + 1);
  return std::move(text).value();
}

// Whether an errno says that a file is not there. Others say that it could not be looked at.
bool is_absence(int code) {
  return code == ENOENT || code == ENOTDIR || code == ELOOP;
}

// Finds the directories of layers as one driver lays them out.
class LayerDirs {
public:
  LayerDirs(const Fd& root, const std::string& driver)
      : is_overlay_(driver == kOverlay2 || driver == kFuseOverlayfs),
        dir_(sys::open_beneath(root, layers_dir(driver), O_RDONLY | O_DIRECTORY)) {}

  // An error where it cannot be told whether the layer can be reached.
  Result<void> look_up(PresentLayer& layer) const {
    // A data root without the directory of all has no layer that can be reached.
    const auto own = dir_ ? sys::open_dir_at({*dir_, layer.cache_id}) : Result<Fd>(dir_.error());
    if (!own) {
      return is_absence(own.error().code()) ? Result<void>() : own.error();
    }
    layer.reachable = true;
    if (!is_overlay_) {
      return {};
    }
    // `diff` may be a symlink into a cache, and is then followed on purpose.
    struct stat diff {};
    const bool found = ::fstatat(own->get(), kDiffName.c_str(), &diff, 0) == 0;
    if (!found && !is_absence(errno)) {
      return errno_error("stat {}", kDiffName);
    }
    layer.reachable = found && S_ISDIR(diff.st_mode);
    auto target = sys::read_link_at({*own, kDiffName});
    layer.borrowed_from = target ? std::move(target).value() : "";
    const std::string lower = text_of(*own, "lower");
    const auto colons = std::count(lower.begin(), lower.end(), ':');
    layer.lowers = lower.empty() ? 0 : static_cast<std::size_t>(colons) + 1;
    return {};
  }

private:
  bool is_overlay_;
  Result<Fd> dir_;
};

// A link to that of a cache may lead nowhere.
Result<bool> has_tar_split(const Fd& record) {
  if (::faccessat(record.get(), kTarSplitName, F_OK, 0) == 0) {
    return true;
  }
  return is_absence(errno) ? Result<bool>(false) : errno_error("look for {}", kTarSplitName);
}

// Whether a layer can be used. Of those that are not ours, dockerd is to judge.
Result<void> look_up(const LayerDirs& dirs, const Fd& record, PresentLayer& layer) {
  auto done = dirs.look_up(layer);
  if (!done && layer.ours) {
    return done;
  }
  // Without one, it was being made anew when that was broken off.
  layer.reachable = layer.reachable && (!layer.ours || TRY(has_tar_split(record)));
  return {};
}

// nullopt for a record that dockerd would not load (moby layer/filestore.go), or that its chain ID
// does not prove: a layer cannot stand on itself then.
std::optional<PresentLayer> read_layer(const Fd& record, const Digest& chain_id) {
  const auto diff_id = Digest::parse(text_of(record, kDiffName));
  std::string cache_id = text_of(record, "cache-id");
  if (!diff_id || !is_name(cache_id)) {
    return std::nullopt;
  }
  PresentLayer layer{.diff_id = *diff_id};
  if (const std::string parent = text_of(record, "parent"); !parent.empty()) {
    const auto parsed = Digest::parse(parent);
    if (!parsed) {
      return std::nullopt;
    }
    layer.parent = *parsed;
  }
  if (cache::next_chain_id(layer.parent, layer.diff_id) != chain_id) {
    return std::nullopt;
  }
  layer.ours = cache_id == cache_id_of(chain_id);
  layer.cache_id = std::move(cache_id);
  return layer;
}

void drop_too_deep(std::map<Digest, PresentLayer>& layers) {
  for (const auto& [chain_id, depth] : depths_of(layers)) {
    if (depth > kMostLayers) {
      layers.erase(chain_id);
    }
  }
}

Result<std::map<Digest, PresentLayer>> read_layers(const Fd& root, const std::string& driver) {
  std::map<Digest, PresentLayer> layers;
  const auto records = TRY(entries_of(root, layerdb_dir(driver)));
  if (records.empty()) {
    return layers;
  }
  const Fd layerdb = TRY(sys::open_beneath(root, layerdb_dir(driver), O_RDONLY | O_DIRECTORY));
  const LayerDirs dirs(root, driver);
  for (const sys::DirEntry& entry : records) {
    const auto chain_id = Digest::from_hex(entry.name); // others are being removed
    const auto record = sys::open_dir_at({layerdb, entry.name});
    if (!chain_id || !record) {
      continue;
    }
    if (auto layer = read_layer(*record, *chain_id)) {
      TRY(look_up(dirs, *record, *layer).within(entry.name));
      layers.emplace(*chain_id, *std::move(layer));
    }
  }
  drop_too_deep(layers);
  return layers;
}

// nullopt for a configuration that dockerd would not load (moby image/fs.go, image/store.go).
std::optional<std::vector<Digest>> layers_of(const std::string& config, const Digest& id) {
  if (archive::sha256_of(config) != id) {
    return std::nullopt;
  }
  auto diff_ids = diff_ids_of(config);
  return diff_ids && diff_ids->size() <= kMostLayers ? std::optional(std::move(diff_ids).value())
                                                     : std::nullopt;
}

Result<std::map<Digest, std::vector<Digest>>> read_images(const Fd& root,
                                                          const std::string& driver) {
  std::map<Digest, std::vector<Digest>> images;
  const auto configs = TRY(entries_of(root, image_config_dir(driver)));
  if (configs.empty()) {
    return images;
  }
  const Fd dir = TRY(sys::open_beneath(root, image_config_dir(driver), O_RDONLY | O_DIRECTORY));
  std::size_t left = kConfigsLimit;
  for (const sys::DirEntry& entry : configs) {
    const auto id = Digest::from_hex(entry.name);
    const auto config = id ? sys::read_file_at({dir, entry.name}, std::min(kConfigLimit, left))
                           : Result<std::string>("");
    if (!id || !config) {
      continue;
    }
    left -= config->size();
    if (auto diff_ids = layers_of(*config, *id)) {
      images.emplace(*id, *std::move(diff_ids));
    }
  }
  return images;
}

Result<std::set<Digest>> read_container_layers(const Fd& root, const std::string& driver) {
  std::set<Digest> layers;
  const std::string path = layerdb_mounts_dir(driver);
  const auto containers = TRY(entries_of(root, path));
  for (const sys::DirEntry& container : containers) {
    const auto mount = sys::open_beneath(root, path + "/" + container.name, O_RDONLY | O_DIRECTORY);
    const auto parent = Digest::parse(mount ? text_of(*mount, "parent") : "");
    if (parent) {
      layers.insert(*parent);
    }
  }
  return layers;
}

} // namespace

std::map<Digest, std::size_t> depths_of(const std::map<Digest, PresentLayer>& layers) {
  std::map<Digest, std::size_t> depths;
  for (const auto& [chain_id, layer] : layers) {
    std::vector<Digest> above; // the first whose depth is known, or the bottom
    auto next = layers.find(chain_id);
    while (next != layers.end() && depths.emplace(next->first, 0).second) {
      above.push_back(next->first);
      next = next->second.parent ? layers.find(*next->second.parent) : layers.end();
    }
    std::size_t depth = next == layers.end() ? 0 : depths.at(next->first);
    for (auto one = above.rbegin(); one != above.rend(); ++one) {
      depths[*one] = ++depth;
    }
  }
  return depths;
}

Result<std::vector<sys::DirEntry>> entries_of(const Fd& root, const std::string& path) {
  const auto dir = sys::open_beneath(root, path, O_RDONLY | O_DIRECTORY);
  if (!dir && dir.error().is(std::errc::no_such_file_or_directory)) {
    return std::vector<sys::DirEntry>();
  }
  if (!dir) {
    return dir.error();
  }
  return sys::list_dir(*dir).within(path);
}

Result<std::vector<Digest>> diff_ids_of(const std::string& config) {
  const json::value document = TRY(json::parse_as_go(config));
  const auto fields = TRY(json::Fields::of(document));
  std::vector<Digest> diff_ids;
  const json::object* rootfs = TRY(fields.child_or_none("rootfs"));
  if (rootfs) {
    const auto texts = TRY(json::Fields(*rootfs).texts_or_none("diff_ids"));
    for (const std::string& text : texts) {
      diff_ids.push_back(TRY(Digest::parse(text)));
    }
  }
  return diff_ids;
}

Result<DriverState> read_driver_state(const Fd& root, const std::string& driver) {
  DriverState state;
  state.layers = TRY(read_layers(root, driver));
  state.images = TRY(read_images(root, driver));
  state.references = TRY(read_references(root, driver));
  state.container_layers = TRY(read_container_layers(root, driver));
  return state;
}

} // namespace dind::store
