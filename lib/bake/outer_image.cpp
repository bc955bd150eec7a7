#include <bake/outer_image.hpp>

#include <archive/member_header.hpp>
#include <archive/tar_reader.hpp>
#include <bake/oci_descriptor.hpp>
#include <bake/outer_config.hpp>
#include <bake/oven.hpp>
#include <bake/path_watch.hpp>
#include <bake/programs.hpp>
#include <bake/read_ahead.hpp>
#include <bake/spool.hpp>
#include <sys/file.hpp>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace dind::bake {
namespace {

// Each layer in the making holds some blocks of 4 MiB, so that these bound the memory.
constexpr std::size_t kLayersAtOnce = 2;
constexpr unsigned kMostThreads = 4;

// Engines take 125 layers; some are left to whoever builds on top.
constexpr std::size_t kMostLayers = 120;

// Changed whenever the same layer would give other bytes.
constexpr int kRecipeVersion = 1;

std::string cache_file(const CachePlace& place) {
  return (place.relative_path() / cache::kManifestName).native();
}

// The layers that get an outer layer of their own where `room` are left: the largest. The
// others, whose transfer costs least, share one.
Result<std::unordered_set<Digest>> choose_shared(const Collection& collection, std::size_t room) {
  std::vector<std::pair<std::uint64_t, Digest>> sizes;
  for (const PlannedLayer& layer : collection.layers()) {
    const LayerOrigin& origin = layer.origins.front();
    sizes.emplace_back(TRY(origin.bundle->find(origin.file)).size, layer.diff_id);
  }
  std::unordered_set<Digest> shared;
  if (sizes.size() > room) {
    std::sort(sizes.begin(), sizes.end());
    for (std::size_t i = 0; i < sizes.size() - (room - 1); ++i) {
      shared.insert(sizes[i].second);
    }
  }
  return shared;
}

std::vector<std::string> paths_of_interest(const CachePlace& place) {
  std::vector<std::string> paths = program_paths();
  paths.push_back(cache_file(place));
  return paths;
}

class Maker {
public:
  Maker(const Collection& base, const Collection& collection, const OuterImageOptions& options,
        const Fd& draft, Progress& progress, const StopFlag& stop)
      : base_(base), collection_(collection), options_(options), draft_(draft), progress_(progress),
        stop_(stop), watch_(paths_of_interest(options.place)),
        recipe_(fmt::format("{} {} {}", kRecipeVersion, options.place.native(),
                            archive::compressor_name(options.compression))) {}

  Result<OuterImageReport> run() {
    if (options_.compression != archive::Compression::none) {
      pool_.emplace(options_.compression,
                    std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads));
    }
    TRY(check_volumes(base_.images().front().config, options_.place));
    TRY(read_previous());
    const KnownLayer none = [](const Digest&) { return nullptr; };
    progress_.begin("base", TRY(bytes_to_read(base_, none)));
    TRY(add_base());
    TRY(add_programs());
    TRY(choose_layers());
    progress_.begin("layers", TRY(bytes_to_read(collection_, known())));
    TRY(add_inner_layers());
    progress_.done();
    TRY(add_index());
    return finish();
  }

private:
  Result<void> read_previous() {
    if (options_.previous.empty()) {
      return {};
    }
    Result<PreviousLayers> read = PreviousLayers::read(options_.previous, recipe_);
    if (!read) {
      return std::move(read).error().within(options_.previous.native());
    }
    previous_ = std::move(read).value();
    return {};
  }

  KnownLayer known() const {
    return [this](const Digest& diff_id) -> const cache::Layer* {
      const auto* const found = shared_.contains(diff_id) ? nullptr : previous_.find(diff_id);
      return found ? &found->facts : nullptr;
    };
  }

  archive::CompressorPool* pool() { return pool_ ? &*pool_ : nullptr; }

  // Adds a layer of our own making to the image.
  void put(OuterLayer layer, std::string created_by, const std::optional<Digest>& inner) {
    if (inner) {
      layer.annotations.emplace_back(kLayerAnnotation, inner->text());
    }
    layer.annotations.emplace_back(kRecipeAnnotation, recipe_);
    changes_.layers.push_back({layer.diff_id, std::move(created_by)});
    report_.image.layers.push_back(std::move(layer));
  }

  // A layer of the base stays the blob that a registry has; one that comes as a plain tar is
  // compressed, and one for `docker load` the other way round.
  Result<WrittenLayer> keep_base_layer(archive::ByteSource& stored, const LayerDigests& expected) {
    const bool as_it_is = pool() && expected.stored && *expected.stored != expected.diff_id;
    const auto raw = TRY(BlobWriter::create(draft_));
    const auto made = TRY(LayerBlobWriter::create(draft_, pool()));
    archive::TeeSource teed(stored, *raw);
    const auto source = TRY(LayerSource::open(as_it_is ? teed : stored, expected));
    archive::TeeSource plain(*source, *made);
    {
      ReadAhead ahead(as_it_is ? static_cast<archive::ByteSource&>(*source) : plain);
      TRY(look_at(ahead));
    }
    OuterLayer layer{expected.diff_id, {expected.diff_id, 0}, "", {}};
    if (as_it_is) {
      layer.blob = TRY(raw->finish());
      layer.media_type = layer_media_type(source->compression());
    } else {
      layer = TRY(made->finish());
    }
    base_layers_.emplace(expected.diff_id, std::move(layer));
    return WrittenLayer{{.diff_id = expected.diff_id}, {}};
  }

  Result<void> look_at(archive::ByteSource& tar) {
    watch_.begin_layer();
    archive::TarReader reader(tar);
    for (;;) {
      const auto entry = TRY(reader.next());
      if (!entry) {
        break;
      }
      TRY(watch_.see(*entry));
    }
    return archive::drain(tar);
  }

  Result<void> add_base() {
    const MakeLayer keep = [this](archive::ByteSource& stored, const LayerDigests& expected) {
      return keep_base_layer(stored, expected);
    };
    const KnownLayer none = [](const Digest&) { return nullptr; };
    // One by one, base first: what they have is looked at in that order.
    TRY(make_layers(base_, keep, none, 1, progress_, stop_).within("the base"));
    for (const Digest& diff_id : base_.images().front().image.layers) {
      report_.image.layers.push_back(base_layers_.at(diff_id));
    }
    report_.layers_of_base = report_.image.layers.size();
    if (watch_.find(cache_file(options_.place))) {
      return input_error("the base has images baked in already, which would be lost; give the "
                         "image that it was made from, and all images together");
    }
    return {};
  }

  Result<void> add_programs() {
    if (has_programs(watch_)) {
      return {};
    }
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool()));
    TRY(write_programs_layer(options_.programs, base_.images().front().image.platform, watch_,
                             *blob));
    put(TRY(blob->finish()), "dindctl image: dind-init and dindctl", std::nullopt);
    report_.programs_added = true;
    return {};
  }

  Result<void> choose_layers() {
    const std::size_t used = report_.image.layers.size() + 1; // the index
    if (used >= kMostLayers) {
      return input_error("the base has {} layers, and no room is left for more", used);
    }
    shared_ = TRY(choose_shared(collection_, kMostLayers - used));
    return {};
  }

  Result<void> add_inner_layers() {
    const MakeLayer make = [this](archive::ByteSource& stored, const LayerDigests& expected) {
      return shared_.contains(expected.diff_id) ? make_shared_folder(stored, expected)
                                                : make_own_layer(stored, expected);
    };
    auto written = TRY(make_layers(collection_, make, known(), kLayersAtOnce, progress_, stop_));
    for (WrittenLayer& layer : written) {
      const Digest& diff_id = layer.facts.diff_id;
      if (!shared_.contains(diff_id)) {
        const auto* const old = previous_.find(diff_id);
        if (old) {
          TRY(take_over(*old, options_.previous, draft_));
        }
        (old ? report_.layers_taken_over : report_.layers_made) += 1;
        put(old ? old->layer : made_.at(diff_id), "dindctl image: layer " + diff_id.text(),
            diff_id);
      }
      std::move(layer.warnings.begin(), layer.warnings.end(), std::back_inserter(report_.warnings));
      manifest_.layers.push_back(std::move(layer.facts));
    }
    return shared_.empty() ? Result<void>() : add_shared_layer();
  }

  Result<WrittenLayer> make_own_layer(archive::ByteSource& stored, const LayerDigests& expected) {
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool()));
    auto written = TRY(write_outer_layer(stored, expected, options_.place, draft_, *blob));
    OuterLayer layer = TRY(blob->finish());
    const std::lock_guard lock(mutex_);
    made_.emplace(expected.diff_id, std::move(layer));
    return written;
  }

  Result<WrittenLayer> make_shared_folder(archive::ByteSource& stored,
                                          const LayerDigests& expected) {
    Fd file = TRY(make_nameless(draft_));
    archive::FdSink sink(file);
    auto written = TRY(write_folder(stored, expected, options_.place, draft_, sink));
    const std::lock_guard lock(mutex_);
    folders_.emplace(expected.diff_id, std::move(file));
    return written;
  }

  // The folders that share a layer, in the order of the collection.
  Result<void> add_shared_layer() {
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool()));
    TRY(write_folder_parents(options_.place, *blob));
    for (const PlannedLayer& layer : collection_.layers()) {
      if (const auto found = folders_.find(layer.diff_id); found != folders_.end()) {
        const auto size = static_cast<std::uint64_t>(TRY(sys::stat_of(found->second)).st_size);
        archive::RangeSource folder(found->second, 0, size);
        TRY(archive::pour(folder, *blob));
      }
    }
    folders_.clear();
    TRY(blob->write_text(archive::tar_trailer()));
    put(TRY(blob->finish()), fmt::format("dindctl image: {} small layers", shared_.size()),
        std::nullopt);
    report_.layers_shared = shared_.size();
    return {};
  }

  // The directories above the cache look as in the base.
  Result<std::vector<OuterDir>> parents() const {
    std::vector<OuterDir> dirs;
    for (const std::string& path : places_down_to(options_.place.parent_path())) {
      const archive::TarEntry* const found = watch_.find(path);
      if (found && found->type != archive::EntryType::directory) {
        return input_error("/{} is no directory in the base; choose another --cache-dir", path);
      }
      dirs.push_back(
          found ? OuterDir{path, found->mode, found->uid, found->gid, found->mtime, found->mtime_ns}
                : OuterDir{.path = path});
    }
    return dirs;
  }

  Result<void> add_index() {
    std::vector<NamedConfig> configs;
    std::string names;
    for (const PlannedImage& planned : collection_.images()) {
      manifest_.images.push_back(planned.image);
      configs.push_back({planned.image.id, planned.config});
      for (const std::string& name : planned.image.names) {
        names += (names.empty() ? "" : " ") + name;
      }
    }
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool()));
    const auto above = TRY(parents());
    TRY(write_index_layer(above, options_.place, manifest_, configs, *blob));
    put(TRY(blob->finish()), "dindctl image: index of " + names, std::nullopt);
    return {};
  }

  void add_labels() {
    std::string images;
    for (const cache::Image& image : manifest_.images) {
      const std::string name = image.names.empty() ? "" : image.names.front() + "@";
      const Digest& digest = image.index      ? *image.index
                             : image.manifest ? *image.manifest
                                              : image.id;
      images += fmt::format("{}{}{}", images.empty() ? "" : " ", name, digest.text());
    }
    changes_.labels = {
        {"dind-init.images", images},
        {"dind-init.cache", archive::sha256_of(cache::print_manifest(manifest_)).text()}};
    const cache::Image& base = base_.images().front().image;
    if (!base.names.empty()) {
      changes_.labels.emplace_back("org.opencontainers.image.base.name", base.names.front());
    }
    if (base.manifest) {
      changes_.labels.emplace_back("org.opencontainers.image.base.digest", base.manifest->text());
    }
  }

  Result<OuterImageReport> finish() {
    if (stop_) {
      return stopped();
    }
    const PlannedImage& base = base_.images().front();
    add_labels();
    changes_.place = options_.place;
    changes_.created = options_.created;
    const std::string config = TRY(make_outer_config(base.config, changes_).within("the base"));
    FinishedImage& image = report_.image;
    image.config = TRY(write_blob(draft_, config));
    image.manifest = TRY(write_blob(draft_, print_image_manifest(image.config, image.layers, {})));
    image.platform = base.image.platform;
    image.names = options_.names;
    image.reference = options_.reference;
    report_.images = manifest_.images.size();
    for (const OuterLayer& layer : image.layers) {
      report_.bytes += layer.blob.size;
    }
    return std::move(report_);
  }

  const Collection& base_;
  const Collection& collection_;
  const OuterImageOptions& options_;
  const Fd& draft_;
  Progress& progress_;
  const StopFlag& stop_;
  PathWatch watch_;
  std::string recipe_;
  std::optional<archive::CompressorPool> pool_;
  PreviousLayers previous_;
  std::unordered_map<Digest, OuterLayer> base_layers_;
  std::unordered_set<Digest> shared_; // inner layers without an outer layer of their own
  std::mutex mutex_;                  // of what threads make:
  std::unordered_map<Digest, OuterLayer> made_;
  std::unordered_map<Digest, Fd> folders_;
  cache::Manifest manifest_;
  OuterChanges changes_;
  OuterImageReport report_{
      .image = {.config = {Digest::from_hex(std::string(64, '0')).value(), 0},
                .manifest = {Digest::from_hex(std::string(64, '0')).value(), 0},
                .platform = "",
                .layers = {},
                .names = {},
                .reference = ""},
      .warnings = {}};
};

} // namespace

Result<OuterImageReport> make_outer_image(const Collection& base, const Collection& collection,
                                          const OuterImageOptions& options, const Fd& draft,
                                          Progress& progress, const StopFlag& stop) {
  if (base.images().size() != 1) {
    return input_error("the base is {} images; name one of them", base.images().size());
  }
  const std::string& platform = base.images().front().image.platform;
  if (match_platform(platform, options.platform) == 0) {
    return input_error("the base is for {}, and wanted is {}", platform, options.platform);
  }
  return Maker(base, collection, options, draft, progress, stop).run();
}

} // namespace dind::bake
