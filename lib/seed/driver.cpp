#include <seed/driver.hpp>

#include <store/layout.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/ranges.h>

namespace dind::seed {
namespace {

using store::kBtrfs;
using store::kFuseOverlayfs;
using store::kNative;
using store::kOverlay2;
using store::kOverlayfs;
using store::kVfs;

constexpr const char* kFullCopies =
    "storage driver {} keeps a full copy of its image for every container and every build step: "
    "slow, and large. Mount a volume of ext4 or xfs at the data root, or give the container "
    "/dev/loop-control{}";

constexpr const char* kNoexec =
    "no container can run a program: storage driver {} gives them files of the data root itself, "
    "which is mounted noexec. Mount it without";

class Ladder {
public:
  Ladder(const config::Settings& settings, const host::HostFacts& facts,
         const store::StoreState& state, Cached cached)
      : settings_(settings), facts_(facts), state_(state), has_cache_(cached == Cached::images),
        overlay2_(facts.overlay.holds && !facts.d_type.holds ? facts.d_type : facts.overlay),
        vfs_(facts.writable.holds ? host::Fact{true, "it works everywhere"} : facts.writable) {
    if (auto store = choose_store(settings, state, facts.engine)) {
      choice_.store = *std::move(store);
    } else {
      choice_.store.why = "which engine there is could not be found out";
    }
    required_ = name_in(choice_.store.kind, settings.required_driver);
    preferred_ = name_in(choice_.store.kind, settings.preferred_driver);
  }

  DriverChoice choose() {
    if (!required_.empty()) {
      required(required_);
    } else if (!held_by_the_data_root() && !preferred()) {
      ladder();
    }
    if (choice_.means == Means::layers && !choice_.on_loop) { // there the host is probed again
      mind_namespaces();
      mind_snapshots();
    }
    if ((choice_.driver == kVfs || choice_.driver == kNative) && (has_cache_ || is_fallen_)) {
      choice_.warnings.push_back(fmt::format(kFullCopies, choice_.driver,
                                             choice_.store.is_containerd() ? "" : " or /dev/fuse"));
    }
    if (facts_.is_noexec && is_bound(choice_.driver)) {
      choice_.warnings.push_back(fmt::format(kNoexec, choice_.driver));
    }
    if (!has_cache_) {
      choice_.means = Means::none;
    }
    forbid();
    return std::move(choice_);
  }

private:
  // Where marks and owners cannot be written as they must be, layers have to be the engine's own
  // work.
  void mind_namespaces() {
    if (!facts_.in_user_namespace && !facts_.shifted_owners) {
      return;
    }
    if (facts_.shifted_owners && !facts_.shifted_owners->holds) {
      load_instead("userns-remap: " + facts_.shifted_owners->why);
    } else if (facts_.in_user_namespace && !facts_.user_marks.holds) {
      load_instead("in a user namespace: " + facts_.user_marks.why);
    } else if (choice_.driver != kOverlay2) { // the containerd store among them
      load_instead(facts_.shifted_owners ? "with userns-remap its layers can only be loaded"
                                         : "in a user namespace its layers can only be loaded");
    } else if (facts_.shifted_owners) {
      choice_.why += "; owners are shifted for userns-remap";
    }
  }

  // Where no layers can be written into the containerd store, the engine loads them.
  void mind_snapshots() {
    if (choice_.driver != kOverlayfs || choice_.means != Means::layers) {
      return;
    }
    const auto has_store = facts_.engine.is_at_least(host::kFirstWithContainerdStore);
    if (state_.containerd_refused) {
      load_instead(state_.containerd_refused->why);
    } else if (!has_store) {
      load_instead("which engine there is could not be found out: dockerd --version");
    } else if (!*has_store) { // it passes over the setting
      load_instead(fmt::format("engine {} has no containerd image store", facts_.engine.newest));
    } else if (has_cache_ && !facts_.fuse_device.holds) { // Methods decides for each layer
      choice_.why += "; nothing can be borrowed: " + facts_.fuse_device.why;
    }
  }

  void load_instead(const std::string& why) {
    choice_.means = Means::load;
    choice_.why += "; " + why;
  }

  // What the probe says of a driver; nullptr for those that it knows nothing of.
  const host::Fact* fact_of(const std::string& driver) const {
    if (driver == kOverlay2 || driver == kOverlayfs) {
      return &overlay2_;
    }
    if (driver == kVfs || driver == kNative) {
      return &vfs_;
    }
    if (choice_.store.is_containerd()) { // its snapshotters of these names are other programs
      return nullptr;
    }
    return driver == kFuseOverlayfs ? &facts_.fuse_overlayfs
           : driver == kBtrfs       ? &facts_.btrfs
                                    : nullptr;
  }

  // Of drivers whose layout is known layers can be written.
  Means means_of(const std::string& driver) const {
    return fact_of(driver) && driver != kNative ? Means::layers : Means::load;
  }

  bool is_in_use(const std::string& driver) const {
    const auto& prior = state_.prior_drivers;
    return std::find(prior.begin(), prior.end(), driver) != prior.end() ||
           !state_.of(driver).images.empty() ||
           (driver == kOverlayfs && state_.has_containerd_images);
  }

  // What forbids a driver that is demanded, or in use; nullptr if nothing does. Without a cache the
  // host was not probed, and the engine finds out itself. On a full data root probes fail, whatever
  // the driver that filled it.
  const host::Fact* obstacle_to(const std::string& driver) const {
    const host::Fact* const fact = fact_of(driver);
    const bool stands =
        !fact || fact->holds || !has_cache_ || (facts_.is_full && is_in_use(driver));
    return stands ? nullptr : fact;
  }

  bool is_allowed(const std::string& driver) const {
    const auto& list = settings_.allowed_drivers;
    return list.empty() || std::any_of(list.begin(), list.end(), [&](const std::string& allowed) {
             return name_in(choice_.store.kind, allowed) == driver;
           });
  }

  bool take(const std::string& driver, std::string why, Means means) {
    choice_.driver = driver;
    choice_.why = std::move(why);
    choice_.means = means;
    return true;
  }

  void required(const std::string& driver) {
    take(driver, driver + " is required", means_of(driver));
    const host::Fact* const obstacle = obstacle_to(driver);
    if (!obstacle) {
      return;
    }
    if (is_overlay(driver) && take_loop(driver, driver + " is required")) {
      choice_.refused.push_back({driver, obstacle->why});
      return;
    }
    choice_.means = Means::none;
    choice_.refusal =
        Reason{fmt::format("storage driver {} is required, but {}", driver, obstacle->why)};
  }

  // dockerd must use the driver of the layers that are there, or dies.
  bool held_by_the_data_root() {
    return choice_.store.is_containerd() ? held_by_containerd() : held_by_graph_drivers();
  }

  bool held_by_graph_drivers() {
    const auto& prior = state_.prior_drivers;
    if (prior.size() > 1) {
      return take("",
                  fmt::format("the data root holds layers of several drivers ({}), and dockerd "
                              "will not start with it: remove all but one, or name a driver",
                              fmt::join(prior, ", ")),
                  Means::none);
    }
    // dockerd itself would pass over images of vfs, and hide them.
    const bool has_vfs_images = !state_.of(kVfs).images.empty();
    if (prior.empty() && !has_vfs_images) {
      return false;
    }
    const std::string driver = prior.empty() ? kVfs : prior.front();
    return held(driver, "the data root holds layers of " + driver);
  }

  bool held_by_containerd() {
    if (!state_.has_containerd_images) {
      return false;
    }
    if (settings_.store == config::Store::containerd && obstacle_to(kOverlayfs)) {
      return false; // its ladder has another rung
    }
    return held(kOverlayfs, "the data root holds images of the containerd store");
  }

  bool held(const std::string& driver, std::string why) {
    take(driver, std::move(why), means_of(driver));
    if (const host::Fact* const obstacle = obstacle_to(driver)) {
      choice_.means = Means::none;
      choice_.why += ", but " + obstacle->why;
    }
    if (!preferred_.empty() && preferred_ != driver) {
      choice_.warnings.push_back(
          fmt::format("DOCKER_DRIVER={} is not used: {}", settings_.preferred_driver, choice_.why));
    }
    return true;
  }

  bool preferred() {
    if (preferred_.empty()) {
      return false;
    }
    const host::Fact* fact = fact_of(preferred_);
    const bool works =
        fact ? fact->holds || !has_cache_ : facts_.data_root_filesystem == preferred_;
    if (works && is_allowed(preferred_)) {
      const std::string translated =
          preferred_ == settings_.preferred_driver ? "" : ", which here is " + preferred_;
      return take(preferred_,
                  fmt::format("DOCKER_DRIVER names {}{}", settings_.preferred_driver, translated),
                  means_of(preferred_));
    }
    if (has_cache_ || !settings_.allowed_drivers.empty()) {
      choice_.warnings.push_back(
          fmt::format("DOCKER_DRIVER={} is not used: {}", settings_.preferred_driver,
                      !is_allowed(preferred_) ? "DIND_REQUIRE_DRIVER does not allow it"
                      : fact                  ? fact->why
                             : "the data root is on " + facts_.data_root_filesystem));
    }
    return false;
  }

  // A container's root is a bind mount, which has the flags of the mount that it is of.
  static bool is_bound(const std::string& driver) {
    return driver == kVfs || driver == kNative || driver == kBtrfs;
  }

  static bool is_overlay(const std::string& driver) {
    return driver == kOverlay2 || driver == kOverlayfs;
  }

  // The containerd store of an engine that was not told to use it gives way to graph drivers.
  std::vector<std::string> rungs() const {
    if (!choice_.store.is_containerd()) {
      return {kOverlay2, kFuseOverlayfs, kBtrfs, kVfs};
    }
    return choice_.store.by == StoreChoice::By::user
               ? std::vector<std::string>{kOverlayfs, kNative}
               : std::vector<std::string>{kOverlayfs, kFuseOverlayfs, kBtrfs, kVfs};
  }

  void ladder() {
    if (!has_cache_ && settings_.allowed_drivers.empty() && overlay2_.holds) {
      const bool is_asked_for = settings_.store == config::Store::containerd;
      take(is_asked_for ? kOverlayfs : "", "there is no cache to seed: the engine chooses",
           Means::none);
      return;
    }
    for (const std::string& driver : rungs()) {
      if (choice_.store.is_containerd() && driver == kFuseOverlayfs) {
        leave_containerd();
      }
      const host::Fact& fact = *fact_of(driver);
      if (!is_allowed(driver)) {
        choice_.refused.push_back({driver, "DIND_REQUIRE_DRIVER does not allow it"});
      } else if (fact.holds) {
        take(driver, fact.why, means_of(driver));
        return;
      } else {
        choice_.refused.push_back({driver, fact.why});
        if (is_overlay(driver) && take_loop(driver, "the data root cannot hold an overlay")) {
          return;
        }
      }
      is_fallen_ = true;
    }
    take("", "no driver that is allowed works here", Means::none);
  }

  void leave_containerd() {
    choice_.store.kind = StoreChoice::Kind::graph;
    choice_.store.why += ", whose overlayfs cannot be had here";
  }

  bool take_loop(const std::string& driver, const std::string& why) {
    const std::string rung = driver + " on a loop device";
    if (settings_.loop_bytes == 0U) {
      choice_.refused.push_back({rung, "DIND_LOOP_SIZE=0"});
    } else if (!facts_.loop.holds) {
      choice_.refused.push_back({rung, facts_.loop.why});
    } else {
      choice_.on_loop = true;
      return take(driver, why + ": a loop-mounted file takes its place", Means::layers);
    }
    return false;
  }

  void forbid() {
    if (!choice_.refusal && !is_allowed(choice_.driver)) {
      choice_.means = Means::none;
      std::string why = fmt::format(
          "DIND_REQUIRE_DRIVER allows {} alone, and {}", fmt::join(settings_.allowed_drivers, ", "),
          choice_.driver.empty() ? choice_.why : choice_.driver + " is chosen");
      for (const Refused& rung : choice_.refused) {
        why += fmt::format("; {}: {}", rung.driver, rung.why);
      }
      choice_.refusal = Reason{std::move(why)};
    }
  }

  const config::Settings& settings_;
  const host::HostFacts& facts_;
  const store::StoreState& state_;
  bool has_cache_;
  const host::Fact overlay2_; // dockerd demands that directory entries tell their type
  const host::Fact vfs_;
  DriverChoice choice_;
  std::string required_;   // as the store calls it
  std::string preferred_;  // likewise
  bool is_fallen_ = false; // a rung was passed over
};

} // namespace

DriverChoice choose_driver(const config::Settings& settings, const host::HostFacts& facts,
                           const store::StoreState& state, Cached cached) {
  return Ladder(settings, facts, state, cached).choose();
}

std::string_view name_of(Means means) {
  constexpr std::array<std::string_view, 3> kNames = {"none", "load", "layers"};
  return kNames[static_cast<std::size_t>(means)];
}

bool has_full_trees(const std::string& driver) {
  return driver == kVfs || driver == kBtrfs;
}

} // namespace dind::seed
