#include <seed/image_writer.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace dind::seed {
namespace {

std::set<std::string> names_of(const cache::Image& image) {
  std::set<std::string> names(image.names.begin(), image.names.end());
  names.insert(image.digests.begin(), image.digests.end());
  return names;
}

} // namespace

void ImageWriter::write_again() {
  for (const ImageStep& step : what_.plan.images) {
    const cache::Image& image = image_of(step);
    if (step.fate != ImageStep::Fate::present || !is_ours(image)) {
      continue;
    }
    if (auto written = write(step, image); !written) {
      not_rewritten_.emplace(image.id, std::move(written).error().describe());
    }
  }
}

void ImageWriter::add(const ImageStep& step, const std::map<Digest, std::string>& failed) {
  if (step.fate == ImageStep::Fate::unwanted) {
    return;
  }
  const cache::Image& image = image_of(step);
  if (const auto made = make(step, image, failed); !made) {
    report_.images_missing.push_back(label_of(image));
    report_.warnings.push_back(
        fmt::format("image {} is not seeded: {}", label_of(image), made.error().describe()));
    if (!report_.why_missing) {
      report_.why_missing = Reason{report_.warnings.back()};
    }
    return;
  }
  ++report_.images;
  added_.insert(image.id);
  std::set<std::string> names = names_of(image);
  for (const std::string& name : names) {
    if (!step.unwanted_names.contains(name)) {
      references_.emplace(name, image.id);
    }
  }
  if (step.fate != ImageStep::Fate::present || is_ours(image)) {
    report_.receipt.images[image.id].merge(names);
  }
}

bool ImageWriter::are_known() const {
  const auto& steps = what_.plan.images;
  return std::all_of(steps.begin(), steps.end(),
                     [this](const ImageStep& step) { return is_known(step); });
}

bool ImageWriter::is_known(const ImageStep& step) const {
  const cache::Image& image = image_of(step);
  const bool is_present = step.fate == ImageStep::Fate::present;
  if (step.fate == ImageStep::Fate::unwanted || step.missing || (is_present && !is_ours(image))) {
    return true; // no receipt is to tell of it
  }
  const auto given = what_.receipt.images.find(image.id);
  const std::set<std::string> names = names_of(image);
  return is_present && given != what_.receipt.images.end() &&
         std::includes(given->second.begin(), given->second.end(), names.begin(), names.end());
}

Result<void> ImageWriter::name() {
  std::map<std::string, std::set<Digest>> given_before;
  for (const auto& [id, names] : what_.receipt.images) {
    for (const std::string& name : names) {
      given_before[name].insert(id);
    }
  }
  TRY(metadata_.add_references(references_, given_before));
  return {};
}

// Rather than one that the user pulled or built, and that the cache has as well.
bool ImageWriter::is_ours(const cache::Image& image) const {
  if (what_.receipt.images.contains(image.id) || image.layers.empty()) {
    return true;
  }
  const auto top = what_.state.layers.find(cache::chain_ids(image.layers).back());
  return top == what_.state.layers.end() || top->second.ours;
}

Result<void> ImageWriter::make(const ImageStep& step, const cache::Image& image,
                               const std::map<Digest, std::string>& failed) {
  if (step.missing) {
    return Error(step.missing->why);
  }
  for (const Digest& chain_id : cache::chain_ids(image.layers)) {
    if (const auto failure = failed.find(chain_id); failure != failed.end()) {
      return Error(failure->second);
    }
  }
  if (const auto failure = not_rewritten_.find(image.id); failure != not_rewritten_.end()) {
    return Error(failure->second);
  }
  return step.fate == ImageStep::Fate::present ? Result<void>() : write(step, image);
}

Result<void> ImageWriter::write(const ImageStep& step, const cache::Image& image) {
  const bool has_parent = image.parent && (added_.contains(*image.parent) ||
                                           what_.state.images.contains(*image.parent));
  return metadata_.add_image(image, *what_.caches[step.cache],
                             has_parent ? image.parent : std::nullopt);
}

const cache::Image& ImageWriter::image_of(const ImageStep& step) const {
  return what_.caches[step.cache]->manifest().images[step.image];
}

} // namespace dind::seed
