#include <outer/outer_image.hpp>

#include <archive/member_header.hpp>
#include <bake/carried_blobs.hpp>
#include <bake/layer_pool.hpp>
#include <cache/reader.hpp>
#include <sys/file.hpp>
#include <images/oci_descriptor.hpp>
#include <images/spool.hpp>
#include <outer/outer_base.hpp>
#include <outer/outer_config.hpp>
#include <outer/outer_labels.hpp>
#include <outer/programs.hpp>
#include <outer/shared_layers.hpp>

#include <algorithm>
#include <array>
#include <mutex>
#include <span>
#include <thread>
#include <unordered_map>
#include <unordered_set>

namespace dind::outer {
namespace {

// Each layer in the making holds some blocks of 4 MiB, so that these bound the memory.
constexpr std::size_t kLayersAtOnce = 2;
constexpr unsigned kMostThreads = 4;

// Changed whenever the same layer would give other bytes.
constexpr int kRecipeVersion = 2;

std::string cache_file(const CachePlace& place) {
  return (place.relative_path() / cache::kManifestName).native();
}

class NullSink final : public archive::ByteSink {
public:
  Result<void> write(std::span<const std::byte>) override { return {}; }
};

std::vector<std::string> paths_of_interest(const CachePlace& place) {
  std::vector<std::string> paths = program_paths();
  paths.push_back(cache_file(place));
  return paths;
}

OuterImageReport no_image() {
  const StoredBlob none{Digest::from_hex(std::string(64, '0')).value(), 0};
  return {.image = {.config = none,
                    .manifest = none,
                    .platform = "",
                    .layers = {},
                    .names = {},
                    .reference = ""},
          .added = {},
          .nothing_to_reuse = "",
          .warnings = {},
          .refused = {}};
}

class Maker {
public:
  Maker(const images::Collection& base, const images::Collection& collection,
        const OuterImageOptions& options, const Fd& draft, bake::Progress& progress,
        const StopFlag& stop)
      : base_(base), collection_(collection), options_(options), draft_(draft), progress_(progress),
        stop_(stop), recipe_(fmt::format("{} {} {}", kRecipeVersion, options.place.native(),
                                         archive::compressor_name(options.compression))) {}

  Result<OuterImageReport> run() {
    if (options_.compression != archive::Compression::none) {
      pool_.emplace(options_.compression,
                    std::clamp(std::thread::hardware_concurrency(), 1U, kMostThreads));
    }
    TRY(check_volumes(base_.images().front().config, options_.place));
    read_previous();
    TRY(add_base());
    TRY(add_programs());
    TRY(choose_layers());
    progress_.begin("layers", TRY(bake::bytes_to_read(collection_, known())));
    TRY(add_inner_layers());
    TRY(add_blobs());
    progress_.done();
    TRY(add_index());
    return finish();
  }

  // Why `run` failed, where it is layers that cannot be had.
  const std::vector<images::LayerFailure>& failures() const { return failures_; }

private:
  void read_previous() {
    if (options_.previous.empty()) {
      return;
    }
    previous_ = PreviousLayers::read(options_.previous, recipe_);
    report_.warnings = previous_.warnings();
    report_.nothing_to_reuse = previous_.absence();
  }

  bake::KnownLayer known() const {
    return [this](const Digest& diff_id) -> const cache::Layer* {
      const auto* const found = shared_.contains(diff_id) ? nullptr : previous_.find_inner(diff_id);
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

  Result<void> add_base() {
    const OuterMaking making{draft_, pool(), previous_, recipe_, progress_, stop_};
    brought_ = TRY(bring_base(base_, paths_of_interest(options_.place), making));
    report_.image.layers = std::move(brought_->layers);
    report_.layers_of_base = report_.image.layers.size();
    report_.base_layers_taken_over = brought_->layers_taken_over;
    if (files().find(cache_file(options_.place))) {
      return input_error("the base has images baked in already, which would be lost; give the "
                         "image that it was made from, and all images together");
    }
    return {};
  }

  const LayeredPaths& files() const { return brought_->files; }

  Result<void> add_programs() {
    report_.added = look_for_programs(files());
    if (!report_.added.anything()) {
      return {};
    }
    const KeptLayer* const kept = TRY(find_kept_programs());
    put(kept ? TRY(previous_.take_over(*kept, draft_)) : TRY(make_programs_layer()),
        report_.added.programs ? "dindctl image: dind-init and dindctl"
                               : "dindctl image: a link to dind-init",
        std::nullopt);
    return {};
  }

  Result<const KeptLayer*> find_kept_programs() const {
    if (previous_.empty()) {
      return nullptr;
    }
    NullSink nowhere;
    archive::HashingSink hashed(nowhere);
    TRY(write_programs(hashed));
    return previous_.find(hashed.finish());
  }

  Result<void> write_programs(archive::ByteSink& tar) const {
    return write_programs_layer(options_.programs, base_.images().front().image.platform, files(),
                                report_.added, tar);
  }

  Result<OuterLayer> make_programs_layer() {
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool(), stop_));
    TRY(write_programs(*blob));
    return blob->finish();
  }

  Result<void> choose_layers() {
    const std::size_t used = report_.image.layers.size() + 1; // the index
    if (used >= kMostOuterLayers) {
      return input_error("the base has {} layers, which leaves no room for images: {} are the most "
                         "that an image gets here",
                         report_.layers_of_base, kMostOuterLayers);
    }
    forms_ = bake::forms_to_carry(collection_, options_.carried);
    const std::size_t room = kMostOuterLayers - used;
    const std::size_t for_blobs = std::min(forms_.size(), room / 2);
    shared_ = TRY(choose_shared(collection_, room - for_blobs));
    return {};
  }

  // Compressed layers as they came, each in an outer layer of its own as far as there is room: the
  // large ones. They are not compressed again.
  Result<void> add_blobs() {
    progress_.begin("blobs", bake::bytes_of(forms_));
    const std::size_t room = kMostOuterLayers - 1 - report_.image.layers.size();
    auto by_size = forms_;
    std::stable_sort(by_size.begin(), by_size.end(),
                     [](const auto* a, const auto* b) { return a->blob->size > b->blob->size; });
    const std::size_t alone = by_size.size() > room ? room - 1 : by_size.size();
    for (std::size_t i = 0; i < alone; ++i) {
      TRY(add_blob(*by_size[i]));
    }
    if (by_size.size() > alone) {
      put(TRY(make_blob_layer(std::span(by_size).subspan(alone))),
          fmt::format("dindctl image: {} small blobs", by_size.size() - alone), std::nullopt);
    }
    for (std::size_t i = 0; i < manifest_.layers.size(); ++i) {
      if (options_.carried.blobs == bake::Blobs::carried) {
        bake::mark_carried(manifest_.layers[i], collection_.layers()[i]);
      }
    }
    report_.blobs_carried = forms_.size();
    return {};
  }

  Result<void> add_blob(const images::LayerOrigin& form) {
    const Digest& digest = form.blob->digest;
    const KeptLayer* const kept = previous_.find_blob(digest);
    const std::array forms = {&form};
    OuterLayer layer = TRY(kept ? previous_.take_over(*kept, draft_) : make_blob_layer(forms));
    layer.annotations.emplace_back(kBlobAnnotation, digest.text());
    put(std::move(layer), "dindctl image: blob " + digest.text(), std::nullopt);
    return {};
  }

  Result<OuterLayer> make_blob_layer(std::span<const images::LayerOrigin* const> forms) {
    const auto blob = TRY(LayerBlobWriter::create(draft_, nullptr, stop_));
    TRY(write_blob_parents(options_.place, *blob));
    for (const images::LayerOrigin* const form : forms) {
      TRY(bake::read_form(*form, progress_, stop_, [&](archive::ByteSource& bytes) {
        return write_blob_file(options_.place, *form->blob, bytes, *blob);
      }));
    }
    TRY(blob->write_text(archive::tar_trailer()));
    return blob->finish();
  }

  Result<void> add_inner_layers() {
    const bake::MakeLayer make = [this](archive::ByteSource& stored,
                                        const bake::LayerDigests& expected) {
      return shared_.contains(expected.diff_id) ? make_shared_folder(stored, expected)
                                                : make_own_layer(stored, expected);
    };
    auto layers =
        TRY(bake::make_layers(collection_, make, known(), kLayersAtOnce, progress_, stop_));
    if (!layers.failed.empty()) {
      failures_ = std::move(layers.failed);
      return failures_.front().why;
    }
    for (bake::WrittenLayer& layer : layers.written) {
      const Digest& diff_id = layer.facts.diff_id;
      if (!shared_.contains(diff_id)) {
        const auto* const old = previous_.find_inner(diff_id);
        (old ? report_.layers_taken_over : report_.layers_made) += 1;
        put(old ? TRY(previous_.take_over(*old, draft_)) : made_.at(diff_id),
            "dindctl image: layer " + diff_id.text(), diff_id);
      }
      std::move(layer.warnings.begin(), layer.warnings.end(), std::back_inserter(report_.warnings));
      manifest_.layers.push_back(std::move(layer.facts));
    }
    return shared_.empty() ? Result<void>() : add_shared_layer();
  }

  Result<bake::WrittenLayer> make_own_layer(archive::ByteSource& stored,
                                            const bake::LayerDigests& expected) {
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool(), stop_));
    auto written = TRY(write_outer_layer(stored, expected, options_.place, draft_, *blob));
    OuterLayer layer = TRY(blob->finish());
    const std::lock_guard lock(mutex_);
    made_.emplace(expected.diff_id, std::move(layer));
    return written;
  }

  Result<bake::WrittenLayer> make_shared_folder(archive::ByteSource& stored,
                                                const bake::LayerDigests& expected) {
    Fd file = TRY(images::make_nameless(draft_));
    archive::FdSink sink(file);
    auto written = TRY(write_folder(stored, expected, options_.place, draft_, sink));
    const std::lock_guard lock(mutex_);
    folders_.emplace(expected.diff_id, std::move(file));
    return written;
  }

  // The folders that share a layer, in the order of the collection.
  Result<void> add_shared_layer() {
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool(), stop_));
    TRY(write_folder_parents(options_.place, *blob));
    for (const images::PlannedLayer& layer : collection_.layers()) {
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

  Result<void> add_index() {
    std::vector<NamedText> texts;
    std::string names;
    for (const images::PlannedImage& planned : collection_.images()) {
      manifest_.images.push_back(planned.image);
      texts.push_back({cache::config_file(planned.image.id), planned.config});
      for (const std::string& name : planned.image.names) {
        names += (names.empty() ? "" : " ") + name;
      }
    }
    manifest_.build_caches = bake::describe(options_.carried.build_caches);
    for (const auto& [digest, document] : bake::documents_of(collection_, options_.carried)) {
      texts.push_back({cache::document_file(digest), document.text});
      manifest_.documents.push_back(document.facts);
    }
    const auto blob = TRY(LayerBlobWriter::create(draft_, pool(), stop_));
    const auto above = TRY(dirs_above(options_.place, files()));
    TRY(write_index_layer(above, options_.place, manifest_, texts, *blob));
    put(TRY(blob->finish()), "dindctl image: index of " + names, std::nullopt);
    return {};
  }

  Result<OuterImageReport> finish() {
    if (stop_) {
      return stopped();
    }
    const images::PlannedImage& base = base_.images().front();
    changes_.labels = make_labels(manifest_, base.image);
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
    report_.refused = collection_.refused();
    report_.warnings.insert(report_.warnings.begin(), collection_.warnings().begin(),
                            collection_.warnings().end());
    for (const OuterLayer& layer : image.layers) {
      report_.bytes += layer.blob.size;
    }
    return std::move(report_);
  }

  const images::Collection& base_;
  const images::Collection& collection_;
  const OuterImageOptions& options_;
  const Fd& draft_;
  bake::Progress& progress_;
  const StopFlag& stop_;
  std::string recipe_;
  std::optional<archive::CompressorPool> pool_;
  PreviousLayers previous_;
  std::optional<OuterBase> brought_;  // once it is there
  std::unordered_set<Digest> shared_; // inner layers without an outer layer of their own
  std::vector<const images::LayerOrigin*> forms_; // that the cache is to carry
  std::mutex mutex_;                              // of what threads make:
  std::unordered_map<Digest, OuterLayer> made_;
  std::unordered_map<Digest, Fd> folders_;
  std::vector<images::LayerFailure> failures_;
  cache::Manifest manifest_;
  OuterChanges changes_;
  OuterImageReport report_ = no_image();
};

} // namespace

Result<OuterImageReport> make_outer_image(const images::Collection& base,
                                          const images::Collection& collection,
                                          const OuterImageOptions& options, const Fd& draft,
                                          bake::Progress& progress, const StopFlag& stop,
                                          bake::OnRefusal on_refusal) {
  if (!base.refused().empty()) {
    return base.refused().front();
  }
  if (base.images().size() != 1) {
    return input_error("the base is {} images; name one of them", base.images().size());
  }
  const std::string& platform = base.images().front().image.platform;
  if (images::match_platform(platform, options.platform) == 0) {
    return input_error("the base is for {}, and wanted is {}", platform, options.platform);
  }
  images::Collection left = collection;
  while (!left.images().empty() &&
         (on_refusal == bake::OnRefusal::go_on || left.refused().empty())) {
    Maker maker(base, left, options, draft, progress, stop);
    auto made = maker.run();
    if (made || maker.failures().empty()) {
      return made;
    }
    left = TRY(left.without(maker.failures()));
  }
  OuterImageReport nothing = no_image();
  nothing.refused = left.refused();
  return nothing;
}

} // namespace dind::outer
