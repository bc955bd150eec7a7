#include <seed/plan.hpp>

#include <support/digest.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::number;

// A cache that is put together image by image, on a host where everything works.
class PlanTest : public testing::Test {
protected:
  PlanTest() {
    facts_.overlay = {true, "it can"};
    facts_.caches = {{.borrow = {true, "it can"}}};
    facts_.free = {1U << 30U, 1U << 20U};
    driver_.driver = "overlay2";
    driver_.means = Means::layers;
  }

  cache::Layer& layer(unsigned n, std::uint64_t bytes = 1U << 20U, std::uint64_t marks = 0) {
    for (cache::Layer& known : manifest_.layers) {
      if (known.diff_id == number(n)) {
        return known;
      }
    }
    manifest_.layers.push_back({.diff_id = number(n), .entries = 100, .bytes = bytes});
    manifest_.layers.back().marks = marks;
    return manifest_.layers.back();
  }

  cache::Image& image(unsigned id, const std::vector<unsigned>& layers) {
    cache::Image made{.id = number(id), .names = {fmt::format("image:{}", id)}};
    for (const unsigned n : layers) {
      layer(n);
      made.layers.push_back(number(n));
    }
    manifest_.images.push_back(std::move(made));
    return manifest_.images.back();
  }

  void present_with_flaw(unsigned n) {
    state_.layers.insert_or_assign(number(n),
                                   store::PresentLayer{.diff_id = number(n),
                                                       .cache_id = "x",
                                                       .ours = true,
                                                       .reachable = false,
                                                       .flaw = Reason{"a is cut short"}});
  }

  SeedPlan plan() {
    view_.manifest = &manifest_;
    views_ = {view_};
    return plan_views();
  }

  SeedPlan plan_views() {
    return make_plan({settings_, driver_, facts_, state_, state_, receipt_, views_});
  }

  // "link native copy", of all layers in order.
  static std::string methods(const SeedPlan& plan) {
    std::string text;
    for (const LayerStep& step : plan.layers) {
      EXPECT_NE(step.why, "");
      text += (text.empty() ? "" : " ") + std::string(name_of(step.method));
    }
    return text;
  }

  config::Settings settings_;
  DriverChoice driver_;
  host::HostFacts facts_;
  store::DriverState state_;
  Receipt receipt_;
  cache::Manifest manifest_;
  CacheView view_;
  std::vector<CacheView> views_; // of the last plan
};

TEST_F(PlanTest, BorrowsWhatItCan) {
  image(100, {1, 2});
  EXPECT_EQ(methods(plan()), "link link");
}

TEST_F(PlanTest, GivesNoNameBackThatTheUserRemovedIfTold) {
  image(100, {1});
  receipt_.images[number(100)] = {"image:100", "other:1"};
  state_.images[number(100)] = {};
  state_.references.insert_or_assign("other:1", number(100));
  EXPECT_TRUE(plan().images.at(0).unwanted_names.empty());
  settings_.reseed = false;
  EXPECT_EQ(plan().images.at(0).unwanted_names, std::set<std::string>{"image:100"});
}

TEST_F(PlanTest, TakesFromAnotherCacheWhatTheFirstHasLost) {
  image(100, {1, 2});
  image(101, {3});
  view_.manifest = &manifest_;
  CacheView damaged = view_;
  damaged.sentinels[number(2)].missing = {"a file"};
  facts_.caches.push_back(facts_.caches.front());
  for (const bool by_load : {false, true}) {
    driver_.means = by_load ? Means::load : Means::layers;
    for (const bool damaged_first : {false, true}) {
      views_ = damaged_first ? std::vector{damaged, view_} : std::vector{view_, damaged};
      const SeedPlan made = plan_views();
      ASSERT_EQ(made.images.size(), 2U);
      for (const ImageStep& step : made.images) {
        EXPECT_FALSE(step.missing);
        const bool is_the_lost = manifest_.images[step.image].id == number(100);
        EXPECT_EQ(step.cache, is_the_lost && damaged_first ? 1U : 0U);
      }
    }
    views_ = {damaged, damaged};
    const SeedPlan made = plan_views();
    ASSERT_EQ(made.images.size(), 2U);
    EXPECT_TRUE(made.images[0].missing);
  }
}

TEST_F(PlanTest, PutsParentsBeforeChildrenAndSharesThem) {
  image(100, {1, 2});
  image(101, {1, 3});
  const SeedPlan made = plan();
  ASSERT_EQ(made.layers.size(), 3U);
  EXPECT_EQ(made.layers[2].parent, made.layers[0].chain_id);
}

TEST_F(PlanTest, WritesTinyLayersNatively) {
  layer(1).entries = 16;
  layer(1).bytes = 32U << 10U;
  layer(2).entries = 17;
  layer(2).bytes = 1;
  layer(3).only_directories = true;
  image(100, {1, 2, 3});
  EXPECT_EQ(methods(plan()), "native link native");
}

TEST_F(PlanTest, BorrowsATreeOnceAChain) {
  image(100, {1, 2, 1});
  EXPECT_EQ(methods(plan()), "link link copy");
}

TEST_F(PlanTest, BorrowsATreeAgainInAnotherChain) {
  image(100, {1, 2});
  image(101, {2, 1});
  EXPECT_EQ(methods(plan()), "link link link link");
}

TEST_F(PlanTest, CopiesWhereNothingCanBeBorrowed) {
  image(100, {1});
  facts_.caches[0].borrow = {false, "mount overlay: Invalid argument"};
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "copy");
  EXPECT_NE(made.layers[0].why.find("Invalid argument"), std::string::npos);
}

TEST_F(PlanTest, CopiesEverythingIfTold) {
  image(100, {1});
  layer(2).only_directories = true;
  image(101, {2});
  settings_.seed = config::Strategy::copy;
  EXPECT_EQ(methods(plan()), "copy copy");
}

TEST_F(PlanTest, DoesNotReplaceALinkThatWasAskedForByACopy) {
  image(100, {1});
  facts_.caches[0].borrow = {false, "no"};
  settings_.seed = config::Strategy::link;
  const SeedPlan made = plan();
  EXPECT_EQ(made.kind, SeedPlan::Kind::impossible);
  EXPECT_TRUE(made.layers.empty());
  EXPECT_NE(made.why.find("DIND_SEED=link"), std::string::npos);
}

TEST_F(PlanTest, FallsDownTheLadderWhereNothingCanBeBorrowed) {
  image(100, {1});
  facts_.caches[0].borrow = {false, "no"};
  facts_.caches[0].reflink = {true, "yes"};
  facts_.caches[0].hardlink = {true, "yes"};
  facts_.caches[0].on_own_root = true;
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "reflink");
  EXPECT_EQ(made.layers[0].otherwise, (std::vector{Method::hardlink, Method::copy}));
}

TEST_F(PlanTest, NeverLinksFilesOfACacheThatOthersCanWriteToUnlessTold) {
  image(100, {1});
  facts_.caches[0].borrow = {false, "no"};
  facts_.caches[0].hardlink = {true, "yes"};
  EXPECT_EQ(methods(plan()), "copy");
  settings_.seed = config::Strategy::hardlink;
  EXPECT_EQ(methods(plan()), "hardlink");
}

TEST_F(PlanTest, DoesExactlyWhatWasAskedForOrSaysThatItCannot) {
  struct Row {
    config::Strategy wish;
    const char* name;
    host::Fact host::CacheFacts::*fact;
  };
  const Row rows[] = {{config::Strategy::link, "link", &host::CacheFacts::borrow},
                      {config::Strategy::reflink, "reflink", &host::CacheFacts::reflink},
                      {config::Strategy::hardlink, "hardlink", &host::CacheFacts::hardlink}};
  image(100, {1, 2});
  for (const Row& row : rows) {
    settings_.seed = row.wish;
    facts_.caches[0] = {};
    facts_.caches[0].*row.fact = {false, "the kernel says no"};
    const SeedPlan refused = plan();
    EXPECT_EQ(refused.kind, SeedPlan::Kind::impossible) << row.name;
    EXPECT_NE(refused.why.find(fmt::format("DIND_SEED={} is not possible", row.name)),
              std::string::npos)
        << refused.why;
    facts_.caches[0].*row.fact = {true, "it can"};
    const SeedPlan made = plan();
    EXPECT_EQ(methods(made), fmt::format("{0} {0}", row.name));
    EXPECT_TRUE(made.layers[0].otherwise.empty() || row.wish == config::Strategy::automatic);
  }
}

TEST_F(PlanTest, BorrowsThroughFuseOverlayfsAsItsOwnProbeSays) {
  image(100, {1});
  driver_.driver = "fuse-overlayfs";
  EXPECT_EQ(methods(plan()), "copy");
  facts_.caches[0].fuse_borrow = {true, "it can"};
  EXPECT_EQ(methods(plan()), "link");
}

TEST_F(PlanTest, CannotBorrowForDriversWithFullTrees) {
  image(100, {1});
  for (const char* driver : {"vfs", "btrfs"}) {
    driver_.driver = driver;
    settings_.seed = config::Strategy::automatic;
    EXPECT_EQ(methods(plan()), "copy");
    settings_.seed = config::Strategy::link;
    EXPECT_EQ(plan().kind, SeedPlan::Kind::impossible);
  }
}

TEST_F(PlanTest, LoadsIfToldOrIfNothingElseCanBeDone) {
  image(100, {1});
  settings_.seed = config::Strategy::load;
  EXPECT_EQ(plan().kind, SeedPlan::Kind::load);
  settings_.seed = config::Strategy::automatic;
  driver_.means = Means::load;
  EXPECT_EQ(plan().kind, SeedPlan::Kind::load);
  settings_.seed = config::Strategy::copy;
  EXPECT_EQ(plan().kind, SeedPlan::Kind::impossible);
}

TEST_F(PlanTest, LeavesAnImageThatTheUserRemovedRemovedIfTold) {
  image(100, {1});
  receipt_.images[number(100)] = {"image:100"};
  EXPECT_EQ(plan().images[0].fate, ImageStep::Fate::seed);
  settings_.reseed = false;
  const SeedPlan made = plan();
  EXPECT_EQ(made.images[0].fate, ImageStep::Fate::unwanted);
  EXPECT_TRUE(made.layers.empty());
  state_.changed_images = {number(100)}; // by a job
  EXPECT_EQ(plan().images[0].fate, ImageStep::Fate::seed);
  driver_.means = Means::load;
  EXPECT_EQ(plan().images[0].fate, ImageStep::Fate::seed);
}

TEST_F(PlanTest, DoesNotBorrowAgainWhatChildrenWereMadeOnWithoutASkeleton) {
  layer(1, 1U << 20U, 3);
  image(100, {1});
  state_.layers.insert_or_assign(
      number(1), store::PresentLayer{.diff_id = number(1), .cache_id = "x", .reachable = false});
  EXPECT_EQ(methods(plan()), "copy");
}

TEST_F(PlanTest, DoesNothingIfTold) {
  image(100, {1});
  settings_.seed = config::Strategy::off;
  const SeedPlan made = plan();
  EXPECT_EQ(made.kind, SeedPlan::Kind::nothing);
  EXPECT_EQ(made.why, "DIND_SEED=off");
}

TEST_F(PlanTest, NeverBorrowsWhatAnImageBakedForCopyingStandsOn) {
  image(100, {1, 2});
  image(101, {1, 3}).copy = true;
  EXPECT_EQ(methods(plan()), "copy link copy");
}

TEST_F(PlanTest, CopiesLayersWhoseAttributesCannotTravel) {
  layer(1).copy_reason = "user.foo on bin/a";
  image(100, {1, 2});
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "copy link");
  EXPECT_EQ(made.layers[0].why, "user.foo on bin/a");
}

TEST_F(PlanTest, UnpacksEverythingInAUserNamespaceWhoeverOwnsIt) {
  facts_.in_user_namespace = true;
  view_.canary.altered = {"owner of owner is 65534:65534, not 1234:2345"};
  layer(1).only_directories = true;
  image(100, {1, 2});
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "copy copy");
  EXPECT_EQ(made.layers[0].origin, Origin::tar);
  EXPECT_EQ(made.layers[1].origin, Origin::tar);
  EXPECT_EQ(made.warnings, std::vector<std::string>());
}

TEST_F(PlanTest, CopiesEverythingOfADamagedCacheAndSaysSo) {
  image(100, {1, 2});
  view_.canary.altered = {"owner of owner is 0:0, not 1234:2345"};
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "copy copy");
  ASSERT_EQ(made.warnings.size(), 1U);
}

TEST_F(PlanTest, CopiesADamagedLayerAlone) {
  image(100, {1, 2});
  view_.sentinels[number(2)].altered = {"mode of a is 755, not 4755"};
  EXPECT_EQ(methods(plan()), "link copy");
}

TEST_F(PlanTest, LosesOnlyTheImagesOfAnUnusableLayer) {
  image(100, {1, 2});
  image(101, {1, 3});
  view_.sentinels[number(2)].missing = {"bin/a"};
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "link link");
  EXPECT_NE(made.images[0].missing.value().why.find("bin/a"), std::string::npos);
  EXPECT_FALSE(made.images[1].missing);
}

TEST_F(PlanTest, LeavesPresentLayersAlone) {
  image(100, {1, 2});
  state_.layers.insert_or_assign(
      number(1), store::PresentLayer{.diff_id = number(1), .cache_id = "x", .reachable = true});
  EXPECT_EQ(methods(plan()), "present link");
}

TEST_F(PlanTest, MakesUnreachableLayersAnew) {
  image(100, {1});
  state_.layers.insert_or_assign(
      number(1), store::PresentLayer{.diff_id = number(1), .cache_id = "x", .reachable = false});
  EXPECT_EQ(methods(plan()), "link");
}

// It was hidden while it was made anew, and that was broken off.
TEST_F(PlanTest, DoesNotBorrowWhatIsMissingBelowLayersThatMayNotListASkeleton) {
  layer(1, 1U << 20U, 3);
  image(100, {1});
  image(101, {2});
  for (const unsigned n : {1U, 2U}) {
    state_.layers.insert_or_assign(
        number(50 + n),
        store::PresentLayer{.diff_id = number(50 + n), .parent = number(n), .cache_id = "theirs"});
  }
  EXPECT_EQ(methods(plan()), "copy link"); // the other has no marks
}

// What a power cut took of both is made anew with its lowers; what a user made on them is not.
TEST_F(PlanTest, BorrowsWhatIsMissingBelowLayersThatAreMadeAnewThemselves) {
  layer(1, 1U << 20U, 3);
  image(100, {1});
  present_with_flaw(51);
  state_.layers.at(number(51)).parent = number(1);
  EXPECT_EQ(methods(plan()), "link");
  state_.layers.insert_or_assign(
      number(61),
      store::PresentLayer{.diff_id = number(61), .parent = number(51), .cache_id = "theirs"});
  EXPECT_EQ(methods(plan()), "copy");
}

TEST_F(PlanTest, MakesLayersWithAFlawAnewAndSaysSo) {
  image(100, {1});
  present_with_flaw(1);
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "link");
  EXPECT_TRUE(made.removals.empty());
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_NE(made.warnings[0].find("a is cut short"), std::string::npos);
}

TEST_F(PlanTest, RemovesLayersWithAFlawThatNoCacheHas) {
  image(101, {2});
  present_with_flaw(1);
  state_.images[number(100)] = {number(1)};
  receipt_.images[number(100)] = {};
  const SeedPlan made = plan();
  EXPECT_EQ(methods(made), "link");
  EXPECT_EQ(made.removals.layers, std::vector{number(1)});
  EXPECT_EQ(made.removals.images, std::vector{number(100)});
}

TEST_F(PlanTest, RemovesLayersWithAFlawThatTheCacheLacksToo) {
  image(100, {1});
  present_with_flaw(1);
  view_.sentinels[number(1)].missing = {"bin/a"};
  EXPECT_EQ(plan().removals.layers, std::vector{number(1)});
}

TEST_F(PlanTest, RemovesLayersWithAFlawWhereNothingIsSeeded) {
  image(100, {1});
  present_with_flaw(1);
  for (const config::Strategy wish : {config::Strategy::off, config::Strategy::reflink}) {
    settings_.seed = wish;
    const SeedPlan made = plan();
    EXPECT_NE(made.why, "");
    EXPECT_TRUE(made.kind == SeedPlan::Kind::nothing || made.kind == SeedPlan::Kind::impossible);
    EXPECT_EQ(made.removals.layers, std::vector{number(1)});
  }
}

TEST_F(PlanTest, KeepsTheRecordOfALayerThatAContainerNeedsWhileItIsMadeAnew) {
  image(100, {1});
  image(101, {2});
  present_with_flaw(1);
  present_with_flaw(2);
  state_.container_layers = {number(1)};
  const SeedPlan made = plan();
  EXPECT_TRUE(made.layers[0].needed);
  EXPECT_FALSE(made.layers[1].needed);
}

// The kernel refuses one directory twice in lowerdir.
TEST_F(PlanTest, DoesNotLinkAgainWhatIsBorrowedElsewhereInTheChain) {
  image(100, {1}); // the cache has the layer, and not the chain [1, 2, 1]
  const Digest two = cache::next_chain_id(number(1), number(2));
  const Digest three = cache::next_chain_id(two, number(1));
  store::PresentLayer borrowed{.diff_id = number(1), .cache_id = "x", .ours = true};
  borrowed.borrowed_from = "/cache/1";
  borrowed.reachable = true;
  state_.layers.insert_or_assign(number(1), borrowed);
  state_.layers.insert_or_assign(
      two, store::PresentLayer{
               .diff_id = number(2), .parent = number(1), .cache_id = "y", .reachable = true});
  state_.layers.insert_or_assign(three, store::PresentLayer{.diff_id = number(1),
                                                            .parent = two,
                                                            .cache_id = "z",
                                                            .ours = true,
                                                            .flaw = Reason{"a is cut short"}});
  state_.container_layers = {three};
  EXPECT_EQ(methods(plan()), "present copy");
}

// Whoever mounts no cache today may mount it tomorrow.
TEST_F(PlanTest, KeepsWhatACacheHasWhereNothingIsSeeded) {
  image(100, {1});
  state_.layers.insert_or_assign(number(1), store::PresentLayer{.diff_id = number(1),
                                                                .cache_id = "x",
                                                                .ours = true,
                                                                .borrowed_from = "/gone",
                                                                .reachable = false});
  settings_.seed = config::Strategy::off;
  EXPECT_TRUE(plan().removals.empty());
}

TEST_F(PlanTest, LoadsAnImageWhoseLayersHaveAFlaw) {
  image(100, {1});
  present_with_flaw(1);
  state_.images[number(100)] = {number(1)};
  receipt_.images[number(100)] = {};
  settings_.seed = config::Strategy::load;
  settings_.reseed = false; // it is not the user who removes it
  const SeedPlan made = plan();
  EXPECT_EQ(made.removals.images, std::vector{number(100)});
  EXPECT_EQ(made.images[0].fate, ImageStep::Fate::seed);
}

TEST_F(PlanTest, KeepsChainsShortByCopyingTheSmallestLayersWithSkeletons) {
  std::vector<unsigned> layers;
  for (unsigned n = 1; n <= 60; ++n) {
    layer(n, (1U << 20U) + n, n % 2 == 0 ? 5 : 0); // 30 with skeletons: 90 lowers
    layers.push_back(n);
  }
  for (unsigned n = 61; n <= 68; ++n) {
    layer(n, 10U << 20U, 1); // 8 more, with large skeletons: 106 lowers
    layers.push_back(n);
  }
  image(100, layers);
  const SeedPlan made = plan();
  unsigned copies = 0;
  for (const LayerStep& step : made.layers) {
    if (step.method == Method::copy) {
      ++copies;
      EXPECT_LE(layer(static_cast<unsigned>(std::stoul(step.diff_id.hex(), nullptr, 16))).bytes,
                (1U << 20U) + 20U);
    }
  }
  EXPECT_EQ(copies, 10U);
}

TEST_F(PlanTest, LeavesOutImagesForWhichThereIsNoRoom) {
  settings_.seed = config::Strategy::copy;
  facts_.free.bytes = 3U << 20U;
  image(100, {1, 2});
  image(101, {3, 4});
  const SeedPlan made = plan();
  EXPECT_FALSE(made.images[0].missing);
  EXPECT_NE(made.images[1].missing.value().why.find("are free"), std::string::npos);
  EXPECT_EQ(made.layers.size(), 2U);
}

// The blob of a layer with files of its own is its tar.
TEST_F(PlanTest, CountsTheTarsOfCopiedLayersInTheContainerdStore) {
  settings_.seed = config::Strategy::copy;
  facts_.free.bytes = 3U << 20U;
  driver_.driver = "overlayfs";
  layer(1).tar_bytes = layer(2).tar_bytes = 1U << 20U;
  image(100, {1});
  image(101, {2});
  const SeedPlan made = plan();
  EXPECT_FALSE(made.images[0].missing);
  EXPECT_TRUE(made.images[1].missing);
}

TEST_F(PlanTest, PaysForASharedLayerOnce) {
  settings_.seed = config::Strategy::copy;
  layer(1, 2U << 20U);
  facts_.free.bytes = 5U << 20U;
  image(100, {1, 2});
  image(101, {1, 3});
  EXPECT_FALSE(plan().images[1].missing);
}

TEST_F(PlanTest, SeedsNothingIntoADriverThatItDoesNotKnow) {
  image(100, {1});
  driver_.means = Means::none;
  driver_.why = "vfs is required";
  const SeedPlan made = plan();
  EXPECT_EQ(made.kind, SeedPlan::Kind::impossible);
  EXPECT_EQ(made.why, "vfs is required");
}

} // namespace
} // namespace dind::seed
