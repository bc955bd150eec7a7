#include <containerd/state.hpp>

#include <support/containerd_store.hpp>
#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::containerd {
namespace {

using test::ContainerdStore;
using test::digest;
using test::fails_saying;
using test::fails_with;
using test::ok;
using test::TempDir;

class ContainerdStateTest : public testing::Test {
protected:
  Result<State> state() {
    store_.write(root_);
    return read_state(root_.fd());
  }

  ContainerdStore store_;
  const TempDir root_;
};

TEST_F(ContainerdStateTest, OfADataRootWithoutDatabasesIsEmpty) {
  const auto nothing = read_state(root_.fd());
  ASSERT_TRUE(ok(nothing));
  EXPECT_TRUE(nothing->snapshots.empty());
  EXPECT_EQ(nothing->sequence, 0U);
  // bbolt makes an empty file first.
  root_.write(ContainerdStore::path_of(kMetadataDir, kMetaName), "");
  root_.write(ContainerdStore::path_of(kSnapshotterDir, kBackendName), "");
  EXPECT_TRUE(ok(read_state(root_.fd())));
}

TEST_F(ContainerdStateTest, TellsWhatIsThere) {
  store_.add_snapshot("base", 3);
  store_.add_snapshot("top", 5, "base", 3);
  store_.set_sequence(9);
  store_.put_meta({"v1", "moby", "content", "blob", digest('a').text()}, "size", encode_size(77));
  store_.put_meta({"v1", "moby", "content", "blob", digest('a').text(), "labels"},
                  "containerd.io/uncompressed", "x");
  store_.put_meta({"v1", "moby", "content", "blob", digest('a').text(), "labels"}, "note", "x");
  store_.put_meta({"v1", "moby", "content", "blob", "sha512:abc"}, "size", encode_size(1));
  store_.put_meta({"v1", "moby", "images", "app:1", "target"}, "digest", "sha256:ab");
  store_.put_meta({"v1", "moby", "images", "app:1", "target"}, "mediatype", "text/plain");
  store_.put_meta({"v1", "moby", "images", "app:1", "target"}, "size", encode_size(5));
  store_.put_meta({"v1", "moby", "leases", "one"}, "createdat", "x");
  store_.put_meta({"v1", "moby", "snapshots", "native", "key"}, "name", "x");
  store_.put_meta({"v1", "other", "images", "app:2"}, "x", "y");

  const auto found = state();
  ASSERT_TRUE(ok(found));
  ASSERT_EQ(found->snapshots.size(), 2U);
  const Snapshot& top = found->snapshots.at("top");
  EXPECT_EQ(top.id, 5U);
  EXPECT_EQ(top.parent, "base");
  EXPECT_EQ(top.backend_key, "moby/5/top");
  EXPECT_EQ(top.kind, SnapshotKind::committed);
  EXPECT_FALSE(top.is_ours());
  EXPECT_EQ(found->snapshots.at("base").parent, std::nullopt);
  EXPECT_EQ(found->sequence, 9U);
  ASSERT_EQ(found->blobs.size(), 1U);
  EXPECT_EQ(found->blobs.at(digest('a')).size, 77U);
  EXPECT_EQ(found->blobs.at(digest('a')).labels, (Labels{{"containerd.io/uncompressed", "x"}}));
  ASSERT_EQ(found->images.size(), 1U);
  EXPECT_EQ(found->images.at("app:1").target, "sha256:ab");
  EXPECT_EQ(found->images.at("app:1").media_type, "text/plain");
  EXPECT_EQ(found->images.at("app:1").size, 5U);
  EXPECT_EQ(found->leases, 1U);
  EXPECT_EQ(found->other_snapshotters, std::set<std::string>{"native"});
  EXPECT_TRUE(found->unnamed.empty());
}

TEST_F(ContainerdStateTest, GivesAKilledCommitsSnapshotTheIdThatItHas) {
  store_.put_backend({"v1", "snapshots", "dind/a"}, "id", encode_id(4));
  store_.put_backend({"v1", "snapshots", "dind/a"}, "kind", "\x03");
  store_.set_sequence(6);
  auto found = state();
  ASSERT_TRUE(ok(found));
  EXPECT_EQ(found->unnamed, (std::map<std::string, std::uint64_t>{{"a", 4}}));
  EXPECT_EQ(found->claim_id("b"), 7U);
  EXPECT_EQ(found->claim_id("a"), 4U);
  EXPECT_EQ(found->claim_id("c"), 8U);
}

TEST_F(ContainerdStateTest, IsRefusedWhileAnEngineHoldsEitherFile) {
  store_.add_snapshot("base", 1);
  store_.write(root_);
  for (const auto& [dir, name] :
       {std::pair(kMetadataDir, kMetaName), std::pair(kSnapshotterDir, kBackendName)}) {
    const auto held = bolt::Database::open(root_.fd(), ContainerdStore::path_of(dir, name),
                                           bolt::Database::Access::read);
    ASSERT_TRUE(ok(held));
    EXPECT_TRUE(fails_with(EWOULDBLOCK, read_state(root_.fd())));
  }
  EXPECT_TRUE(ok(read_state(root_.fd())));
}

TEST_F(ContainerdStateTest, RefusesAnotherVersion) {
  store_.put_meta({"v1"}, "version", encode_size(5));
  EXPECT_TRUE(fails_saying("meta.db: version 5, where 3 and 4 are known", state()));
}

// The numbers behind it would be those of directories that are others'.
TEST_F(ContainerdStateTest, RefusesASequenceBehindWhichNoIdIsLeft) {
  store_.add_snapshot("base", 1);
  store_.set_sequence(UINT64_MAX);
  EXPECT_TRUE(fails_saying("its sequence is 18446744073709551615", state()));
}

TEST_F(ContainerdStateTest, RefusesWhatWouldBeLargeInMemory) {
  const std::string value(8U << 20U, 'x');
  for (int label = 0; label < 6; ++label) {
    store_.put_meta({"v1", "moby", "content", "blob", digest('a').text()}, "size", encode_size(1));
    store_.put_meta({"v1", "moby", "content", "blob", digest('a').text(), "labels"},
                    fmt::format("containerd.io/{}", label), value);
  }
  EXPECT_TRUE(fails_saying("more than a store holds", state()));
}

TEST_F(ContainerdStateTest, RefusesAParentWithoutARecord) {
  store_.add_snapshot("base", 1);
  store_.put_meta({"v1", "moby", "snapshots", "overlayfs", "base"}, "parent", "gone");
  EXPECT_TRUE(fails_saying("meta.db: base: its parent gone is missing", state()));
}

TEST_F(ContainerdStateTest, RefusesASnapshotThatTheBackendDoesNotHave) {
  store_.put_meta({"v1", "moby", "snapshots", "overlayfs", "base"}, "name", "moby/1/base");
  EXPECT_TRUE(fails_saying("base: metadata.db has no moby/1/base", state()));
}

TEST_F(ContainerdStateTest, RefusesDatabasesThatDisagreeOnAParent) {
  store_.add_snapshot("base", 1);
  store_.add_snapshot("top", 2, "base", 1);
  store_.add_snapshot("other", 3);
  store_.put_backend({"v1", "snapshots", "moby/2/top"}, "parent", "moby/3/other");
  EXPECT_TRUE(fails_saying("top: metadata.db has another parent for it", state()));
}

TEST_F(ContainerdStateTest, RefusesIdsThatAreNotOnesOwn) {
  store_.add_snapshot("base", 1);
  store_.add_snapshot("other", 1);
  EXPECT_TRUE(fails_saying("both have the id 1", state()));
}

TEST_F(ContainerdStateTest, RefusesASequenceBelowAnId) {
  store_.add_snapshot("base", 3);
  store_.set_sequence(2);
  EXPECT_TRUE(fails_saying("its id 3 is above the sequence 2", state()));
}

TEST_F(ContainerdStateTest, RefusesRecordsThatLackWhatTheyMustHave) {
  store_.put_meta({"v1", "moby", "images", "app:1"}, "createdat", "x");
  EXPECT_TRUE(fails_saying("meta.db: images: app:1: has no target", state()));
}

} // namespace
} // namespace dind::containerd
