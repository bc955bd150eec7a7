#include <seed/executor.hpp>

#include <archive/compression.hpp>
#include <archive/member_path.hpp>
#include <archive/sha256.hpp>
#include <archive/tar_split.hpp>
#include <store/graph_driver.hpp>
#include <store/image_metadata.hpp>
#include <store/layout.hpp>
#include <sys/dir.hpp>

#include <algorithm>
#include <set>

namespace dind::seed {
namespace {

// Carries out the steps one by one and remembers what they left behind.
class Executor {
public:
  Executor(const SeedPlan& plan, const std::vector<const cache::Cache*>& caches,
           const store::DriverState& state, std::unique_ptr<store::GraphDriver> driver,
           store::ImageMetadata metadata)
      : plan_(plan), caches_(caches), state_(state), driver_(std::move(driver)),
        metadata_(std::move(metadata)) {}

  Result<SeedReport> run(const Interrupted& interrupted) {
    for (const LayerStep& step : plan_.layers) {
      if (interrupted()) {
        return Error("seed", ECANCELED);
      }
      add_layer(step);
    }
    std::map<std::string, Digest> references;
    for (const ImageStep& step : plan_.images) {
      add_image(step, references);
    }
    TRY(metadata_.add_references(references));
    return std::move(report_);
  }

private:
  void add_layer(const LayerStep& step) {
    const cache::Layer& layer = *caches_[step.cache]->manifest().find(step.diff_id);
    auto made = make_layer(step, layer);
    if (!made) {
      failed_.emplace(step.chain_id, std::move(made).error().describe());
      return;
    }
    ++report_.layers[step.method];
    report_.bytes[step.method] += layer.bytes;
  }

  Result<void> make_layer(const LayerStep& step, const cache::Layer& layer) {
    if (step.method == Method::present) {
      cache_ids_.emplace(step.chain_id, state_.layers.at(step.chain_id).cache_id);
      return {};
    }
    store::GraphDriver::OptionalParent parent;
    if (step.parent) {
      const auto found = cache_ids_.find(*step.parent);
      if (found == cache_ids_.end()) {
        const auto failure = failed_.find(*step.parent);
        return Error(failure != failed_.end() ? failure->second : "its parent is missing");
      }
      parent = store::GraphDriver::Parent{*step.parent, found->second};
    }
    const cache::Cache& cache = *caches_[step.cache];
    const std::string doing =
        fmt::format("{} layer {}", name_of(step.method), step.diff_id.hex().substr(0, 12));
    TRY((step.method == Method::link ? borrow(cache, step, parent) : unpack(cache, step, parent))
            .within(doing));
    // A layer of its own in the data root outlives the cache, so its record must.
    const Fd tar_split = TRY(cache.open_tar_split(step.diff_id));
    const store::LayerRecord record{
        .chain_id = step.chain_id,
        .diff_id = step.diff_id,
        .parent = step.parent,
        .cache_id = store::cache_id_of(step.chain_id),
        .size = layer.bytes,
        .tar_split_path = path_in(cache, cache::tar_split_file(step.diff_id)),
        .tar_split_file = step.method == Method::link ? nullptr : &tar_split};
    TRY(metadata_.add_layer(record).within(doing));
    TRY(metadata_.add_distribution(layer).within(doing));
    cache_ids_.emplace(step.chain_id, record.cache_id);
    return {};
  }

  Result<void> borrow(const cache::Cache& cache, const LayerStep& step,
                      const store::GraphDriver::OptionalParent& parent) {
    // The engine will follow the link that this makes; here nothing is followed.
    std::ignore = TRY(cache.open_tree(step.diff_id));
    const cache::Skeleton skeleton = TRY(cache.read_skeleton(step.diff_id));
    return driver_->add_borrowed(step.chain_id, parent,
                                 path_in(cache, cache::tree_dir(step.diff_id)), skeleton);
  }

  // Makes the layer's tar again and unpacks it. The diff ID proves that all of it,
  // metadata and content, is what was baked.
  Result<void> unpack(const cache::Cache& cache, const LayerStep& step,
                      const store::GraphDriver::OptionalParent& parent) {
    const Fd tree = TRY(cache.open_tree(step.diff_id));
    const Fd compressed = TRY(cache.open_tar_split(step.diff_id));
    archive::FdSource file(compressed);
    const auto json = TRY(archive::decompress(file));
    archive::TarSplitSource tar(*json.source, [&](const std::string& name) -> Result<Fd> {
      const std::string path = TRY(archive::clean_path(name));
      return sys::open_beneath(tree, path, O_RDONLY | O_NONBLOCK);
    });
    archive::HashingSource hashed(tar);
    const auto check = [&]() -> Result<void> {
      if (hashed.finish() != step.diff_id) {
        return input_error("its content does not hash to its diff ID");
      }
      return {};
    };
    return driver_->add_unpacked(step.chain_id, parent, hashed, check, {});
  }

  void add_image(const ImageStep& step, std::map<std::string, Digest>& references) {
    const cache::Cache& cache = *caches_[step.cache];
    const cache::Image& image = cache.manifest().images[step.image];
    auto added = step.missing_why.empty() ? make_image(step, cache, image)
                                          : Result<void>(Error(step.missing_why));
    if (!added) {
      report_.images_missing.push_back(label_of(image));
      report_.warnings.push_back(
          fmt::format("image {} is not seeded: {}", label_of(image), added.error().describe()));
      return;
    }
    ++report_.images;
    for (const std::string& name : image.names) {
      references.emplace(name, image.id);
    }
    for (const std::string& name : image.digests) {
      references.emplace(name, image.id);
    }
    images_.insert(image.id);
  }

  Result<void> make_image(const ImageStep& step, const cache::Cache& cache,
                          const cache::Image& image) {
    for (const Digest& chain_id : cache::chain_ids(image.layers)) {
      if (const auto failure = failed_.find(chain_id); failure != failed_.end()) {
        return Error(failure->second);
      }
    }
    if (step.present) {
      return {};
    }
    const std::string config = TRY(cache.read_config(image.id));
    const bool has_parent =
        image.parent && (images_.contains(*image.parent) || state_.images.contains(*image.parent));
    return metadata_.add_image(image, config, has_parent);
  }

  static std::string path_in(const cache::Cache& cache, const std::string& relative) {
    return (cache.path() / relative).native();
  }

  const SeedPlan& plan_;
  const std::vector<const cache::Cache*>& caches_;
  const store::DriverState& state_;
  std::unique_ptr<store::GraphDriver> driver_;
  store::ImageMetadata metadata_;
  std::map<Digest, std::string> cache_ids_; // of layers that are there, by chain ID
  std::map<Digest, std::string> failed_;    // and why, by chain ID
  std::set<Digest> images_;
  SeedReport report_;
};

} // namespace

Result<SeedReport> execute(const SeedPlan& plan, const Fd& data_root,
                           const std::vector<const cache::Cache*>& caches,
                           const store::StoreState& state, const Interrupted& interrupted) {
  const sys::FreeSpace before = TRY(sys::free_space(data_root));
  auto driver = TRY(store::open_driver(data_root, store::kOverlay2));
  auto metadata = TRY(store::ImageMetadata::open(data_root, store::kOverlay2));
  auto report =
      Executor(plan, caches, state.of(store::kOverlay2), std::move(driver), std::move(metadata))
          .run(interrupted);
  if (!report) {
    return report;
  }
  const std::string own = store::kOwnDir;
  const std::string staging = "staging";
  const Fd own_dir = TRY(sys::open_dir_at({data_root, own}));
  std::ignore = sys::remove_tree_at({own_dir, staging});
  const sys::FreeSpace after = TRY(sys::free_space(data_root));
  report->bytes_written = before.bytes > after.bytes ? before.bytes - after.bytes : 0;
  report->files_written = before.inodes > after.inodes ? before.inodes - after.inodes : 0;
  return report;
}

Method strategy_of(const SeedReport& report) {
  const auto most =
      std::max_element(report.bytes.begin(), report.bytes.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == report.bytes.end() ? Method::present : most->first;
}

std::string label_of(const cache::Image& image) {
  return image.names.empty() ? image.id.text() : image.names.front();
}

} // namespace dind::seed
