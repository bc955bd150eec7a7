#include <bake/bake.hpp>

#include <bake/carried_blobs.hpp>
#include <bake/layer_pool.hpp>
#include <bake/layer_writer.hpp>
#include <base/readable.hpp>
#include <sys/file.hpp>

#include <unistd.h>

#include <iterator>
#include <unordered_map>
#include <unordered_set>

namespace dind::bake {
namespace {

constexpr std::size_t kMaxWorkers = 4; // more only compete for the disk

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

class Baker {
public:
  Baker(CacheWriter& writer, const images::Collection& collection, const Carried& carried,
        Progress& progress, const StopFlag& stop)
      : writer_(writer), collection_(collection), carried_(carried), progress_(progress),
        stop_(stop) {}

  // Until all layers of the images that are left are there.
  Result<void> write_layers(OnRefusal on_refusal) {
    while (!is_over(on_refusal)) {
      const auto failures = TRY(write_missing_layers());
      if (failures.empty()) {
        return {};
      }
      for (const images::LayerFailure& failure : failures) {
        TRY(writer_.remove_layer_dir(failure.diff_id));
      }
      collection_ = TRY(collection_.without(failures));
    }
    return {};
  }

  Result<BakeReport> finish(OnRefusal on_refusal) {
    report_.refused = collection_.refused();
    report_.warnings.insert(report_.warnings.begin(), collection_.warnings().begin(),
                            collection_.warnings().end());
    if (is_over(on_refusal)) {
      return std::move(report_);
    }
    TRY(remove_unused_layers());
    TRY(write_blobs());
    for (const images::PlannedLayer& planned : collection_.layers()) {
      cache::Layer& layer = written_.at(planned.diff_id);
      layer.blobs = planned.blobs;
      if (carried_.blobs == Blobs::carried) {
        mark_carried(layer, planned);
      }
      report_.bytes += layer.bytes;
      report_.manifest.layers.push_back(std::move(layer));
    }
    for (const images::PlannedImage& planned : collection_.images()) {
      TRY(writer_.write_config(planned.image.id, planned.config));
      report_.layer_uses += planned.image.layers.size();
      report_.manifest.images.push_back(planned.image);
    }
    for (const auto& [digest, document] : documents_of(collection_, carried_)) {
      TRY(writer_.write_document(digest, document.text));
      report_.manifest.documents.push_back(document.facts);
    }
    report_.manifest.build_caches = describe(carried_.build_caches);
    if (stop_) {
      return stopped();
    }
    progress_.done();
    TRY(writer_.finish(report_.manifest));
    return std::move(report_);
  }

private:
  bool is_over(OnRefusal on_refusal) const {
    return collection_.images().empty() ||
           (on_refusal == OnRefusal::refuse_all && !collection_.refused().empty());
  }

  Result<std::vector<images::LayerFailure>> write_missing_layers() {
    const KnownLayer known = [this](const Digest& diff_id) {
      const auto found = written_.find(diff_id);
      return found == written_.end() ? nullptr : &found->second;
    };
    const std::uint64_t in_all = TRY(bytes_to_read(collection_, known));
    progress_.begin("layers", in_all);
    TRY(check_room(writer_, in_all));
    const MakeLayer make = [this](archive::ByteSource& stored,
                                  const LayerDigests& expected) -> Result<WrittenLayer> {
      const Fd dir = TRY(writer_.make_layer_dir(expected.diff_id));
      return write_layer(stored, expected, dir);
    };
    auto layers = make_layers(collection_, make, known, kMaxWorkers, progress_, stop_);
    if (!layers) {
      Error failure = std::move(layers).error();
      return failure.code() == EPERM && ::geteuid() != 0
                 ? std::move(failure).within("only root can give files their owners")
                 : failure;
    }
    for (WrittenLayer& layer : layers->written) {
      const Digest diff_id = layer.facts.diff_id;
      written_.insert_or_assign(diff_id, std::move(layer.facts));
      std::move(layer.warnings.begin(), layer.warnings.end(), std::back_inserter(report_.warnings));
    }
    return std::move(layers->failed);
  }

  Result<void> write_blobs() {
    const auto forms = forms_to_carry(collection_, carried_);
    if (forms.empty()) {
      return {};
    }
    report_.blob_bytes = bytes_of(forms);
    progress_.begin("blobs", report_.blob_bytes);
    TRY(check_room(writer_, report_.blob_bytes));
    for (const images::LayerOrigin* const form : forms) {
      TRY(read_form(*form, progress_, stop_, [&](archive::ByteSource& bytes) {
        return writer_.write_blob(form->blob->digest, bytes);
      }));
    }
    return {};
  }

  // Those of images that were refused for another layer.
  Result<void> remove_unused_layers() {
    std::unordered_set<Digest> used;
    for (const images::PlannedLayer& planned : collection_.layers()) {
      used.insert(planned.diff_id);
    }
    for (const auto& [diff_id, layer] : written_) {
      if (!used.contains(diff_id)) {
        TRY(writer_.remove_layer_dir(diff_id));
      }
    }
    return {};
  }

  CacheWriter& writer_;
  images::Collection collection_; // what is left of it
  const Carried& carried_;
  Progress& progress_;
  const StopFlag& stop_;
  std::unordered_map<Digest, cache::Layer> written_;
  BakeReport report_;
};

} // namespace

Result<BakeReport> bake(CacheWriter& writer, const images::Collection& collection,
                        Progress& progress, const StopFlag& stop, OnRefusal on_refusal,
                        const Carried& carried) {
  Baker baker(writer, collection, carried, progress, stop);
  TRY(baker.write_layers(on_refusal));
  return baker.finish(on_refusal);
}

} // namespace dind::bake
