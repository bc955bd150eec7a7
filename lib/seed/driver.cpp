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
using store::kOverlayfs;
using store::kVfs;

constexpr const char* kVfsCost =
    "storage driver vfs keeps a full copy of its image for every container and every build step: "
    "slow, and large. Mount a volume of ext4 or xfs at the data root, or give the container "
    "/dev/loop-control or /dev/fuse";

class Ladder {
public:
  Ladder(const config::Settings& settings, const host::HostFacts& facts,
         const store::StoreState& state, Cached cached)
      : settings_(settings), facts_(facts), state_(state), has_cache_(cached == Cached::images),
        overlay2_(facts.overlay.holds && !facts.d_type.holds ? facts.d_type : facts.overlay),
        vfs_(facts.writable.holds ? host::Fact{true, "it works everywhere"} : facts.writable) {}

  DriverChoice choose() {
    choice_.refused.clear();
    if (settings_.store == config::Store::containerd) {
      containerd_store("the containerd image store was asked for");
    } else if (!settings_.required_driver.empty()) {
      required(settings_.required_driver);
    } else if (!held_by_the_data_root() && !preferred()) {
      ladder();
    }
    if (choice_.store == config::Store::automatic && !choice_.driver.empty()) {
      choice_.store = config::Store::graph;
    }
    if (choice_.means == Means::layers && !choice_.on_loop) { // there the host is probed again
      mind_namespaces();
    }
    if (choice_.driver == kVfs && has_cache_) {
      choice_.warnings.emplace_back(kVfsCost);
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
    } else if (choice_.driver != store::kOverlay2) { // the containerd store among them
      load_instead(facts_.shifted_owners ? "with userns-remap its layers can only be loaded"
                                         : "in a user namespace its layers can only be loaded");
    } else if (facts_.shifted_owners) {
      choice_.why += "; owners are shifted for userns-remap";
    }
  }

  // Why no layers can be written into the containerd store; nullopt where they can. Without a cache
  // nothing was looked at.
  std::optional<Reason> obstacle_to_snapshots() const {
    const std::string& snapshotter = settings_.required_driver;
    if (!snapshotter.empty() && snapshotter != kOverlayfs && snapshotter != store::kOverlay2) {
      return Reason{"its snapshotter is " + snapshotter};
    }
    if (state_.containerd_refused) {
      return state_.containerd_refused;
    }
    for (const host::Fact* fact : {&overlay2_, &facts_.fuse_device}) {
      if (!fact->holds) {
        return Reason{fact->why};
      }
    }
    return std::nullopt;
  }

  void containerd_store(std::string why) {
    const bool is_named =
        !settings_.required_driver.empty() && settings_.required_driver != store::kOverlay2;
    take(is_named ? settings_.required_driver : kOverlayfs, std::move(why), Means::layers);
    choice_.store = config::Store::containerd;
    if (!has_cache_) {
      return;
    }
    if (auto obstacle = obstacle_to_snapshots()) {
      load_instead(obstacle->why);
    }
  }

  // Without a cache the engine finds out itself.
  bool held_by_containerd() {
    const std::string why = "the data root holds images of the containerd store";
    if (!has_cache_) {
      return take("", why, Means::none);
    }
    containerd_store(why);
    return true;
  }

  void load_instead(const std::string& why) {
    choice_.means = Means::load;
    choice_.why += "; " + why;
  }

  // What the probe says of a driver that layers can be written for; nullptr for others.
  const host::Fact* fact_of(const std::string& driver) const {
    if (driver == store::kOverlay2) {
      return &overlay2_;
    }
    if (driver == kFuseOverlayfs) {
      return &facts_.fuse_overlayfs;
    }
    if (driver == kBtrfs) {
      return &facts_.btrfs;
    }
    return driver == kVfs ? &vfs_ : nullptr;
  }

  bool is_in_use(const std::string& driver) const {
    const auto& prior = state_.prior_drivers;
    return std::find(prior.begin(), prior.end(), driver) != prior.end() ||
           !state_.of(driver).images.empty();
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
    return list.empty() || std::find(list.begin(), list.end(), driver) != list.end();
  }

  bool take(const std::string& driver, std::string why, Means means) {
    choice_.driver = driver;
    choice_.why = std::move(why);
    choice_.means = means;
    return true;
  }

  void required(const std::string& driver) {
    take(driver, driver + " is required", fact_of(driver) ? Means::layers : Means::load);
    const host::Fact* const obstacle = obstacle_to(driver);
    if (!obstacle || (driver == store::kOverlay2 && take_loop(driver + " is required"))) {
      return;
    }
    choice_.means = Means::none;
    choice_.refusal =
        Reason{fmt::format("storage driver {} is required, but {}", driver, obstacle->why)};
  }

  // dockerd must use the driver of the layers that are there, or dies.
  bool held_by_the_data_root() {
    const auto& prior = state_.prior_drivers;
    if (prior.size() > 1) {
      return take("",
                  fmt::format("the data root holds layers of several drivers ({}), and dockerd "
                              "will not start with it: remove all but one, or name a driver",
                              fmt::join(prior, ", ")),
                  Means::none);
    }
    if (prior.empty() && state_.has_containerd_images && settings_.store != config::Store::graph) {
      return held_by_containerd();
    }
    // dockerd itself would pass over images of vfs, and hide them.
    const bool has_vfs_images = !state_.of(kVfs).images.empty();
    if (prior.empty() && !has_vfs_images) {
      return false;
    }
    const std::string driver = prior.empty() ? kVfs : prior.front();
    take(driver, "the data root holds layers of " + driver,
         fact_of(driver) ? Means::layers : Means::load);
    if (const host::Fact* const obstacle = obstacle_to(driver)) {
      choice_.means = Means::none;
      choice_.why += ", but " + obstacle->why;
    }
    if (!settings_.preferred_driver.empty() && settings_.preferred_driver != driver) {
      choice_.warnings.push_back(
          fmt::format("DOCKER_DRIVER={} is not used: {}", settings_.preferred_driver, choice_.why));
    }
    return true;
  }

  bool preferred() {
    const std::string& driver = settings_.preferred_driver;
    if (driver.empty()) {
      return false;
    }
    const host::Fact* fact = fact_of(driver);
    const bool works = fact ? fact->holds || !has_cache_ : facts_.data_root_filesystem == driver;
    if (works && is_allowed(driver)) {
      return take(driver, "DOCKER_DRIVER names " + driver, fact ? Means::layers : Means::load);
    }
    if (has_cache_ || !settings_.allowed_drivers.empty()) {
      choice_.warnings.push_back(
          fmt::format("DOCKER_DRIVER={} is not used: {}", driver,
                      !is_allowed(driver) ? "DIND_REQUIRE_DRIVER does not allow it"
                      : fact              ? fact->why
                                          : "the data root is on " + facts_.data_root_filesystem));
    }
    return false;
  }

  void ladder() {
    if (!has_cache_ && settings_.allowed_drivers.empty()) {
      take("", "there is no cache to seed: the engine chooses", Means::none);
      return;
    }
    for (const std::string driver : {store::kOverlay2, kFuseOverlayfs, kBtrfs, kVfs}) {
      const host::Fact& fact = *fact_of(driver);
      if (!is_allowed(driver)) {
        choice_.refused.push_back({driver, "DIND_REQUIRE_DRIVER does not allow it"});
      } else if (fact.holds) {
        take(driver, fact.why, Means::layers);
        return;
      } else {
        choice_.refused.push_back({driver, fact.why});
        if (driver == store::kOverlay2 && take_loop("the data root cannot hold an overlay")) {
          return;
        }
      }
    }
    take("", "no driver that is allowed works here", Means::none);
  }

  bool take_loop(const std::string& why) {
    const std::string rung = "overlay2 on a loop device";
    if (settings_.loop_bytes == 0U) {
      choice_.refused.push_back({rung, "DIND_LOOP_SIZE=0"});
    } else if (!facts_.loop.holds) {
      choice_.refused.push_back({rung, facts_.loop.why});
    } else {
      choice_.on_loop = true;
      return take(store::kOverlay2, why + ": a loop-mounted file takes its place", Means::layers);
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
