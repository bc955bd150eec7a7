#pragma once

#include <seed/plan.hpp>

#include <set>
#include <string>

namespace dind::seed {

// Decides by which method one layer gets into the data root: borrow, reflink, hard
// link, copy, the first that the host, the driver and the layer allow.
class Methods {
public:
  explicit Methods(const PlanInput& input);

  // Why the method that was asked for cannot be used on this host; "" if it can.
  std::string impossible() const;

  // Fills method, origin, why and otherwise of a step that says which layer of which cache.
  // `borrowed` has the diff IDs that are borrowed below it in its chain. Returns why
  // the layer cannot be had at all, or "".
  std::string decide(LayerStep& step, const std::set<Digest>& borrowed) const;

  // The same without borrowing, for a reason of the chain's.
  void own(LayerStep& step, std::string why) const;

private:
  const host::Fact& borrow_fact(std::size_t cache) const;
  bool must_be_restored(LayerStep& step) const;
  std::string why_not_borrowed(const LayerStep& step, const std::set<Digest>& borrowed) const;

  const PlanInput& input_;
  bool full_trees_;
  std::set<Digest> never_borrowed_; // chain IDs of images that were baked with --copy
  std::set<Digest> with_children_;  // chain IDs on which layers of the data root stand
};

const cache::Layer& layer_of(const CacheView& cache, const Digest& diff_id);

} // namespace dind::seed
