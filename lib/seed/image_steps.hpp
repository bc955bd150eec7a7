#pragma once

#include <seed/seed_plan.hpp>

#include <map>
#include <vector>

namespace dind::seed {

// The images of a plan, in the order in which they were first asked for: what one cache cannot
// give, another may.
class ImageSteps {
public:
  // Whether a cache can give it, so that no other need be asked.
  bool is_settled(const Digest& id) const;
  // Adds an image, or takes the place of one that was missing.
  void put(const Digest& id, ImageStep step);
  std::vector<ImageStep> take() { return std::move(steps_); }

private:
  std::vector<ImageStep> steps_;
  std::map<Digest, std::size_t> index_; // image ID -> in `steps_`
};

} // namespace dind::seed
