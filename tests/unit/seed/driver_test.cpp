#include <seed/plan.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dind::seed {
namespace {

struct Case {
  const char* name;
  Wishes wishes;
  bool overlay_works = true;
  store::StoreState state;
  bool has_cache = true;
  const char* driver;
  bool seedable;
  const char* refusal = ""; // a part of it; "" = none
};

Wishes wish(const std::string& required, const std::string& preferred = "",
            std::vector<std::string> allowed = {}) {
  Wishes wishes;
  wishes.required_driver = required;
  wishes.preferred_driver = preferred;
  wishes.allowed_drivers = std::move(allowed);
  return wishes;
}

Wishes wish_store(StoreWish store) {
  Wishes wishes;
  wishes.store = store;
  return wishes;
}

store::StoreState prior(std::vector<std::string> drivers, bool containerd = false) {
  store::StoreState state;
  state.prior_drivers = std::move(drivers);
  state.has_containerd_images = containerd;
  return state;
}

std::vector<Case> cases() {
  return {
      {.name = "NothingSaid", .driver = "overlay2", .seedable = true},
      {.name = "NothingSaidAndNoOverlay", .overlay_works = false, .driver = "", .seedable = false},
      {.name = "NoCache", .has_cache = false, .driver = "", .seedable = false},
      {.name = "Required", .wishes = wish("overlay2"), .driver = "overlay2", .seedable = true},
      {.name = "RequiredAndImpossible",
       .wishes = wish("overlay2"),
       .overlay_works = false,
       .driver = "overlay2",
       .seedable = false,
       .refusal = "overlay2 is required, but"},
      {.name = "RequiredWithoutACacheIsTheEnginesToTry",
       .wishes = wish("overlay2"),
       .overlay_works = false,
       .has_cache = false,
       .driver = "overlay2",
       .seedable = false},
      {.name = "RequiredVfs", .wishes = wish("vfs"), .driver = "vfs", .seedable = false},
      {.name = "RequirementBeatsPriorState",
       .wishes = wish("overlay2"),
       .state = prior({"btrfs"}),
       .driver = "overlay2",
       .seedable = true},
      {.name = "PriorOverlay2",
       .state = prior({"overlay2"}),
       .driver = "overlay2",
       .seedable = true},
      {.name = "PriorStateBeatsPreference",
       .wishes = wish("", "overlay2"),
       .state = prior({"fuse-overlayfs"}),
       .driver = "fuse-overlayfs",
       .seedable = false},
      {.name = "SeveralPriorDriversAreLeftToTheEngine",
       .state = prior({"btrfs", "overlay2"}),
       .driver = "",
       .seedable = false},
      {.name = "PreferredOverlay2",
       .wishes = wish("", "overlay2"),
       .driver = "overlay2",
       .seedable = true},
      {.name = "PreferredVfs", .wishes = wish("", "vfs"), .driver = "vfs", .seedable = false},
      {.name = "ContainerdAskedFor",
       .wishes = wish_store(StoreWish::containerd),
       .driver = "",
       .seedable = false},
      {.name = "ContainerdImagesAreNotHidden",
       .state = prior({}, true),
       .driver = "",
       .seedable = false},
      {.name = "ContainerdImagesAndTheGraphStoreAskedFor",
       .wishes = wish_store(StoreWish::graph),
       .state = prior({}, true),
       .driver = "overlay2",
       .seedable = true},
      {.name = "AllowedDriver",
       .wishes = wish("", "", {"btrfs", "overlay2"}),
       .driver = "overlay2",
       .seedable = true},
      {.name = "AllowedDriverWithoutACache",
       .wishes = wish("", "", {"overlay2"}),
       .has_cache = false,
       .driver = "overlay2",
       .seedable = true},
      {.name = "NoAllowedDriverCanBeHad",
       .wishes = wish("", "", {"overlay2"}),
       .overlay_works = false,
       .driver = "",
       .seedable = false,
       .refusal = "DIND_REQUIRE_DRIVER allows overlay2 alone"},
      {.name = "RequiredButNotAllowed",
       .wishes = wish("vfs", "", {"overlay2"}),
       .driver = "vfs",
       .seedable = false,
       .refusal = "vfs is chosen"},
  };
}

class DriverTest : public testing::TestWithParam<Case> {};

TEST_P(DriverTest, IsChosen) {
  host::HostFacts facts;
  facts.overlay = {GetParam().overlay_works, "mount overlay: Invalid argument"};
  const DriverChoice choice =
      choose_driver(GetParam().wishes, facts, GetParam().state, GetParam().has_cache);
  EXPECT_EQ(choice.driver, GetParam().driver) << choice.why;
  EXPECT_EQ(choice.seedable, GetParam().seedable) << choice.why;
  EXPECT_NE(choice.why, "");
  if (std::string(GetParam().refusal).empty()) {
    EXPECT_EQ(choice.refusal, "");
  } else {
    EXPECT_NE(choice.refusal.find(GetParam().refusal), std::string::npos) << choice.refusal;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, DriverTest, testing::ValuesIn(cases()),
                         [](const auto& one) { return std::string(one.param.name); });

} // namespace
} // namespace dind::seed
