#include <seed/record_writer.hpp>

#include <store/graph_metadata.hpp>
#include <support/cache_builder.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::ok;
using test::TarBuilder;
using test::TempDir;

class RecordWriterTest : public testing::Test {
protected:
  RecordWriterTest() {
    for (const std::string name : {"base", "middle", "top", "other"}) {
      layers_.push_back(builder_.add_layer(TarBuilder().file(name, name).finish()));
    }
    builder_.finish();
    cache_ = cache::Cache::open(builder_.dir().path()).value();
    metadata_ = store::GraphMetadata::open(root_.fd(), "overlay2").value();
  }

  RecordWriter::Entry entry(std::size_t layer, std::optional<Digest> parent) {
    const Digest& id = layers_[layer];
    return {.cache = *cache_,
            .layer = *cache_->manifest().find(id),
            .chain_id = id,
            .parent = parent,
            .borrowed = true,
            .doing = "link layer"};
  }

  bool has_record(const Digest& chain_id) const {
    return ::access((root_ / ("image/overlay2/layerdb/sha256/" + chain_id.hex() + "/diff")).c_str(),
                    F_OK) == 0;
  }

  const TempDir root_;
  CacheBuilder builder_;
  std::vector<Digest> layers_;
  std::optional<cache::Cache> cache_;
  std::optional<store::GraphMetadata> metadata_;
};

TEST_F(RecordWriterTest, WritesWhatItIsGiven) {
  RecordWriter writer(*metadata_);
  writer.add(entry(0, {}));
  writer.add(entry(1, layers_[0]));
  EXPECT_TRUE(writer.finish().empty());
  EXPECT_TRUE(has_record(layers_[0]));
  EXPECT_TRUE(has_record(layers_[1]));
}

TEST_F(RecordWriterTest, ALayerWithoutARecordTakesThoseAboveWithItAndNoOther) {
  ASSERT_EQ(::unlink((builder_.dir() / cache::tar_split_file(layers_[0])).c_str()), 0);
  RecordWriter writer(*metadata_);
  writer.add(entry(0, {}));
  writer.add(entry(1, layers_[0]));
  writer.add(entry(2, layers_[1]));
  writer.add(entry(3, {}));
  const auto failed = writer.finish();
  EXPECT_EQ(failed.size(), 3U);
  for (const std::size_t layer : {0U, 1U, 2U}) {
    EXPECT_FALSE(has_record(layers_[layer]));
    EXPECT_EQ(failed.at(layers_[layer]).find("link layer: "), 0U) << failed.at(layers_[layer]);
  }
  EXPECT_TRUE(has_record(layers_[3]));
}

// With a record, the layer is there: nothing may fail after it.
TEST_F(RecordWriterTest, WritesTheRecordLast) {
  cache::Layer pushed = *cache_->manifest().find(layers_[0]);
  pushed.blobs.push_back({.digest = layers_[3]});
  root_.write("image/overlay2/distribution/diffid-by-digest/sha256/" + layers_[3].hex() +
                  "/in/the way",
              "");
  RecordWriter writer(*metadata_);
  writer.add({.cache = *cache_,
              .layer = pushed,
              .chain_id = layers_[0],
              .parent = {},
              .borrowed = true,
              .doing = "link"});
  const auto failed = writer.finish();
  EXPECT_TRUE(failed.contains(layers_[0]));
  EXPECT_FALSE(has_record(layers_[0]));
}

TEST_F(RecordWriterTest, TellsWhatIsMissingWhileItWorks) {
  ASSERT_EQ(::unlink((builder_.dir() / cache::tar_split_file(layers_[0])).c_str()), 0);
  RecordWriter writer(*metadata_);
  writer.add(entry(0, {}));
  while (!writer.why_missing(layers_[0])) {
    ::usleep(1000);
  }
  EXPECT_NE(writer.why_missing(layers_[0])->why.find("No such file"), std::string::npos);
  EXPECT_FALSE(writer.why_missing(layers_[1]));
}

TEST_F(RecordWriterTest, WritesWithoutAThreadWhereNoneCanBeHad) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root";
  }
  EXPECT_TRUE(test::holds_without_threads([&] {
    RecordWriter writer(*metadata_);
    writer.add(entry(0, {}));
    EXPECT_TRUE(writer.finish().empty());
  }));
  EXPECT_TRUE(has_record(layers_[0]));
}

} // namespace
} // namespace dind::seed
