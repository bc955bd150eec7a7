#include <bake/carried_blobs.hpp>

#include <archive/sha256.hpp>
#include <bake/metered_source.hpp>

#include <algorithm>

namespace dind::bake {
namespace {

bool is_compressed(const images::LayerOrigin& form, const Digest& diff_id) {
  return form.blob && form.blob->digest != diff_id;
}

} // namespace

std::vector<const images::LayerOrigin*> compressed_forms(const images::Collection& collection) {
  std::vector<const images::LayerOrigin*> forms;
  for (const images::PlannedLayer& layer : collection.layers()) {
    for (const images::LayerOrigin& origin : layer.origins) {
      if (is_compressed(origin, layer.diff_id)) {
        forms.push_back(&origin);
      }
    }
  }
  return forms;
}

std::uint64_t bytes_of(const std::vector<const images::LayerOrigin*>& forms) {
  std::uint64_t bytes = 0;
  for (const images::LayerOrigin* const form : forms) {
    bytes += form->blob->size;
  }
  return bytes;
}

Result<void> read_form(const images::LayerOrigin& form, Progress& progress, const StopFlag& stop,
                       const std::function<Result<void>(archive::ByteSource&)>& use) {
  const std::string where = "blob " + form.blob->digest.short_hex();
  const images::Stored stored = TRY(form.bundle->find(form.file).within(where));
  archive::RangeSource raw = stored.source();
  MeteredSource metered(raw, progress, stop);
  archive::HashingSource hashed(metered);
  TRY(use(hashed).within(where));
  const Digest found = hashed.finish();
  return found == form.blob->digest ? Result<void>()
                                    : input_error("{}: its digest is {}, not {}", where,
                                                  found.text(), form.blob->digest.text());
}

void mark_carried(cache::Layer& layer, const images::PlannedLayer& planned) {
  for (cache::Blob& blob : layer.blobs) {
    blob.carried = std::any_of(
        planned.origins.begin(), planned.origins.end(), [&](const images::LayerOrigin& origin) {
          return is_compressed(origin, layer.diff_id) && origin.blob->digest == blob.digest;
        });
  }
}

} // namespace dind::bake
