#include <bake/carried_blobs.hpp>

#include <archive/sha256.hpp>
#include <bake/metered_source.hpp>

#include <algorithm>
#include <set>

namespace dind::bake {
namespace {

bool is_compressed(const images::LayerOrigin& form, const Digest& diff_id) {
  return form.blob && form.blob->digest != diff_id;
}

} // namespace

std::vector<const images::LayerOrigin*> forms_to_carry(const images::Collection& collection,
                                                       const Carried& carried) {
  std::vector<const images::LayerOrigin*> forms;
  std::set<Digest> known;
  const auto add = [&](const images::LayerOrigin& form) {
    if (known.insert(form.blob->digest).second) {
      forms.push_back(&form);
    }
  };
  for (const images::PlannedLayer& layer : collection.layers()) {
    for (const images::LayerOrigin& origin : layer.origins) {
      if (carried.blobs == Blobs::carried && is_compressed(origin, layer.diff_id)) {
        add(origin);
      }
    }
  }
  for (const images::BuildCache& build : carried.build_caches) {
    std::for_each(build.blobs.begin(), build.blobs.end(), add);
  }
  return forms;
}

images::PlannedDocuments documents_of(const images::Collection& collection,
                                      const Carried& carried) {
  images::PlannedDocuments documents = collection.documents();
  for (const images::BuildCache& build : carried.build_caches) {
    documents.emplace(build.document.facts.digest, build.document);
  }
  return documents;
}

std::vector<cache::BuildCache> describe(const std::vector<images::BuildCache>& build_caches) {
  std::vector<cache::BuildCache> described;
  for (const images::BuildCache& build : build_caches) {
    described.push_back({build.name, build.document.facts.digest, {}});
    for (const images::LayerOrigin& origin : build.blobs) {
      described.back().blobs.push_back(*origin.blob);
    }
  }
  return described;
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
