#include <boot/loading.hpp>

#include <store/layout.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/tar_builder.hpp>
#include <sys/file.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <map>
#include <string>
#include <utility>

namespace dind::boot {
namespace {

using test::TarBuilder;
using test::TempDir;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A cache of two images that share a layer, and tests/support/dockerd to load them.
class LoadingTest : public testing::Test {
protected:
  LoadingTest() {
    ::setenv("PATH", DIND_SOURCE_DIR "/tests/support/dockerd", 1);
    const Digest base = builder_.add_layer(TarBuilder().file("base", "base").finish());
    const Digest top = builder_.add_layer(TarBuilder().file("top", "top").finish());
    builder_.add_image("first:1", {base});
    builder_.add_image("second:1", {base, top});
    builder_.finish();
    seeding_.caches.open.push_back(cache::Cache::open(builder_.dir().path()).value());
    const std::string own = store::kOwnDir;
    seeding_.root.dir = sys::open_dir(root_.path()).value();
    EXPECT_TRUE(test::ok(sys::ensure_dir_at({seeding_.root.dir, own}, 0700)));
    seeding_.seen.boot_id = "boot-1";
    seeding_.driver.driver = "zfs";
    seeding_.plan.kind = seed::SeedPlan::Kind::load;
    seeding_.plan.images = {{.image = 0}, {.image = 1}};
  }
  ~LoadingTest() override { ::setenv("PATH", path_.c_str(), 1); }

  // `behaviour` is the stand-in's, as JSON.
  seed::SeedReport load(const std::string& behaviour = "{}") {
    daemon::Invocation invocation;
    invocation.environment = {"STAND_IN=" + behaviour};
    sigset_t none;
    ::sigemptyset(&none);
    const daemon::CommandLine flags;
    const daemon::DaemonFile file;
    const auto notify = daemon::NotifySocket::open(run_.path());
    EXPECT_TRUE(test::ok(notify));
    return load_images(settings_, seeding_,
                       {invocation, flags, file, {}, run_.path(), *notify, none},
                       [this] { return stopped_; });
  }

  const cache::Image& image(std::size_t index) const {
    return seeding_.caches.open.front().manifest().images[index];
  }
  seed::Receipt receipt_left() const {
    const std::string own = store::kOwnDir;
    return seed::read_receipt(sys::open_dir_at({seeding_.root.dir, own}).value()).value();
  }
  // As a data root tells of an image that it has.
  void make_present(std::size_t index) {
    seeding_.plan.images[index].fate = seed::ImageStep::Fate::present;
    store::DriverState& state = seeding_.seen.state.drivers["zfs"];
    for (const std::string& name : image(index).names) {
      state.references.insert_or_assign(name, image(index).id);
    }
  }

  test::CacheBuilder builder_;
  const TempDir root_;
  const TempDir run_;
  const std::string path_ = std::getenv("PATH");
  config::Settings settings_;
  Seeding seeding_;
  bool stopped_ = false;
};

TEST_F(LoadingTest, GivesTheEngineWhatItLacks) {
  const seed::SeedReport done = load();
  EXPECT_EQ(done.images, 2U);
  EXPECT_THAT(done.images_missing, IsEmpty());
  EXPECT_FALSE(seed::failure_of(done));
  EXPECT_EQ(done.layers, (std::map<seed::Method, std::uint64_t>{{seed::Method::load, 2}}));
  EXPECT_EQ(receipt_left().images.at(image(0).id), std::set<std::string>{"first:1"});
  EXPECT_EQ(receipt_left().images.at(image(1).id), std::set<std::string>{"second:1"});
  EXPECT_EQ(receipt_left(), done.receipt);
  EXPECT_EQ(receipt_left().boot_id, "boot-1");
}

TEST_F(LoadingTest, LeavesWhatTheEngineHas) {
  const seed::SeedReport done =
      load(fmt::format(R"({{"images": {{"{}": ["first:1"]}}}})", image(0).id.text()));
  EXPECT_EQ(done.images, 2U);
  EXPECT_EQ(done.layers, (std::map<seed::Method, std::uint64_t>{{seed::Method::present, 1},
                                                                {seed::Method::load, 1}}));
}

TEST_F(LoadingTest, LosesNoOtherImageToOneThatFails) {
  const seed::SeedReport done = load(R"({"refuses": "first:1"})");
  EXPECT_EQ(done.images, 1U);
  EXPECT_THAT(done.images_missing, ElementsAre("first:1"));
  EXPECT_THAT(seed::failure_of(done).value().why, HasSubstr("image first:1 is not seeded: "));
  EXPECT_THAT(seed::failure_of(done).value().why, HasSubstr("it is refused"));
}

TEST_F(LoadingTest, SaysOfAllImagesThatAnEngineWhichDoesNotStartLoadsNone) {
  const seed::SeedReport done = load(R"({"exit": 3})");
  EXPECT_EQ(done.images, 0U);
  EXPECT_THAT(done.images_missing, ElementsAre("first:1", "second:1"));
  EXPECT_EQ(seed::failure_of(done).value().why,
            "2 images are missing; no image can be loaded: dockerd ended with 3 before it served");
  EXPECT_THAT(done.warnings, ElementsAre("no image can be loaded: "
                                         "dockerd ended with 3 before it served"));
}

TEST_F(LoadingTest, SaysThatTheEngineEndedWhileItLoaded) {
  const seed::SeedReport done = load(R"({"ends_at_load": 1})");
  EXPECT_EQ(done.images, 0U);
  EXPECT_THAT(done.warnings,
              ElementsAre(HasSubstr("image first:1 is not seeded: "), // the stream ends first
                          "image second:1 is not seeded: the engine ended while it loaded"));
}

TEST_F(LoadingTest, StartsNoEngineWhereAllIsThere) {
  make_present(0);
  seeding_.plan.images[1].fate = seed::ImageStep::Fate::unwanted;
  const seed::SeedReport done = load(R"({"exit": 3})");
  EXPECT_EQ(done.images, 1U);
  EXPECT_FALSE(seed::failure_of(done));
  EXPECT_EQ(done.layers, (std::map<seed::Method, std::uint64_t>{{seed::Method::present, 1}}));
}

TEST_F(LoadingTest, StartsAnEngineForANameThatIsMissing) {
  make_present(0);
  seeding_.seen.state.drivers["zfs"].references.clear();
  seeding_.plan.images.pop_back();
  EXPECT_EQ(load(fmt::format(R"({{"images": {{"{}": []}}}})", image(0).id.text())).images, 1U);
  EXPECT_EQ(receipt_left().images.at(image(0).id), std::set<std::string>{"first:1"});
}

TEST_F(LoadingTest, SaysWhyTheCacheCannotGiveAnImage) {
  seeding_.plan.images[0].missing = Reason{"the cache lacks a layer"};
  const seed::SeedReport done = load();
  EXPECT_THAT(done.images_missing, ElementsAre("first:1"));
  EXPECT_EQ(seed::failure_of(done).value().why,
            "image first:1 is not seeded: the cache lacks a layer");
}

TEST_F(LoadingTest, LeavesANameWithTheImageThatTheUserGaveItTo) {
  const seed::SeedReport done = load(
      fmt::format(R"({{"images": {{"{}": ["first:1"]}}}})", Digest(image(1).layers.back()).text()));
  EXPECT_THAT(done.warnings, ElementsAre("first:1 stays with the image that the user gave it to"));
}

TEST_F(LoadingTest, EndsWithLessDoneWhenItIsStopped) {
  stopped_ = true;
  EXPECT_EQ(load().images, 0U);
}

TEST_F(LoadingTest, LeavesTheBootIdOfLayersThatAreStillToBeChecked) {
  seeding_.seen.receipt.boot_id = "boot-0";
  seeding_.seen.receipt.layers[image(0).layers.front()] = "copy";
  EXPECT_EQ(load().receipt.boot_id, "boot-0");
}

} // namespace
} // namespace dind::boot
