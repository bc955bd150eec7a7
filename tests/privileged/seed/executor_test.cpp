#include <seed/clearing.hpp>
#include <store/graph_metadata.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::ok;
using test::TarBuilder;
using test::TempDir;

// A cache of two images on one base, the second of which deletes a file, seeded
// into an empty data root on a real filesystem.
class ExecutorTest : public testing::Test {
protected:
  ExecutorTest() {
    base_ = builder_.add_layer(
        TarBuilder().directory("etc").file("etc/kept", "kept").file("etc/gone", "gone").finish());
    top_ = builder_.add_layer(
        TarBuilder().directory("etc").whiteout("etc/gone").file("etc/new", "new").finish(),
        {"etc/gone"});
    builder_.add_image("base:1", {base_});
    builder_.add_image("app:1", {base_, top_});
    builder_.finish();
  }

  const cache::Cache& cache() {
    if (!cache_) {
      cache_ = cache::Cache::open(builder_.dir().path()).value();
    }
    return *cache_;
  }

  Result<SeedReport> seed(config::Strategy wish = config::Strategy::automatic) {
    seeder_.caches = {&cache()};
    seeder_.settings.seed = wish;
    return seeder_.run();
  }

  // One that has none of these images.
  Result<SeedReport> seed_other_cache() {
    CacheBuilder builder;
    builder.add_image("other:1", {builder.add_layer(TarBuilder().file("other", "other").finish())});
    builder.finish();
    const auto cache = cache::Cache::open(builder.dir().path()).value();
    seeder_.caches = {&cache};
    seeder_.settings.seed = config::Strategy::copy;
    return seeder_.run();
  }

  static Digest chain_of(const std::vector<Digest>& layers) {
    return cache::chain_ids(layers).back();
  }

  store::DriverState state() {
    return store::read_state(root_.path().native()).value().of("overlay2");
  }

  // What a container of the image would see of /etc: names, through a real mount.
  std::vector<std::string> etc_of(const std::vector<Digest>& layers) {
    const auto chain = cache::chain_ids(layers);
    const std::string dir = "overlay2/" + state().layers.at(chain.back()).cache_id + "/";
    std::string lowers = (root_ / (dir + "diff")).native();
    std::string rest = root_.has(dir + "lower") ? root_.read(dir + "lower") : "";
    while (!rest.empty()) {
      const auto colon = rest.find(':');
      lowers += ":" + (root_ / ("overlay2/" + rest.substr(0, colon))).native();
      rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    }
    const TempDir view;
    lowers += ":" + view.make_dir("empty").native(); // an overlay needs two, or an upper
    const auto merged = view.make_dir("merged");
    EXPECT_TRUE(ok(sys::mount("overlay", merged, "overlay", 0, "lowerdir=" + lowers)));
    std::vector<std::string> names;
    for (const char* name : {"gone", "kept", "new"}) {
      struct stat found {};
      if (::lstat((merged / "etc" / name).c_str(), &found) == 0) {
        names.emplace_back(name);
      }
    }
    EXPECT_TRUE(ok(sys::unmount(merged)));
    return names;
  }

  CacheBuilder builder_;
  std::optional<cache::Cache> cache_;
  Digest base_ = Digest::from_hex(std::string(64, '0')).value();
  Digest top_ = base_;
  const TempDir root_;
  test::Seeder seeder_{root_};
};

using Names = std::vector<std::string>;

TEST_F(ExecutorTest, BorrowedLayersShowWhatTheImageHasAndNothingDeleted) {
  const auto report = seed(config::Strategy::link);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images, 2U);
  EXPECT_EQ(report->layers.at(Method::link), 2U);
  EXPECT_EQ(etc_of({base_}), (Names{"gone", "kept"}));
  EXPECT_EQ(etc_of({base_, top_}), (Names{"kept", "new"}));
}

TEST_F(ExecutorTest, CopiedLayersShowTheSame) {
  const auto report = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->layers.at(Method::copy), 2U);
  EXPECT_EQ(etc_of({base_, top_}), (Names{"kept", "new"}));
}

TEST_F(ExecutorTest, TellsWhatItWroteWhateverOthersWriteMeanwhile) {
  constexpr std::size_t kMuch = 8U << 20U;
  const std::string others = (root_ / "others").native();
  seeder_.interrupted = [&]() {
    std::ofstream(others, std::ios::trunc) << std::string(kMuch, 'x') << std::flush;
    return false;
  };
  const auto report = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(report));
  ASSERT_TRUE(root_.has("others"));
  EXPECT_GE(report->bytes_written, std::string("keptgonenew").size());
  EXPECT_LT(report->bytes_written, kMuch);
  EXPECT_GT(report->files_written, 3U);
}

TEST_F(ExecutorTest, GivesImagesTheirNames) {
  ASSERT_TRUE(ok(seed()));
  EXPECT_EQ(state().references.size(), 2U);
  EXPECT_EQ(state().references.at("app:1"), builder_.manifest().images[1].id);
}

TEST_F(ExecutorTest, FindsEverythingPresentTheSecondTime) {
  ASSERT_TRUE(ok(seed()));
  const auto again = seed();
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->images, 2U);
  EXPECT_EQ(again->layers.at(Method::present), 2U);
}

TEST_F(ExecutorTest, MakesALayerAnewWhoseTargetHasGone) {
  ASSERT_TRUE(ok(seed()));
  const std::string diff =
      "overlay2/" + state().layers.at(cache::chain_ids(std::vector{base_})[0]).cache_id + "/diff";
  ::unlink((root_ / diff).c_str());
  ASSERT_EQ(::symlink("/nowhere", (root_ / diff).c_str()), 0);
  ASSERT_TRUE(ok(seed()));
  EXPECT_EQ(etc_of({base_, top_}), (Names{"kept", "new"}));
}

TEST_F(ExecutorTest, TakesTheFilesOfALayerWithAFlawThatAContainerNeedsAndGivesThemBack) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  root_.write("image/overlay2/layerdb/mounts/container/parent", chain_of({base_, top_}).text());
  seeder_.flaws = {{chain_of({base_}), "etc/kept has 0 bytes, not 4"}};
  ASSERT_TRUE(ok(seed_other_cache()));
  EXPECT_FALSE(state().layers.at(chain_of({base_})).reachable);
  EXPECT_TRUE(state().layers.at(chain_of({base_, top_})).reachable);
  EXPECT_EQ(state().references.count("app:1"), 0U);
  seeder_.flaws.clear();
  ASSERT_TRUE(ok(seed()));
  EXPECT_EQ(etc_of({base_, top_}), (Names{"kept", "new"}));
}

TEST_F(ExecutorTest, MakesWhatAContainerNeedsAnewThoughTheBootBeforeFailedTo) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  root_.write("image/overlay2/layerdb/mounts/container/parent", chain_of({base_}).text());
  seeder_.flaws = {{chain_of({base_}), "etc/kept has 0 bytes, not 4"}};
  const auto tree = builder_.dir() / cache::tree_dir(base_);
  ASSERT_EQ(::rename(tree.c_str(), (builder_.dir() / "elsewhere").c_str()), 0);
  const auto failed = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(failed));
  EXPECT_EQ(failed->images, 0U);
  EXPECT_FALSE(state().layers.at(chain_of({base_})).reachable);
  ASSERT_EQ(::rename((builder_.dir() / "elsewhere").c_str(), tree.c_str()), 0);
  seeder_.flaws.clear();
  ASSERT_TRUE(ok(seed()));
  EXPECT_TRUE(state().layers.at(chain_of({base_})).reachable);
}

TEST_F(ExecutorTest, TakesWrongFilesAwayThoughNothingElseCanBeWritten) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  seeder_.flaws = {{chain_of({base_, top_}), "etc/new has 0 bytes, not 3"}};
  seeder_.settings.seed = config::Strategy::off;
  const SeedPlan plan = seeder_.plan();
  root_.write(".dind-init/receipt.json.new/in/the way", "");
  EXPECT_FALSE(clear_data_root({plan, seeder_.state.of("overlay2"), seeder_.receipt}, "overlay2",
                               root_.fd()));
  EXPECT_FALSE(state().layers.at(chain_of({base_, top_})).reachable);
}

// A full volume takes none.
class UnwrittenReceiptTest : public ExecutorTest {
protected:
  // The next boot of the kernel, with what an earlier one noted changed by `change`.
  template <typename Change>
  Result<SeedReport> seed_again(Change&& change) {
    EXPECT_TRUE(ok(seed(config::Strategy::copy)));
    const Fd own = sys::open_dir(root_ / ".dind-init").value();
    Receipt receipt = read_receipt(own).value();
    change(receipt);
    EXPECT_TRUE(ok(write_receipt(own, receipt)));
    names_ = root_.read("image/overlay2/repositories.json");
    root_.write(".dind-init/receipt.json.new/in/the way", "");
    seeder_.boot_id = "boot-2";
    return seed(config::Strategy::copy);
  }

  std::string names_; // as they were
};

TEST_F(UnwrittenReceiptTest, IsAWarningWhereTheLastOneSaysAll) {
  const auto report = seed_again([](Receipt&) {});
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images, 2U);
  ASSERT_EQ(report->warnings.size(), 1U);
  EXPECT_NE(report->warnings.front().find("the receipt is not written"), std::string::npos);
}

// It would be taken for the user's, and never move again.
TEST_F(UnwrittenReceiptTest, GivesNoNameThatTheLastOneDoesNotHave) {
  EXPECT_FALSE(seed_again([](Receipt& receipt) { receipt.images.begin()->second.clear(); }));
  EXPECT_EQ(root_.read("image/overlay2/repositories.json"), names_);
}

TEST_F(UnwrittenReceiptTest, IsAnErrorWhereTheLastOneIsOfAnotherDriver) {
  EXPECT_FALSE(seed_again([](Receipt& receipt) { receipt.driver = "vfs"; }));
}

TEST_F(UnwrittenReceiptTest, IsAnErrorWhereALayerIsToBeMade) {
  EXPECT_FALSE(seed_again([this](Receipt&) {
    seeder_.flaws = {{chain_of({base_, top_}), "etc/new has 0 bytes, not 3"}};
  }));
  EXPECT_TRUE(state().layers.at(chain_of({base_})).reachable);
}

TEST_F(ExecutorTest, RemovesALayerWithAFlawWhereNothingIsSeeded) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  seeder_.flaws = {{chain_of({base_, top_}), "etc/new has 0 bytes, not 3"}};
  seeder_.settings.seed = config::Strategy::off;
  const SeedPlan plan = seeder_.plan();
  ASSERT_TRUE(ok(clear_data_root({plan, seeder_.state.of("overlay2"), seeder_.receipt}, "overlay2",
                                 root_.fd())));
  EXPECT_EQ(state().layers.size(), 1U);
  EXPECT_EQ(state().references.count("app:1"), 0U);
  EXPECT_EQ(state().references.count("base:1"), 1U);
}

TEST_F(ExecutorTest, RemovesARecordThatAPowerCutEmptied) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  const std::string record = "image/overlay2/layerdb/sha256/" + chain_of({base_, top_}).hex();
  root_.write(record + "/diff", "");
  ASSERT_TRUE(ok(seed_other_cache()));
  EXPECT_FALSE(root_.has(record)); // the engine could not rename its own onto it
}

// Seen through the mount of a layer that a user made on the copy, and that lists no skeleton.
TEST_F(ExecutorTest, DoesNotBorrowALayerWhoseRemakingWasBrokenOff) {
  ASSERT_TRUE(ok(seed(config::Strategy::copy)));
  auto metadata = store::GraphMetadata::open(root_.fd(), "overlay2").value();
  const Digest parent = chain_of({base_, top_});
  const Digest theirs = cache::next_chain_id(parent, base_);
  ASSERT_TRUE(ok(metadata.add_layer({.chain_id = theirs,
                                     .diff_id = base_,
                                     .parent = parent,
                                     .cache_id = "theirs",
                                     .tar_split_path = "/theirs"})));
  ASSERT_TRUE(ok(metadata.remove_layer(parent)));
  const auto report = seed();
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->layers.count(Method::link), 0U);
  EXPECT_EQ(etc_of({base_, top_}), (Names{"kept", "new"}));
}

TEST_F(ExecutorTest, LosesOnlyTheImagesOfALayerThatIsNotWhatWasBaked) {
  const auto file = builder_.dir() / (cache::tree_dir(top_) + "/etc/new");
  seeder_.canary.altered = {"owner of owner"}; // so that layers are restored from their tar
  ASSERT_TRUE(ok(sys::replace_file(file, "bad", 0644, sys::Durable::no)));
  const auto report = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images, 1U);
  EXPECT_EQ(report->images_missing, Names{"app:1"});
  EXPECT_EQ(state().layers.size(), 1U);
  EXPECT_EQ(state().references.count("app:1"), 0U);
}

// A file that is no sentinel, and that only a copy comes across.
TEST_F(ExecutorTest, DoesNotCopyATreeThatHasLostAFile) {
  const auto file = builder_.dir() / (cache::tree_dir(top_) + "/etc/new");
  ASSERT_EQ(::unlink(file.c_str()), 0);
  const auto report = seed(config::Strategy::copy);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images_missing, Names{"app:1"});
  EXPECT_NE(report->why_missing.value().why.find("the cache has 0 bytes of it, not 3"),
            std::string::npos);
  EXPECT_EQ(state().layers.size(), 1U);
}

TEST_F(ExecutorTest, DoesNotBorrowATreeThatIsASymlink) {
  const auto tree = builder_.dir() / cache::tree_dir(top_);
  ::rename(tree.c_str(), (builder_.dir() / "elsewhere").c_str());
  ASSERT_EQ(::symlink("/", tree.c_str()), 0);
  const auto report = seed(config::Strategy::link);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->images_missing, Names{"app:1"});
}

TEST_F(ExecutorTest, CanBeInterruptedAndGoesOnTheNextTime) {
  unsigned asked = 0;
  seeder_.interrupted = [&]() { return ++asked > 1; };
  const auto first = seed();
  EXPECT_TRUE(test::fails_with(ECANCELED, first));
  EXPECT_TRUE(state().references.empty());
  seeder_.interrupted = []() { return false; };
  const auto second = seed();
  ASSERT_TRUE(ok(second));
  EXPECT_EQ(second->images, 2U);
  EXPECT_EQ(etc_of({base_, top_}), (Names{"kept", "new"}));
}

TEST_F(ExecutorTest, LeavesNoStagingBehind) {
  ASSERT_TRUE(ok(seed()));
  EXPECT_TRUE(sys::list_dir(sys::open_dir(root_ / ".dind-init/staging").value())->empty());
}

} // namespace
} // namespace dind::seed
