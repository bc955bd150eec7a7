#include <boot/seed_status.hpp>

#include <support/cache_builder.hpp>
#include <support/tar_builder.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dind::boot {
namespace {

using config::Strategy;
using report::Outcome;
using seed::Method;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using Kind = seed::SeedPlan::Kind;

report::Status published(const seed::SeedReport& done, Kind kind) {
  report::StatusBoard board;
  publish(done, {.kind = kind}, {.driver = "overlay2", .why = "it works"}, board);
  return board.status();
}

TEST(PublishTest, CountsTheLayersOfEachMethodAlsoWhereThereAreNone) {
  const auto made = published({.images = 1,
                               .layers = {{Method::link, 3}, {Method::native, 1}},
                               .bytes = {{Method::link, 7}}},
                              Kind::layers);
  EXPECT_THAT(made.layers_by_method,
              ElementsAre(Pair("link", 3), Pair("reflink", 0), Pair("hardlink", 0), Pair("copy", 0),
                          Pair("native", 1), Pair("present", 0)));
  EXPECT_EQ(made.layers, 4U);
  EXPECT_THAT(made.bytes_by_method, ElementsAre(Pair("link", 7)));
  EXPECT_EQ(made.bytes, 7U);
  EXPECT_EQ(made.strategy, "link");
  EXPECT_EQ(made.reason, "it works");

  const auto loaded = published(
      {.images = 1, .layers = {{Method::present, 2}}, .bytes = {{Method::load, 0}}}, Kind::load);
  EXPECT_THAT(loaded.layers_by_method, ElementsAre(Pair("load", 0), Pair("present", 2)));
  EXPECT_EQ(loaded.strategy, "load");
}

TEST(PublishTest, CallsTheOutcomeByWhatIsMissing) {
  EXPECT_EQ(published({.images = 0}, Kind::layers).result, Outcome::ok);
  EXPECT_EQ(published({.images = 2}, Kind::layers).result, Outcome::ok);
  EXPECT_EQ(published({.images = 2, .images_missing = {"app:1"}}, Kind::load).result,
            Outcome::degraded);
  EXPECT_EQ(published({.images = 0, .images_missing = {"app:1"}}, Kind::load).result,
            Outcome::cold);
}

TEST(PublishTest, KeepsTheWarnings) {
  EXPECT_THAT(published({.warnings = {"careful"}}, Kind::layers).warnings, ElementsAre("careful"));
}

class NothingTest : public testing::Test {
protected:
  NothingTest() {
    const Digest layer = builder_.add_layer(test::TarBuilder().file("a", "a").finish());
    builder_.add_image("app:1", {layer});
    builder_.add_image("base:1", {layer}, R"({"other": 1})");
    builder_.finish();
  }

  Caches caches() const {
    Caches caches;
    caches.open.push_back(cache::Cache::open(builder_.dir().path()).value());
    return caches;
  }
  static report::Status published(const Caches& caches, Strategy wish) {
    report::StatusBoard board;
    publish_nothing({.why = "so it is"}, caches, wish, board);
    return board.status();
  }

  test::CacheBuilder builder_;
};

TEST_F(NothingTest, IsFineWhereThereIsNothingToHave) {
  EXPECT_EQ(published({}, Strategy::automatic).result, Outcome::ok);
  EXPECT_EQ(published({}, Strategy::automatic).reason, "so it is");
}

TEST_F(NothingTest, IsAColdStartWhereNothingWasAskedForOrACacheIsUnusable) {
  EXPECT_EQ(published({}, Strategy::off).result, Outcome::cold);
  Caches unusable;
  unusable.failure = Reason{"cache.json is cut short"};
  EXPECT_EQ(published(unusable, Strategy::automatic).result, Outcome::cold);
}

TEST_F(NothingTest, LeavesAllImagesOfTheCachesMissing) {
  const auto status = published(caches(), Strategy::link);
  EXPECT_EQ(status.result, Outcome::cold);
  EXPECT_THAT(status.images_missing, ElementsAre("app:1", "base:1"));
}

TEST_F(NothingTest, IsThereOfWhatIsMissingOrUnwanted) {
  seed::SeedPlan plan;
  plan.images = {{.image = 0}, {.image = 1, .fate = seed::ImageStep::Fate::present}};
  report::Status status;
  EXPECT_THAT(images_there(caches(), plan, status), ElementsAre("app:1", "base:1"));
  status.images_missing = {"app:1"};
  EXPECT_THAT(images_there(caches(), plan, status), ElementsAre("base:1"));
  plan.images[1].fate = seed::ImageStep::Fate::unwanted;
  EXPECT_THAT(images_there(caches(), plan, status), IsEmpty());
}

} // namespace
} // namespace dind::boot
