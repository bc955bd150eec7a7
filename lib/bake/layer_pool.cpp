#include <bake/layer_pool.hpp>

#include <bake/layer_writer.hpp>
#include <bake/metered_source.hpp>
#include <sys/workers.hpp>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

namespace dind::bake {
namespace {

std::string short_label(const cache::Image& image) {
  return image.names.empty() ? image.id.short_hex() : image.names.front();
}

// Writes the layers of a collection from several threads.
class LayerPool {
public:
  LayerPool(const images::Collection& collection, const MakeLayer& make, const KnownLayer& known,
            Progress& progress, const StopFlag& stop)
      : collection_(collection), make_(make), known_(known), progress_(progress), stop_(stop),
        made_(collection.layers().size()), images_left_(count_layers(collection)) {}

  Result<MadeLayers> run(std::size_t most_workers) {
    sys::run_on_workers(
        std::min<std::size_t>(
            {most_workers, std::max(1U, std::thread::hardware_concurrency()), made_.size()}),
        [this] { work(); });
    if (failure_) {
      return std::move(*failure_);
    }
    MadeLayers layers;
    for (std::size_t at = 0; at < made_.size(); ++at) {
      if (*made_[at]) {
        layers.written.push_back(std::move(*made_[at]).value());
      } else {
        layers.failed.push_back(std::move(*made_[at]).error());
      }
    }
    return layers;
  }

private:
  using Outcome = Result<WrittenLayer, images::LayerFailure>;

  // How many layers each image waits for.
  static std::vector<std::size_t> count_layers(const images::Collection& collection) {
    std::vector<std::size_t> counts;
    for (const images::PlannedImage& planned : collection.images()) {
      const std::vector<Digest>& layers = planned.image.layers;
      counts.push_back(std::unordered_set<Digest>(layers.begin(), layers.end()).size());
    }
    return counts;
  }

  void work() {
    for (;;) {
      const std::size_t at = next_++;
      if (at >= made_.size() || failed_) {
        return;
      }
      Outcome made = make_layer(collection_.layers()[at]);
      const std::lock_guard lock(mutex_);
      if (!made && made.error().why.code() != 0) {
        failed_ = true;
        // The lowest layer's error, whichever thread comes first.
        if (!failure_ || at < failed_at_) {
          failure_ = std::move(made).error().why;
          failed_at_ = at;
        }
        return;
      }
      if (made) {
        tell_images(collection_.layers()[at].diff_id);
      }
      made_[at] = std::move(made);
    }
  }

  Outcome make_layer(const images::PlannedLayer& layer) {
    if (const cache::Layer* const same = known_(layer.diff_id)) {
      WrittenLayer written{*same, {}};
      written.facts.blobs = layer.blobs;
      return written;
    }
    const std::string where = "layer " + layer.diff_id.short_hex();
    auto made = read_form(layer, layer.origins.front(), make_).within(where);
    if (!made) {
      return images::LayerFailure{layer.diff_id, layer.origins.front(), std::move(made).error()};
    }
    for (std::size_t i = 1; i < layer.origins.size(); ++i) {
      if (auto checked = read_form(layer, layer.origins[i], check_layer).within(where); !checked) {
        return images::LayerFailure{layer.diff_id, layer.origins[i], std::move(checked).error()};
      }
    }
    for (std::string& warning : made->warnings) {
      warning = fmt::format("{}: {}", where, warning);
    }
    made->facts.blobs = layer.blobs;
    return std::move(made).value();
  }

  // Has `use` read one of the forms that the layer is stored in.
  template <typename Use>
  auto read_form(const images::PlannedLayer& layer, const images::LayerOrigin& origin,
                 const Use& use)
      -> decltype(use(std::declval<MeteredSource&>(), std::declval<LayerDigests>())) {
    const images::Stored stored = TRY(origin.bundle->find(origin.file));
    archive::RangeSource raw = stored.source();
    MeteredSource source(raw, progress_, stop_);
    const LayerDigests expected{layer.diff_id, origin.stored_digest};
    return use(source, expected);
  }

  void tell_images(const Digest& diff_id) {
    for (std::size_t i = 0; i < images_left_.size(); ++i) {
      const cache::Image& image = collection_.images()[i].image;
      if (std::find(image.layers.begin(), image.layers.end(), diff_id) != image.layers.end() &&
          --images_left_[i] == 0) {
        progress_.say(short_label(image) + " is done");
      }
    }
  }

  const images::Collection& collection_;
  const MakeLayer& make_;
  const KnownLayer& known_;
  Progress& progress_;
  const StopFlag& stop_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_; // of what follows
  std::vector<std::optional<Outcome>> made_;
  std::vector<std::size_t> images_left_;
  std::optional<Error> failure_;
  std::size_t failed_at_ = 0;
};

} // namespace

Result<std::uint64_t> bytes_to_read(const images::Collection& collection, const KnownLayer& known) {
  std::uint64_t bytes = 0;
  for (const images::PlannedLayer& layer : collection.layers()) {
    if (known(layer.diff_id)) {
      continue;
    }
    for (const images::LayerOrigin& origin : layer.origins) {
      bytes += TRY(origin.bundle->find(origin.file)).size;
    }
  }
  return bytes;
}

Result<MadeLayers> make_layers(const images::Collection& collection, const MakeLayer& make,
                               const KnownLayer& known, std::size_t workers, Progress& progress,
                               const StopFlag& stop) {
  return LayerPool(collection, make, known, progress, stop).run(workers);
}

} // namespace dind::bake
