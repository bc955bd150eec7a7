#pragma once

#include <base/reason.hpp>
#include <base/result.hpp>
#include <seed/plan_input.hpp>
#include <seed/seed_plan.hpp>

#include <optional>
#include <set>
#include <string>

namespace dind::seed {

// Decides by which method one layer gets into the data root: borrow, reflink, hard
// link, copy, the first that the host, the driver and the layer allow.
class Methods {
public:
  explicit Methods(const PlanInput& input);

  // Why the method that was asked for cannot be used on this host.
  std::optional<Reason> obstacle() const;

  // `step`, which says which layer of which cache, with its method, origin, why and otherwise; or
  // why the layer cannot be had at all. `borrowed` has the diff IDs that are borrowed below it in
  // its chain.
  Result<LayerStep, Reason> decide(LayerStep step, const std::set<Digest>& borrowed) const;

  // The same without borrowing, for a reason of the chain's.
  LayerStep own(LayerStep step, std::string why) const;

private:
  void add_below(const store::PresentLayer& layer);
  const host::Fact& borrow_fact(std::size_t cache) const;
  std::optional<Reason> why_restored(const LayerStep& step) const;
  std::optional<Reason> why_not_borrowed(const LayerStep& step,
                                         const std::set<Digest>& borrowed) const;

  const PlanInput& input_;
  bool full_trees_;
  std::set<Digest> never_borrowed_; // chain IDs of images that were baked with --copy
  std::set<Digest> with_children_;  // chain IDs on which layers stand that are not made anew
};

const cache::Layer& layer_of(const CacheView& cache, const Digest& diff_id);

} // namespace dind::seed
