#include <seed/image_steps.hpp>

#include <utility>

namespace dind::seed {

bool ImageSteps::is_settled(const Digest& id) const {
  const auto known = index_.find(id);
  return known != index_.end() && !steps_[known->second].missing;
}

void ImageSteps::put(const Digest& id, ImageStep step) {
  const auto [known, is_new] = index_.emplace(id, steps_.size());
  if (is_new) {
    steps_.push_back(std::move(step));
  } else if (!step.missing) {
    steps_[known->second] = std::move(step);
  }
}

} // namespace dind::seed
