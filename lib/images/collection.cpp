#include <images/collection.hpp>

#include <cache/reference.hpp>

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_set>

namespace dind::images {
namespace {

bool has(const std::vector<std::string>& list, const std::string& text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

void merge_blob(std::vector<cache::Blob>& blobs, const cache::Blob& blob,
                const std::set<std::string>& repositories) {
  auto at = std::lower_bound(
      blobs.begin(), blobs.end(), blob.digest,
      [](const cache::Blob& known, const Digest& digest) { return known.digest < digest; });
  if (at == blobs.end() || at->digest != blob.digest) {
    at = blobs.insert(at, blob);
  }
  std::set<std::string> all(at->repositories.begin(), at->repositories.end());
  all.insert(repositories.begin(), repositories.end());
  at->repositories.assign(all.begin(), all.end());
}

void merge_origin(PlannedLayer& layer, const LayerOrigin& origin) {
  // A form that the same digest vouches for need not be read again; nor any form
  // that vouches for nothing, once there is one to unpack.
  const bool is_new_form =
      origin.stored_digest && *origin.stored_digest != layer.diff_id &&
      std::none_of(layer.origins.begin(), layer.origins.end(), [&](const LayerOrigin& known) {
        return known.stored_digest == origin.stored_digest;
      });
  if (layer.origins.empty() || is_new_form) {
    layer.origins.push_back(origin);
  }
}

std::set<std::string> repositories_of(const std::vector<std::string>& names) {
  std::set<std::string> repositories;
  for (const std::string& name : names) {
    if (const auto parsed = cache::parse_reference(name)) {
      repositories.insert(parsed->repository());
    }
  }
  return repositories;
}

// "alpine@sha256:..." for each repository and each digest that is known of it, besides those
// that an engine told.
void name_digests(cache::Image& image) {
  std::set<std::string> digests(image.digests.begin(), image.digests.end());
  for (const std::string& name : image.names) {
    const auto parsed = cache::parse_reference(name);
    for (const auto& digest : {image.manifest, image.index}) {
      if (parsed && digest) {
        digests.insert(parsed->familiar_digested(*digest));
      }
    }
  }
  image.digests.assign(digests.begin(), digests.end());
}

std::string label(const cache::Image& image) {
  return image.names.empty() ? image.id.text() : image.names.front();
}

const LayerFailure* failure_of(const SourceImage& source,
                               const std::vector<LayerFailure>& failures) {
  const auto found = std::find_if(failures.begin(), failures.end(), [&](const LayerFailure& each) {
    for (std::size_t i = 0; i < source.layers.size(); ++i) {
      const LayerOrigin& origin = source.layers[i];
      if (source.image.layers[i] == each.diff_id && origin.bundle == each.origin.bundle &&
          origin.file == each.origin.file) {
        return true;
      }
    }
    return false;
  });
  return found == failures.end() ? nullptr : &*found;
}

} // namespace

void Collection::add_layers(const SourceImage& source) {
  const auto repositories = repositories_of(source.image.names);
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    const Digest& diff_id = source.image.layers[i];
    const auto [at, is_new] = layer_index_.emplace(diff_id, layers_.size());
    if (is_new) {
      layers_.push_back({diff_id, {}, {}});
    }
    PlannedLayer& layer = layers_[at->second];
    merge_origin(layer, source.layers[i]);
    if (source.layers[i].blob) {
      merge_blob(layer.blobs, *source.layers[i].blob, repositories);
    }
  }
}

void Collection::take_names(const cache::Image& image) {
  for (const std::string& name : image.names) {
    for (PlannedImage& other : images_) {
      if (other.image.id != image.id && std::erase(other.image.names, name) > 0) {
        warnings_.push_back(fmt::format("{} is two images: {} has the name, {} loses it", name,
                                        image.id.text(), other.image.id.text()));
      }
    }
  }
}

void Collection::add_image(const SourceImage& source) {
  const cache::Image& image = source.image;
  const auto [at, is_new] = image_index_.emplace(image.id, images_.size());
  if (is_new) {
    images_.push_back({image, source.config});
    return;
  }
  cache::Image& same = images_[at->second].image;
  std::copy_if(image.names.begin(), image.names.end(), std::back_inserter(same.names),
               [&](const std::string& name) { return !has(same.names, name); });
  same.digests.insert(same.digests.end(), image.digests.begin(), image.digests.end());
  if (!same.manifest) {
    same.manifest = image.manifest;
    same.index = image.index;
  }
  if (!same.parent) {
    same.parent = image.parent;
  }
}

Result<void> Collection::add(std::vector<SourceImage> sources, const Warnings& warnings) {
  warnings_.insert(warnings_.end(), warnings.begin(), warnings.end());
  TRY(add(sources));
  std::move(sources.begin(), sources.end(), std::back_inserter(sources_));
  return {};
}

Result<void> Collection::add(const std::vector<SourceImage>& sources) {
  for (const SourceImage& source : sources) {
    add_layers(source);
    take_names(source.image);
    add_image(source);
    for (const SourceDocument& document : source.documents) {
      documents_.emplace(document.facts.digest, document);
    }
  }
  if (images_.size() > cache::kMaxImages || layers_.size() > cache::kMaxLayers) {
    return input_error("{} images with {} layers, and a cache holds {} with {}", images_.size(),
                       layers_.size(), cache::kMaxImages, cache::kMaxLayers);
  }
  return {};
}

void Collection::settle() {
  std::unordered_set<Digest> parents;
  for (PlannedImage& planned : images_) {
    cache::Image& image = planned.image;
    name_digests(image);
    // An engine would look for a parent that is not there.
    if (image.parent && !has_image(*image.parent)) {
      image.parent.reset();
    }
    if (image.parent) {
      parents.insert(*image.parent);
    }
  }
  for (const PlannedImage& planned : images_) {
    if (planned.image.names.empty() && planned.image.digests.empty() &&
        !parents.contains(planned.image.id)) {
      warnings_.push_back(fmt::format("{} has no name, so it can be used by its ID only; a source "
                                      "names it as oci:DIR:NAME:TAG",
                                      planned.image.id.text()));
    }
  }
}

Result<void> Collection::mark_copy(const std::string& reference) {
  const auto parsed = cache::parse_reference(reference);
  const auto is_meant = [&](const cache::Image& image) {
    return image.id.text() == reference || image.id.hex() == reference ||
           (parsed && !parsed->tag.empty() && has(image.names, parsed->familiar_tagged())) ||
           (parsed && parsed->digest &&
            has(image.digests, parsed->familiar_digested(*parsed->digest)));
  };
  bool found = false;
  std::string there;
  for (PlannedImage& planned : images_) {
    if (is_meant(planned.image)) {
      planned.image.copy = true;
      found = true;
    }
    there += (there.empty() ? "" : ", ") + label(planned.image);
  }
  return found ? Result<void>() : input_error("no image {}: there is {}", reference, there);
}

Result<Collection> Collection::without(const std::vector<LayerFailure>& failures) const {
  // From the sources anew: names, layers and their repositories may be owed to what goes.
  std::vector<SourceImage> left;
  std::vector<std::pair<const SourceImage*, const LayerFailure*>> gone;
  for (const SourceImage& source : sources_) {
    if (const LayerFailure* const failure = failure_of(source, failures)) {
      gone.emplace_back(&source, failure);
    } else {
      left.push_back(source);
    }
  }
  Collection rest;
  TRY(rest.add(std::move(left), {}));
  rest.settle();
  rest.warnings_ = warnings_;
  rest.refused_ = refused_;
  for (const auto& [source, failure] : gone) {
    Error why = Error(failure->why).within(label(source->image));
    if (rest.has_image(source->image.id)) {
      rest.warnings_.push_back(why.describe() + "; another source has the image");
    } else {
      rest.refuse(std::move(why));
    }
  }
  for (PlannedImage& planned : rest.images_) {
    planned.image.copy = images_[image_index_.at(planned.image.id)].image.copy;
  }
  return rest;
}

Result<Collection> collect(const std::vector<SourceSpec>& sources, const Reading& reading) {
  Collection collection;
  for (const SourceSpec& spec : sources) {
    auto content = read_source(spec, reading);
    if (!content) {
      if (content.error().code() != 0) {
        return std::move(content).error();
      }
      collection.refuse(std::move(content).error());
      continue;
    }
    TRY(collection.add(std::move(content->images), content->warnings));
    for (Error& refusal : content->refused) {
      collection.refuse(std::move(refusal));
    }
  }
  collection.settle();
  return collection;
}

} // namespace dind::images
