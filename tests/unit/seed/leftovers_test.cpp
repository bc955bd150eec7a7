#include <seed/leftovers.hpp>

#include <support/digest.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::number;

// A data root with images whose layers were borrowed from a cache that has gone, or were not.
class LeftoversTest : public testing::Test {
protected:
  // An image of layers, of which those in `stale` are borrowed and out of reach. Returns
  // the chain ID of its top.
  Digest image(unsigned id, const std::string& name, const std::vector<unsigned>& layers,
               const std::set<unsigned>& stale = {}) {
    std::optional<Digest> parent;
    std::vector<Digest> diff_ids;
    for (const unsigned n : layers) {
      const Digest diff_id = number(n);
      const Digest chain_id = cache::next_chain_id(parent, diff_id);
      diff_ids.push_back(diff_id);
      store::PresentLayer layer{.diff_id = diff_id, .parent = parent, .cache_id = "x"};
      layer.reachable = !stale.contains(n);
      layer.borrowed_from = stale.contains(n) ? "/gone" : "";
      state_.layers.insert_or_assign(chain_id, layer);
      parent = chain_id;
    }
    state_.images[number(id)] = diff_ids;
    state_.references.insert_or_assign(name, number(id));
    return *parent;
  }

  void seeded(unsigned id, const std::string& name) { receipt_.images[number(id)] = {name}; }

  void damage(const Digest& chain_id, const std::string& flaw) {
    store::PresentLayer& layer = state_.layers.at(chain_id);
    layer.ours = true;
    layer.reachable = false;
    layer.flaw = Reason{flaw};
  }

  Leftovers judge(const std::set<Digest>& made = {}) const {
    return judge_leftovers(state_, receipt_, stale_layers(state_), made);
  }

  store::DriverState state_;
  Receipt receipt_;
};

TEST_F(LeftoversTest, AreNoneWhereEverythingIsInReach) {
  image(100, "app:1", {1, 2});
  seeded(100, "app:1");
  const Leftovers left = judge();
  EXPECT_TRUE(left.removals.images.empty());
  EXPECT_TRUE(left.removals.layers.empty());
  EXPECT_TRUE(left.warnings.empty());
}

TEST_F(LeftoversTest, GoWithTheCachedImagesThatAloneStandOnThem) {
  const Digest top = image(100, "app:1", {1, 2}, {1, 2});
  seeded(100, "app:1");
  const Leftovers left = judge();
  EXPECT_EQ(left.removals.images, std::vector{number(100)});
  EXPECT_EQ(left.removals.layers, (std::vector{top, number(1)})); // the child first
  ASSERT_EQ(left.warnings.size(), 1U);
  EXPECT_NE(left.warnings[0].find("app:1"), std::string::npos);
}

TEST_F(LeftoversTest, TakeWhatStandsOnThemAlong) {
  const Digest top = image(100, "app:1", {1, 2}, {1}); // the upper one was copied
  seeded(100, "app:1");
  EXPECT_EQ(judge().removals.layers, (std::vector{top, number(1)}));
}

TEST_F(LeftoversTest, LeaveLayersThatAnImageInReachStandsOn) {
  image(100, "old:1", {1, 2}, {2});
  image(101, "new:1", {1, 3});
  seeded(100, "old:1");
  seeded(101, "new:1");
  const Leftovers left = judge();
  EXPECT_EQ(left.removals.images, std::vector{number(100)});
  EXPECT_EQ(left.removals.layers.size(), 1U);
}

TEST_F(LeftoversTest, StayForAUsersImage) {
  const Digest base = image(100, "app:1", {1}, {1});
  image(200, "mine:1", {1, 9}, {1});
  seeded(100, "app:1");
  const Leftovers left = judge();
  EXPECT_TRUE(left.removals.layers.empty());
  EXPECT_EQ(left.needed, std::vector{base});
  EXPECT_EQ(left.removals.images, std::vector{number(100)});
  ASSERT_EQ(left.warnings.size(), 2U);
  EXPECT_NE(left.warnings[1].find("mine:1"), std::string::npos) << left.warnings[1];
}

TEST_F(LeftoversTest, StayForAContainer) {
  const Digest base = image(100, "app:1", {1}, {1});
  seeded(100, "app:1");
  state_.container_layers = {base};
  EXPECT_TRUE(judge().removals.layers.empty());
}

TEST_F(LeftoversTest, StayForACachedImageThatTheUserGaveANameOfTheirOwn) {
  image(100, "app:1", {1}, {1});
  seeded(100, "app:1");
  state_.references.insert_or_assign("mine:1", number(100));
  const Leftovers left = judge();
  EXPECT_TRUE(left.removals.images.empty());
  EXPECT_TRUE(left.removals.layers.empty());
}

TEST_F(LeftoversTest, WithAFlawLoseTheirFilesWhereAUserNeedsThem) {
  const Digest base = image(100, "app:1", {1});
  image(200, "mine:1", {1, 9});
  seeded(100, "app:1");
  damage(base, "a has 0 bytes, not 5");
  const Leftovers left = judge();
  EXPECT_EQ(left.removals.files, std::vector{base});
  EXPECT_TRUE(left.removals.layers.empty());
  EXPECT_EQ(left.removals.images, std::vector{number(100)});
  ASSERT_EQ(left.warnings.size(), 2U);
  for (const std::string& warning : left.warnings) {
    EXPECT_NE(warning.find("a has 0 bytes"), std::string::npos) << warning;
  }
}

TEST_F(LeftoversTest, OfACacheThatHasGoneKeepTheirLinksWhereAUserNeedsThem) {
  image(100, "app:1", {1}, {1});
  image(200, "mine:1", {1, 9}, {1});
  EXPECT_TRUE(judge().removals.files.empty());
}

TEST_F(LeftoversTest, WithAFlawGoWhereNobodyNeedsThemThoughTheyAreCopies) {
  const Digest base = image(100, "app:1", {1});
  seeded(100, "app:1");
  damage(base, "a has 0 bytes, not 5");
  const Leftovers left = judge();
  EXPECT_EQ(left.removals.images, std::vector{number(100)});
  EXPECT_EQ(left.removals.layers, std::vector{base});
  EXPECT_EQ(left.removals.files, std::vector{base}); // whatever becomes of the rest
}

TEST_F(LeftoversTest, AreOursOrBorrowedAndOutOfReach) {
  const Digest theirs = image(200, "mine:1", {1});
  const Digest copied = image(100, "app:1", {2});
  const Digest borrowed = image(101, "app:2", {3}, {3});
  state_.layers.at(theirs).reachable = false;
  state_.layers.at(copied).reachable = false;
  state_.layers.at(copied).ours = true;
  EXPECT_EQ(stale_layers(state_), (std::set{copied, borrowed}));
  EXPECT_EQ(lost_layers(state_), std::set{copied}); // no cache brings it back
  damage(borrowed, "its cache lacks a");
  EXPECT_EQ(lost_layers(state_), (std::set{copied, borrowed}));
}

TEST_F(LeftoversTest, AreNotWhatThePlanMakesAnew) {
  const Digest base = image(100, "app:1", {1}, {1});
  seeded(100, "app:1");
  const Leftovers left = judge({base});
  EXPECT_TRUE(left.removals.images.empty());
  EXPECT_TRUE(left.removals.layers.empty());
}

} // namespace
} // namespace dind::seed
