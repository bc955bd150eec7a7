#include <seed/plan.hpp>

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dind::seed {
namespace {

struct Case {
  const char* name;
  config::Settings settings;
  const char* works = "overlay2"; // what the probe found, in words
  store::StoreState state;
  bool has_cache = true;
  const char* driver;
  Means means;
  bool on_loop = false;
  const char* refusal = ""; // a part of it; "" = none
  const char* warning = ""; // likewise
};

config::Settings wish(const std::string& required, const std::string& preferred = "",
                      std::vector<std::string> allowed = {}) {
  config::Settings settings;
  settings.required_driver = required;
  settings.preferred_driver = preferred;
  settings.allowed_drivers = std::move(allowed);
  return settings;
}

config::Settings wish_store(config::Store store) {
  config::Settings settings;
  settings.store = store;
  return settings;
}

config::Settings wish_loop(std::uint64_t bytes) {
  config::Settings settings;
  settings.loop_bytes = bytes;
  return settings;
}

store::StoreState with_vfs_images() {
  store::StoreState state;
  const Digest id = Digest::from_hex(std::string(64, 'a')).value();
  state.drivers["vfs"].images[id] = {};
  return state;
}

store::StoreState prior(std::vector<std::string> drivers, bool containerd = false) {
  store::StoreState state;
  state.prior_drivers = std::move(drivers);
  state.has_containerd_images = containerd;
  return state;
}

store::StoreState refused(const std::string& why) {
  store::StoreState state = prior({}, true);
  state.containerd_refused = Reason{why};
  return state;
}

config::Settings with(config::Settings settings, const std::string& required) {
  settings.required_driver = required;
  return settings;
}

config::Settings prefer(config::Settings settings, const std::string& preferred) {
  settings.preferred_driver = preferred;
  return settings;
}

config::Settings remapped() {
  config::Settings settings;
  settings.userns_remap = "default";
  return settings;
}

std::vector<Case> cases() {
  using enum Means;
  return {
      {.name = "NothingSaid", .driver = "overlay2", .means = layers},
      {.name = "NoCache", .has_cache = false, .driver = "", .means = none},
      // The ladder.
      {.name = "LoopBeforeFuse",
       .works = "loop fuse-overlayfs btrfs",
       .driver = "overlay2",
       .means = layers,
       .on_loop = true},
      {.name = "NoLoopIfTold",
       .settings = wish_loop(0),
       .works = "loop fuse-overlayfs btrfs",
       .driver = "fuse-overlayfs",
       .means = layers},
      {.name = "FuseBeforeBtrfs",
       .works = "fuse-overlayfs btrfs",
       .driver = "fuse-overlayfs",
       .means = layers},
      {.name = "BtrfsBeforeVfs", .works = "btrfs", .driver = "btrfs", .means = layers},
      {.name = "VfsAtLastAndLoudly",
       .works = "",
       .driver = "vfs",
       .means = layers,
       .warning = "full copy"},
      {.name = "Overlay2NeedsTypedEntries",
       .works = "overlay2 untyped loop",
       .driver = "overlay2",
       .means = layers,
       .on_loop = true},
      {.name = "NothingWhereNothingCanBeWritten",
       .works = "read-only",
       .driver = "",
       .means = none},
      {.name = "NothingOnAFullDataRoot", .works = "read-only full", .driver = "", .means = none},
      {.name = "WhatFilledTheDataRootGoesOn",
       .works = "read-only full",
       .state = prior({"overlay2"}),
       .driver = "overlay2",
       .means = layers},
      {.name = "WhatFilledTheDataRootGoesOnIfRequired",
       .settings = wish("overlay2"),
       .works = "read-only full",
       .state = prior({"overlay2"}),
       .driver = "overlay2",
       .means = layers},
      {.name = "VfsGoesOnInAFullDataRoot",
       .works = "read-only full",
       .state = with_vfs_images(),
       .driver = "vfs",
       .means = layers,
       .warning = "full copy"},
      // What is required.
      {.name = "Required", .settings = wish("overlay2"), .driver = "overlay2", .means = layers},
      {.name = "RequiredOnALoopDevice",
       .settings = wish("overlay2"),
       .works = "loop fuse-overlayfs",
       .driver = "overlay2",
       .means = layers,
       .on_loop = true},
      {.name = "RequiredAndImpossible",
       .settings = wish("overlay2"),
       .works = "fuse-overlayfs",
       .driver = "overlay2",
       .means = none,
       .refusal = "overlay2 is required, but"},
      {.name = "RequiredFuseAndImpossible",
       .settings = wish("fuse-overlayfs"),
       .driver = "fuse-overlayfs",
       .means = none,
       .refusal = "fuse-overlayfs is required, but"},
      {.name = "RequiredWithoutACacheIsTheEnginesToTry",
       .settings = wish("overlay2"),
       .works = "",
       .has_cache = false,
       .driver = "overlay2",
       .means = none},
      {.name = "RequiredVfs",
       .settings = wish("vfs"),
       .driver = "vfs",
       .means = layers,
       .warning = "full copy"},
      {.name = "RequiredAndUnknown", .settings = wish("zfs"), .driver = "zfs", .means = load},
      {.name = "RequirementBeatsPriorState",
       .settings = wish("overlay2"),
       .state = prior({"btrfs"}),
       .driver = "overlay2",
       .means = layers},
      // What the data root holds.
      {.name = "PriorOverlay2",
       .state = prior({"overlay2"}),
       .driver = "overlay2",
       .means = layers},
      {.name = "PriorOverlay2ThatDoesNotWorkAnyMore",
       .works = "loop fuse-overlayfs",
       .state = prior({"overlay2"}),
       .driver = "overlay2",
       .means = none},
      {.name = "PriorStateBeatsPreference",
       .settings = wish("", "overlay2"),
       .works = "overlay2 fuse-overlayfs",
       .state = prior({"fuse-overlayfs"}),
       .driver = "fuse-overlayfs",
       .means = layers,
       .warning = "DOCKER_DRIVER=overlay2 is not used"},
      {.name = "PriorAndUnknown", .state = prior({"zfs"}), .driver = "zfs", .means = load},
      {.name = "ImagesOfVfsAreNotHidden",
       .state = with_vfs_images(),
       .driver = "vfs",
       .means = layers,
       .warning = "full copy"},
      {.name = "SeveralPriorDriversAreLeftToTheEngine",
       .state = prior({"btrfs", "overlay2"}),
       .driver = "",
       .means = none},
      // What is preferred.
      {.name = "PreferredOverlay2",
       .settings = wish("", "overlay2"),
       .driver = "overlay2",
       .means = layers},
      {.name = "PreferredVfs",
       .settings = wish("", "vfs"),
       .driver = "vfs",
       .means = layers,
       .warning = "full copy"},
      {.name = "PreferredAndImpossible",
       .settings = wish("", "btrfs"),
       .driver = "overlay2",
       .means = layers,
       .warning = "DOCKER_DRIVER=btrfs is not used"},
      {.name = "PreferredAndUnknown",
       .settings = wish("", "aufs"),
       .driver = "overlay2",
       .means = layers,
       .warning = "DOCKER_DRIVER=aufs is not used"},
      // The containerd store.
      {.name = "ContainerdAskedFor",
       .settings = wish_store(config::Store::containerd),
       .works = "overlay2 fuse-device",
       .driver = "overlayfs",
       .means = layers},
      {.name = "ContainerdImagesAreNotHidden",
       .works = "overlay2 fuse-device",
       .state = prior({}, true),
       .driver = "overlayfs",
       .means = layers},
      {.name = "ContainerdImagesWithoutACache",
       .state = prior({}, true),
       .has_cache = false,
       .driver = "overlayfs",
       .means = none},
      {.name = "ContainerdWithoutACache",
       .settings = wish_store(config::Store::containerd),
       .has_cache = false,
       .driver = "overlayfs",
       .means = none},
      {.name = "ContainerdWithoutADeviceForItsBlobs",
       .settings = wish_store(config::Store::containerd),
       .driver = "overlayfs",
       .means = layers},
      {.name = "ContainerdWhereNoOverlayCanBe",
       .settings = wish_store(config::Store::containerd),
       .works = "fuse-device fuse-overlayfs",
       .driver = "native",
       .means = load,
       .warning = "full copy"},
      {.name = "ContainerdWhereNoOverlayCanBeWithoutACache",
       .settings = wish_store(config::Store::containerd),
       .works = "",
       .has_cache = false,
       .driver = "native",
       .means = none,
       .warning = "full copy"},
      {.name = "ContainerdOnALoopDevice",
       .settings = wish_store(config::Store::containerd),
       .works = "loop fuse-device",
       .driver = "overlayfs",
       .means = layers,
       .on_loop = true},
      {.name = "ContainerdOfAnEngineThatHasNone",
       .settings = wish_store(config::Store::containerd),
       .works = "overlay2 fuse-device engine-20",
       .driver = "overlayfs",
       .means = load},
      {.name = "ContainerdOfAnEngineThatIsNotKnown",
       .settings = wish_store(config::Store::containerd),
       .works = "overlay2 fuse-device engine-unknown",
       .driver = "overlayfs",
       .means = load},
      {.name = "ContainerdThatNothingMayBeAddedTo",
       .settings = wish_store(config::Store::containerd),
       .works = "overlay2 fuse-device",
       .state = refused("version 5"),
       .driver = "overlayfs",
       .means = load},
      {.name = "ContainerdWithAnotherSnapshotter",
       .settings = with(wish_store(config::Store::containerd), "native"),
       .works = "overlay2 fuse-device",
       .driver = "native",
       .means = load,
       .warning = "full copy"},
      {.name = "ContainerdTakesTheGraphDriversName",
       .settings = with(wish_store(config::Store::containerd), "overlay2"),
       .works = "overlay2 fuse-device",
       .driver = "overlayfs",
       .means = layers},
      {.name = "ContainerdInAUserNamespace",
       .settings = wish_store(config::Store::containerd),
       .works = "overlay2 fuse-device user-namespace user-marks",
       .driver = "overlayfs",
       .means = load},
      {.name = "ContainerdImagesAndTheGraphStoreAskedFor",
       .settings = wish_store(config::Store::graph),
       .state = prior({}, true),
       .driver = "overlay2",
       .means = layers},
      // The store that engine 29 takes by itself.
      {.name = "Engine29", .works = "overlay2 engine-29", .driver = "overlayfs", .means = layers},
      {.name = "Engine29OnALoopDevice",
       .works = "loop fuse-overlayfs engine-29",
       .driver = "overlayfs",
       .means = layers,
       .on_loop = true},
      {.name = "Engine29GoesToGraphDriversWhereNoOverlayCanBe",
       .works = "fuse-overlayfs engine-29",
       .driver = "fuse-overlayfs",
       .means = layers},
      {.name = "Engine29GoesToVfsAtLastAndLoudly",
       .works = "engine-29",
       .driver = "vfs",
       .means = layers,
       .warning = "full copy"},
      {.name = "Engine29WithoutACache",
       .works = "overlay2 engine-29",
       .has_cache = false,
       .driver = "",
       .means = none},
      {.name = "Engine29WithoutACacheOnALoopDevice",
       .works = "loop engine-29",
       .has_cache = false,
       .driver = "overlayfs",
       .means = none,
       .on_loop = true},
      {.name = "Engine29WithoutACacheWhereNoOverlayCanBe",
       .works = "engine-29",
       .has_cache = false,
       .driver = "vfs",
       .means = none,
       .warning = "full copy"},
      {.name = "WithoutACacheOnALoopDevice",
       .works = "loop",
       .has_cache = false,
       .driver = "overlay2",
       .means = none,
       .on_loop = true},
      {.name = "Engine29AndTheGraphStoreAskedFor",
       .settings = wish_store(config::Store::graph),
       .works = "overlay2 engine-29",
       .driver = "overlay2",
       .means = layers},
      {.name = "Engine29OnLayersOfAGraphDriver",
       .works = "overlay2 engine-29",
       .state = prior({"overlay2"}, true),
       .driver = "overlay2",
       .means = layers},
      {.name = "Engine29RequiredGraphDriver",
       .settings = wish("overlay2"),
       .works = "overlay2 engine-29",
       .driver = "overlay2",
       .means = layers},
      {.name = "Engine29PreferredGraphDriver",
       .settings = wish("", "overlay2"),
       .works = "overlay2 engine-29",
       .driver = "overlay2",
       .means = layers},
      {.name = "Engine29PreferredDriverThatIsNone",
       .settings = wish("", "aufs"),
       .works = "overlay2 engine-29",
       .driver = "overlayfs",
       .means = layers,
       .warning = "DOCKER_DRIVER=aufs is not used"},
      {.name = "Engine29AllowsTheSameFilesystem",
       .settings = wish("", "", {"overlay2"}),
       .works = "overlay2 engine-29",
       .driver = "overlayfs",
       .means = layers},
      {.name = "ASnapshotterAsksForItsStore",
       .settings = wish("overlayfs"),
       .driver = "overlayfs",
       .means = layers},
      {.name = "ASnapshotterOfAnEngineThatHasNone",
       .settings = wish("overlayfs"),
       .works = "overlay2 engine-20",
       .driver = "overlay2",
       .means = layers},
      {.name = "ASnapshotterInTheGraphStore",
       .settings = with(wish_store(config::Store::graph), "overlayfs"),
       .driver = "overlay2",
       .means = layers},
      {.name = "APreferredGraphDriverInTheContainerdStore",
       .settings = prefer(wish_store(config::Store::containerd), "overlay2"),
       .driver = "overlayfs",
       .means = layers},
      {.name = "Engine29HasNoUsernsRemapInItsStore",
       .settings = remapped(),
       .works = "overlay2 owners shifted engine-29",
       .driver = "overlay2",
       .means = layers},
      // Shifted user IDs.
      {.name = "ShiftedOwners",
       .works = "overlay2 owners shifted",
       .driver = "overlay2",
       .means = layers},
      {.name = "OwnersThatCannotBeShifted",
       .works = "overlay2 owners",
       .driver = "overlay2",
       .means = load},
      {.name = "ShiftedOwnersInFullTrees",
       .works = "btrfs owners shifted",
       .driver = "btrfs",
       .means = load},
      {.name = "ShiftedOwnersOnALoopDeviceThatIsYetToCome",
       .works = "loop owners",
       .driver = "overlay2",
       .means = layers,
       .on_loop = true},
      {.name = "UserNamespaceWithoutMarks",
       .works = "overlay2 user-namespace",
       .driver = "overlay2",
       .means = load},
      {.name = "UserNamespace",
       .works = "overlay2 user-namespace user-marks",
       .driver = "overlay2",
       .means = layers},
      {.name = "UserNamespaceOfAnotherDriver",
       .works = "fuse-overlayfs user-namespace user-marks",
       .driver = "fuse-overlayfs",
       .means = load},
      // What is allowed.
      {.name = "AllowedDriver",
       .settings = wish("", "", {"btrfs", "overlay2"}),
       .driver = "overlay2",
       .means = layers},
      {.name = "AllowedDriverWithoutACache",
       .settings = wish("", "", {"overlay2"}),
       .has_cache = false,
       .driver = "overlay2",
       .means = none},
      {.name = "AllowedOnALoopDevice",
       .settings = wish("", "", {"overlay2"}),
       .works = "loop",
       .driver = "overlay2",
       .means = layers,
       .on_loop = true},
      {.name = "NoAllowedDriverCanBeHad",
       .settings = wish("", "", {"overlay2"}),
       .works = "fuse-overlayfs",
       .driver = "",
       .means = none,
       .refusal = "DIND_REQUIRE_DRIVER allows overlay2 alone"},
      {.name = "RequiredButNotAllowed",
       .settings = wish("vfs", "", {"overlay2"}),
       .driver = "vfs",
       .means = none,
       .refusal = "vfs is chosen",
       .warning = "full copy"},
  };
}

host::HostFacts facts_of(std::string_view works) {
  const auto fact = [&](std::string_view name) {
    return host::Fact{works.find(name) != std::string_view::npos,
                      "the probe of " + std::string(name)};
  };
  host::HostFacts facts;
  facts.engine = fact("engine-unknown").holds ? host::EngineVersion() : host::EngineVersion{28, 28};
  facts.data_root_filesystem = "ext4";
  facts.writable = {works.find("read-only") == std::string_view::npos, "read-only"};
  facts.is_full = fact("full").holds;
  facts.overlay = fact("overlay2");
  facts.d_type = {works.find("untyped") == std::string_view::npos, "the probe of d_type"};
  facts.fuse_overlayfs = fact("fuse-overlayfs");
  facts.fuse_device = fact("fuse-device");
  facts.btrfs = fact("btrfs");
  facts.loop = fact("loop");
  facts.in_user_namespace = fact("user-namespace").holds;
  facts.user_marks = fact("user-marks");
  for (const unsigned long major : {20UL, 29UL}) {
    if (fact("engine-" + std::to_string(major)).holds) {
      facts.engine = {major, major};
    }
  }
  if (fact("owners").holds) {
    facts.shifted_owners = fact("shifted");
  }
  return facts;
}

class DriverTest : public testing::TestWithParam<Case> {};

void expect_part(const std::string& text, const std::string& part) {
  EXPECT_EQ(text.empty(), part.empty()) << text;
  EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST_P(DriverTest, IsChosen) {
  const DriverChoice choice =
      choose_driver(GetParam().settings, facts_of(GetParam().works), GetParam().state,
                    GetParam().has_cache ? Cached::images : Cached::nothing);
  EXPECT_EQ(choice.driver, GetParam().driver) << choice.why;
  EXPECT_EQ(choice.means, GetParam().means) << choice.why;
  EXPECT_EQ(choice.on_loop, GetParam().on_loop) << choice.why;
  EXPECT_NE(choice.why, "");
  expect_part(choice.refusal ? choice.refusal->why : "", GetParam().refusal);
  std::string warnings;
  for (const std::string& warning : choice.warnings) {
    warnings += warning + "\n";
  }
  expect_part(warnings, GetParam().warning);
}

TEST(LadderTest, SaysWhyEachRungWasRefused) {
  const DriverChoice choice = choose_driver({}, facts_of("btrfs"), {}, Cached::images);
  ASSERT_EQ(choice.refused.size(), 3U);
  EXPECT_EQ(choice.refused[0].driver, "overlay2");
  EXPECT_EQ(choice.refused[0].why, "the probe of overlay2");
  EXPECT_EQ(choice.refused[1].driver, "overlay2 on a loop device");
  EXPECT_EQ(choice.refused[2].driver, "fuse-overlayfs");
}

TEST(LadderTest, SaysWhyARequiredDriverNeedsALoopDevice) {
  const DriverChoice choice = choose_driver(wish("overlay2"), facts_of("loop"), {}, Cached::images);
  EXPECT_TRUE(choice.on_loop);
  ASSERT_EQ(choice.refused.size(), 1U);
  EXPECT_EQ(choice.refused[0].driver, "overlay2");
  EXPECT_EQ(choice.refused[0].why, "the probe of overlay2");
}

TEST(LadderTest, SaysThatNothingRunsInABindMountOfANoexecDataRoot) {
  const auto warnings_of = [](std::string_view works) {
    host::HostFacts facts = facts_of(works);
    facts.is_noexec = true;
    const DriverChoice choice = choose_driver({}, facts, {}, Cached::images);
    return fmt::format("{}", fmt::join(choice.warnings, "\n"));
  };
  EXPECT_NE(warnings_of("").find("storage driver vfs gives them files of the data root"),
            std::string::npos);
  EXPECT_NE(warnings_of("btrfs").find("mounted noexec"), std::string::npos);
  EXPECT_EQ(warnings_of("overlay2"), ""); // whose mounts have flags of their own
  EXPECT_EQ(warnings_of("loop"), "");
}

TEST(StoreTest, IsTheUsersOrTheDataRootsOrTheEnginesOwn) {
  using By = StoreChoice::By;
  const host::EngineVersion modern{29, 29};
  EXPECT_EQ(choose_store(wish_store(config::Store::graph), {}, modern)->by, By::user);
  EXPECT_EQ(choose_store({}, prior({"overlay2"}), modern)->by, By::data_root);
  EXPECT_EQ(choose_store({}, {}, modern)->by, By::engine);
  // It takes its images by itself, so that it need not be told.
  EXPECT_EQ(choose_store({}, prior({}, true), modern)->by, By::engine);
  EXPECT_EQ(choose_store({}, prior({}, true), {28, 28})->by, By::data_root);
}

TEST(StoreTest, IsOpenWhereOnlyTheEngineDecidesAndIsNotKnown) {
  EXPECT_EQ(choose_store({}, {}, {}), std::nullopt);
  EXPECT_NE(choose_store(wish("vfs"), {}, {}), std::nullopt);
  EXPECT_NE(choose_store({}, prior({"overlay2"}), {}), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Every, DriverTest, testing::ValuesIn(cases()),
                         [](const auto& one) { return std::string(one.param.name); });

} // namespace
} // namespace dind::seed
