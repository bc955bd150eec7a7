#include <containerd/driver_state.hpp>

#include <archive/sha256.hpp>
#include <cache/manifest.hpp>
#include <store/layout.hpp>
#include <support/containerd_store.hpp>
#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <boost/filesystem/operations.hpp>

#include <gtest/gtest.h>

namespace dind::containerd {
namespace {

using test::ContainerdStore;
using test::digest;
using test::fails_saying;
using test::ok;
using test::TempDir;

// What a job can put into a store, to make the next boot's reading of it long.
class ContainerdDriverStateTest : public testing::Test {
protected:
  Digest add_file(const std::string& content) {
    const Digest of = archive::sha256_of(content);
    root_.write(path_of(of), content);
    return of;
  }
  static std::string path_of(const Digest& blob) {
    return std::string(kContentDir) + "/blobs/sha256/" + blob.hex();
  }
  void put_blob(const Digest& blob) {
    store_.put_meta({"v1", "moby", "content", "blob", blob.text()}, "size", encode_size(1));
  }
  void put_label(const Digest& blob, const std::string& name, const std::string& value) {
    put_blob(blob);
    store_.put_meta({"v1", "moby", "content", "blob", blob.text(), "labels"}, name, value);
  }
  void put_image(const std::string& name, const Digest& target) {
    store_.put_meta({"v1", "moby", "images", name, "target"}, "digest", target.text());
    store_.put_meta({"v1", "moby", "images", name, "target"}, "size", encode_size(1));
  }
  Result<store::DriverState> state() {
    store_.write(root_);
    const State read = TRY(read_state(root_.fd()));
    return driver_state_of(read, root_.fd());
  }

  ContainerdStore store_;
  const TempDir root_;
};

// 2,000 names of an index, which names one manifest 2,000 times: 16 TB, if each is read.
TEST_F(ContainerdDriverStateTest, ReadsADocumentOnce) {
  const Digest config = add_file("{}");
  const Digest manifest = add_file(std::string(4U << 20U, ' '));
  const Digest first = add_file("{ }");
  const Digest index = add_file("[]");
  put_label(first, "containerd.io/gc.ref.content.config", config.text());
  put_blob(manifest);
  for (int i = 0; i < 2000; ++i) {
    put_label(index, fmt::format("containerd.io/gc.ref.content.m.{:04}", i),
              i == 0 ? first.text() : manifest.text());
    put_image(fmt::format("docker.io/library/app{}:1", i), index);
  }
  const auto found = state();
  ASSERT_TRUE(ok(found));
  EXPECT_EQ(found->references.size(), 2000U);
  EXPECT_EQ(found->references.at("app7:1"), config);
}

// One file of 8 MiB under many names.
TEST_F(ContainerdDriverStateTest, RefusesBlobsThatWouldTakeLongToRead) {
  const std::string large(8U << 20U, ' ');
  root_.write(path_of(digest('0')), large);
  for (const char hex : std::string("123456789")) {
    boost::filesystem::create_hard_link(root_ / path_of(digest('0')), root_ / path_of(digest(hex)));
    put_label(digest(hex), "containerd.io/gc.ref.snapshot.overlayfs", "x");
  }
  EXPECT_TRUE(fails_saying("its configurations and manifests have more than", state()));
}

TEST_F(ContainerdDriverStateTest, LeavesAnImageOutThatHasMoreLayersThanAnEngineTakes) {
  std::string layers;
  for (std::size_t i = 0; i <= store::kMostLayers; ++i) {
    layers += fmt::format("{}\"sha256:{:064x}\"", i == 0 ? "" : ",", i);
  }
  const Digest config = add_file("{\"rootfs\":{\"diff_ids\":[" + layers + "]}}");
  put_label(config, "containerd.io/gc.ref.snapshot.overlayfs", "x");
  const auto found = state();
  ASSERT_TRUE(ok(found));
  EXPECT_TRUE(found->images.empty());
  EXPECT_TRUE(found->layers.empty());
}

TEST_F(ContainerdDriverStateTest, CountsWhatIsBelowALayer) {
  const std::vector<Digest> layers = {digest('a'), digest('b')};
  const auto chain = cache::chain_ids(layers);
  store_.add_snapshot("marks", 1);
  store_.add_snapshot(chain[0].text(), 2, "marks", 1);
  store_.add_snapshot(chain[1].text(), 3, chain[0].text(), 2);
  const Digest config = add_file("{\"rootfs\":{\"diff_ids\":[\"" + layers[0].text() + "\",\"" +
                                 layers[1].text() + "\"]}}");
  put_label(config, "containerd.io/gc.ref.snapshot.overlayfs", chain[1].text());
  const auto found = state();
  ASSERT_TRUE(ok(found));
  EXPECT_EQ(found->layers.at(chain[0]).lowers, 1U);
  EXPECT_EQ(found->layers.at(chain[1]).lowers, 2U);
}

TEST_F(ContainerdDriverStateTest, SnapshotsThatLeadToEachOtherAreNoWay) {
  const Digest layer = digest('a');
  store_.add_snapshot("other", 2);
  store_.add_snapshot(layer.text(), 1, "other", 2);
  store_.add_snapshot("other", 2, layer.text(), 1);
  const Digest config = add_file("{\"rootfs\":{\"diff_ids\":[\"" + layer.text() + "\"]}}");
  put_label(config, "containerd.io/gc.ref.snapshot.overlayfs", layer.text());
  const auto found = state();
  ASSERT_TRUE(ok(found));
  EXPECT_GE(found->layers.at(layer).lowers, 1000U);
}

} // namespace
} // namespace dind::containerd
