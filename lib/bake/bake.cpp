#include <bake/bake.hpp>

#include <bake/layer_writer.hpp>
#include <sys/file.hpp>

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

namespace dind::bake {
namespace {

constexpr unsigned kMaxWorkers = 4; // more only compete for the disk

// What is read of a layer's stored bytes, for the progress and for the impatient.
class MeteredSource final : public archive::ByteSource {
public:
  MeteredSource(ByteSource& inner, Progress& progress, const StopFlag& stop)
      : inner_(inner), progress_(progress), stop_(stop) {}

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (stop_) {
      return stopped();
    }
    const std::size_t got = TRY(inner_.read(into));
    progress_.add(got);
    return got;
  }

private:
  ByteSource& inner_;
  Progress& progress_;
  const StopFlag& stop_;
};

std::string short_id(const Digest& digest) {
  return digest.text().substr(0, Digest::kPrefix.size() + 12);
}

std::string label(const cache::Image& image) {
  return image.names.empty() ? short_id(image.id) : image.names.front();
}

// Writes the layers of a collection from several threads.
class Oven {
public:
  Oven(const CacheWriter& writer, const Collection& collection, Progress& progress,
       const StopFlag& stop)
      : writer_(writer), collection_(collection), progress_(progress), stop_(stop),
        written_(collection.layers().size()), images_left_(count_layers(collection)) {}

  Result<std::vector<WrittenLayer>> run() {
    const std::size_t workers = std::min<std::size_t>(
        {kMaxWorkers, std::max(1U, std::thread::hardware_concurrency()), written_.size()});
    std::vector<std::thread> threads;
    for (std::size_t i = 1; i < workers; ++i) {
      threads.emplace_back([this] { work(); });
    }
    work();
    for (std::thread& thread : threads) {
      thread.join();
    }
    if (failure_) {
      return std::move(*failure_);
    }
    std::vector<WrittenLayer> layers;
    for (auto& layer : written_) {
      layers.push_back(std::move(*layer));
    }
    return layers;
  }

private:
  // How many layers each image waits for.
  static std::vector<std::size_t> count_layers(const Collection& collection) {
    std::vector<std::size_t> counts;
    for (const PlannedImage& planned : collection.images()) {
      const std::vector<Digest>& layers = planned.image.layers;
      counts.push_back(std::unordered_set<Digest>(layers.begin(), layers.end()).size());
    }
    return counts;
  }

  void work() {
    for (;;) {
      const std::size_t at = next_++;
      if (at >= written_.size() || failed_) {
        return;
      }
      auto written = write(collection_.layers()[at]);
      const std::lock_guard lock(mutex_);
      if (!written) {
        failed_ = true;
        // The lowest layer's error, whichever thread comes first.
        if (!failure_ || at < failed_at_) {
          failure_ = std::move(written).error();
          failed_at_ = at;
        }
        return;
      }
      written_[at] = std::move(written).value();
      tell_images(collection_.layers()[at].diff_id);
    }
  }

  Result<WrittenLayer> write(const PlannedLayer& layer) {
    const Fd dir = TRY(writer_.make_layer_dir(layer.diff_id));
    std::optional<WrittenLayer> written;
    for (const LayerOrigin& origin : layer.origins) {
      const Stored stored = TRY(origin.bundle->find(origin.file));
      archive::RangeSource raw = stored.source();
      MeteredSource source(raw, progress_, stop_);
      const LayerDigests expected{layer.diff_id, origin.stored_digest};
      const std::string where = "layer " + short_id(layer.diff_id);
      if (written) {
        TRY(check_layer(source, expected).within(where));
      } else {
        written = TRY(write_layer(source, expected, dir).within(where));
      }
    }
    for (std::string& warning : written->warnings) {
      warning = fmt::format("layer {}: {}", short_id(layer.diff_id), warning);
    }
    written->facts.blobs = layer.blobs;
    return std::move(*written);
  }

  void tell_images(const Digest& diff_id) {
    for (std::size_t i = 0; i < images_left_.size(); ++i) {
      const cache::Image& image = collection_.images()[i].image;
      if (std::find(image.layers.begin(), image.layers.end(), diff_id) != image.layers.end() &&
          --images_left_[i] == 0) {
        progress_.say(label(image) + " is done");
      }
    }
  }

  const CacheWriter& writer_;
  const Collection& collection_;
  Progress& progress_;
  const StopFlag& stop_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_; // of what follows
  std::vector<std::optional<WrittenLayer>> written_;
  std::vector<std::size_t> images_left_;
  std::optional<Error> failure_;
  std::size_t failed_at_ = 0;
};

Result<std::uint64_t> bytes_to_read(const Collection& collection) {
  std::uint64_t bytes = 0;
  for (const PlannedLayer& layer : collection.layers()) {
    for (const LayerOrigin& origin : layer.origins) {
      bytes += TRY(origin.bundle->find(origin.file)).size;
    }
  }
  return bytes;
}

// Files take at least the room that their layer has in the source, compressed or not.
// Better to say so now than in minutes.
Result<void> check_room(const CacheWriter& writer, std::uint64_t needed) {
  const auto room = TRY(sys::free_space(writer.root()));
  if (needed > room.bytes) {
    return Error(fmt::format("{} needs at least {}, and {} are free", writer.target().native(),
                             readable_size(needed), readable_size(room.bytes)),
                 ENOSPC);
  }
  return {};
}

} // namespace

Result<BakeReport> bake(CacheWriter& writer, const Collection& collection, Progress& progress,
                        const StopFlag& stop) {
  const std::uint64_t in_all = TRY(bytes_to_read(collection));
  progress.begin(in_all);
  TRY(check_room(writer, in_all));
  auto layers = Oven(writer, collection, progress, stop).run();
  if (!layers) {
    Error failure = std::move(layers).error();
    return failure.code() == EPERM && ::geteuid() != 0
               ? std::move(failure).within("only root can give files their owners")
               : failure;
  }
  BakeReport report;
  for (WrittenLayer& layer : *layers) {
    report.bytes += layer.facts.bytes;
    report.manifest.layers.push_back(std::move(layer.facts));
    std::move(layer.warnings.begin(), layer.warnings.end(), std::back_inserter(report.warnings));
  }
  for (const PlannedImage& planned : collection.images()) {
    TRY(writer.write_config(planned.image.id, planned.config));
    report.layer_uses += planned.image.layers.size();
    report.manifest.images.push_back(planned.image);
  }
  if (stop) {
    return stopped();
  }
  TRY(writer.finish(report.manifest));
  return report;
}

} // namespace dind::bake
