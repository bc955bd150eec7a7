#include <containerd/commit.hpp>

#include <support/bolt_text.hpp>
#include <support/containerd_store.hpp>
#include <support/digest.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

namespace dind::containerd {
namespace {

using test::bolt_text_of;
using test::ContainerdStore;
using test::digest;
using test::fails_saying;
using test::ok;
using test::TempDir;

constexpr timespec kNow = {1'700'000'000, 5};
const std::string kMeta = ContainerdStore::path_of(kMetadataDir, kMetaName);
const std::string kBackend = ContainerdStore::path_of(kSnapshotterDir, kBackendName);

// What seeding would do with a state: a chain of `layers`, on the user's snapshot where there is
// one, whose records are added as far as they are missing.
Changes seed(State& state, const std::string& image, int layers) {
  Changes changes;
  std::optional<std::string> parent;
  if (state.snapshots.contains("theirs-base")) {
    parent = "theirs-base";
  }
  for (int layer = 1; layer <= layers; ++layer) {
    const std::string key = fmt::format("{}-chain-{}", image, layer);
    if (!state.snapshots.contains(key)) {
      changes.snapshots.push_back(
          {.key = key, .parent = parent, .id = state.claim_id(key), .inodes = 7, .size = 4096});
    }
    parent = key;
  }
  changes.blobs[digest('c')] = {
      .size = 100, .labels = {{"containerd.io/gc.ref.snapshot.overlayfs", parent.value_or("")}}};
  changes.images["docker.io/library/" + image] = {
      .target = digest('c').text(), .media_type = "application/json", .size = 100};
  return changes;
}

class ContainerdCommitTest : public testing::Test {
protected:
  // A store with whatever engines put there, known here or not.
  void write_living_store() {
    ContainerdStore store;
    store.add_snapshot("theirs-base", 1);
    for (std::uint64_t id = 2; id < 200; ++id) {
      store.add_snapshot(fmt::format("theirs-{}", id), id, "theirs-base", 1);
      const std::string blob = "sha256:" + fmt::format("{:064x}", id);
      store.put_meta({"v1", "moby", "content", "blob", blob}, "size", encode_size(id));
      store.put_meta({"v1", "moby", "content", "blob", blob, "labels"}, "theirs", "kept");
    }
    store.put_meta({"v1", "moby", "images", "app:1", "target"}, "digest", digest('f').text());
    store.put_meta({"v1", "moby", "images", "app:1", "target"}, "size", encode_size(5));
    store.put_meta({"v1", "moby", "images", "app:1"}, "createdat", "long ago");
    store.put_meta({"v1", "moby", "leases", "build", "snapshots", "overlayfs"}, "theirs-2", "");
    store.put_meta({"v1", "moby", "containers", "one"}, "spec", std::string(9000, 'x'));
    store.put_meta({"v1", "of the future", "a", "b"}, "key", "value");
    store.put_meta({"moby_history", "a"}, "key", "value");
    store.put_backend({"v1", "of the future"}, "key", "value");
    store.write(root_);
  }

  Result<std::uint64_t> seed_it(const std::string& image = "seeded:1", int layers = 20) {
    State state = TRY(read_state(root_.fd()));
    return commit(root_.fd(), seed(state, image, layers), kNow);
  }

  std::string text_of(const std::string& file) const {
    const auto text = bolt_text_of(root_.fd(), file);
    EXPECT_TRUE(ok(text));
    return text ? *text : "";
  }
  std::string texts() const { return text_of(kBackend) + text_of(kMeta); }

  // The lines of `before` that `after` has not, but for those that hold `except`.
  static std::vector<std::string> lost(const std::string& before, const std::string& after) {
    std::vector<std::string> lines;
    std::istringstream all(before);
    for (std::string line; std::getline(all, line);) {
      if (("\n" + after).find("\n" + line + "\n") == std::string::npos) {
        lines.push_back(line);
      }
    }
    return lines;
  }

  const TempDir root_;
};

TEST_F(ContainerdCommitTest, MakesTheDatabasesOfAnEmptyRoot) {
  const auto written = seed_it();
  ASSERT_TRUE(ok(written));
  const auto state = read_state(root_.fd());
  ASSERT_TRUE(ok(state));
  ASSERT_EQ(state->snapshots.size(), 20U);
  EXPECT_EQ(state->sequence, 20U);
  EXPECT_EQ(state->snapshots.at("seeded:1-chain-20").parent, "seeded:1-chain-19");
  EXPECT_EQ(state->snapshots.at("seeded:1-chain-20").backend_key, "dind/seeded:1-chain-20");
  EXPECT_TRUE(state->snapshots.at("seeded:1-chain-20").is_ours());
  EXPECT_EQ(state->images.at("docker.io/library/seeded:1").target, digest('c').text());
  EXPECT_EQ(state->blobs.at(digest('c')).size, 100U);

  const auto mode = [&](std::string_view name) {
    return test::stat_of(root_ / std::string(name)).st_mode & 07777U;
  };
  EXPECT_EQ(mode(kMetadataDir), 0711U);
  EXPECT_EQ(mode(kMeta), 0644U);
  EXPECT_EQ(mode(kSnapshotterDir), 0700U);
  EXPECT_EQ(mode(kBackend), 0600U);
  EXPECT_EQ(mode("containerd/daemon"), 0700U);
  EXPECT_EQ(*written,
            test::stat_of(root_ / kMeta).st_size + test::stat_of(root_ / kBackend).st_size);
}

TEST_F(ContainerdCommitTest, WritesRecordsAsContainerdReadsThem) {
  Changes changes;
  changes.snapshots = {{.key = "a", .id = 1, .inodes = 2, .size = 300},
                       {.key = "b", .parent = "a", .id = 300, .size = 5}};
  changes.blobs[digest('a')] = {.size = 7, .labels = {{"l", "v"}}};
  changes.images["i"] = {.target = "sha256:t", .media_type = "m", .size = 9};
  ASSERT_TRUE(ok(commit(root_.fd(), changes, kNow)));
  ContainerdStore expected;
  const std::string time = encode_time(kNow);
  for (const std::string_view key : {"a", "b"}) {
    for (const std::string_view when : {"createdat", "updatedat"}) {
      expected.put_meta({"v1", "moby", "snapshots", "overlayfs", key}, when, time);
      expected.put_backend({"v1", "snapshots", "dind/" + std::string(key)}, when, time);
    }
    expected.put_meta({"v1", "moby", "snapshots", "overlayfs", key}, "name",
                      "dind/" + std::string(key));
    expected.put_backend({"v1", "snapshots", "dind/" + std::string(key)}, "kind", "\x03");
  }
  expected.put_meta({"v1", "moby", "snapshots", "overlayfs", "b"}, "parent", "a");
  expected.put_meta({"v1", "moby", "snapshots", "overlayfs", "a", "children"}, "b", "");
  expected.put_backend({"v1", "snapshots", "dind/a"}, "id", "\x01");
  expected.put_backend({"v1", "snapshots", "dind/a"}, "inodes", "\x04");
  expected.put_backend({"v1", "snapshots", "dind/a"}, "size", "\xd8\x04");
  expected.put_backend({"v1", "snapshots", "dind/b"}, "id", "\xac\x02");
  expected.put_backend({"v1", "snapshots", "dind/b"}, "inodes", std::string(1, '\0'));
  expected.put_backend({"v1", "snapshots", "dind/b"}, "size", "\x0a");
  expected.put_backend({"v1", "snapshots", "dind/b"}, "parent", "dind/a");
  expected.put_backend({"v1", "parents"}, std::string("\x01\0\xac\x02", 4), "dind/b");
  expected.set_sequence(300);
  const std::string blob = digest('a').text();
  for (const std::string_view when : {"createdat", "updatedat"}) {
    expected.put_meta({"v1", "moby", "content", "blob", blob}, when, time);
    expected.put_meta({"v1", "moby", "images", "i"}, when, time);
  }
  expected.put_meta({"v1", "moby", "content", "blob", blob}, "size", "\x0e");
  expected.put_meta({"v1", "moby", "content", "blob", blob, "labels"}, "l", "v");
  expected.put_meta({"v1", "moby", "images", "i", "target"}, "digest", "sha256:t");
  expected.put_meta({"v1", "moby", "images", "i", "target"}, "mediatype", "m");
  expected.put_meta({"v1", "moby", "images", "i", "target"}, "size", "\x12");
  const std::string written = texts();
  expected.write(root_);
  EXPECT_EQ(written, texts());
}

TEST_F(ContainerdCommitTest, KeepsEverythingOfALivingStore) {
  write_living_store();
  const std::string backend = text_of(kBackend);
  const std::string meta = text_of(kMeta);
  ASSERT_TRUE(ok(seed_it()));
  const std::string snapshots = "/7631/736e617073686f7473/ "; // v1/snapshots, its sequence
  EXPECT_EQ(lost(backend, text_of(kBackend)), std::vector<std::string>{snapshots + "199"});
  EXPECT_THAT(text_of(kBackend), testing::HasSubstr(snapshots + "219\n"));
  EXPECT_THAT(lost(meta, text_of(kMeta)), testing::IsEmpty());
  // The user's snapshot knows its new child.
  EXPECT_THAT(text_of(kMeta),
              testing::HasSubstr(test::hex_of("theirs-base") + "/" + test::hex_of("children") +
                                 "/" + test::hex_of("seeded:1-chain-1") + " = \n"));
  EXPECT_TRUE(ok(read_state(root_.fd())));
}

TEST_F(ContainerdCommitTest, ABlobThatIsThereGetsTheLabelsThatItLacks) {
  ContainerdStore store;
  const std::string blob = digest('a').text();
  store.put_meta({"v1", "moby", "content", "blob", blob}, "size", encode_size(5));
  store.put_meta({"v1", "moby", "content", "blob", blob}, "updatedat", "then");
  store.put_meta({"v1", "moby", "content", "blob", blob, "labels"}, "theirs", "kept");
  store.write(root_);
  Changes changes;
  changes.blobs[digest('a')] = {.size = 6, .labels = {{"theirs", "ours"}, {"ours", "added"}}};
  ASSERT_TRUE(ok(commit(root_.fd(), changes, kNow)));
  const std::string written = text_of(kMeta);
  store.put_meta({"v1", "moby", "content", "blob", blob, "labels"}, "ours", "added");
  store.write(root_);
  EXPECT_EQ(written, text_of(kMeta));
}

TEST_F(ContainerdCommitTest, ReplacesAndRemovesImages) {
  ContainerdStore store;
  for (const std::string_view name : {"a", "b", "c"}) {
    store.put_meta({"v1", "moby", "images", name}, "createdat", "then");
    store.put_meta({"v1", "moby", "images", name, "target"}, "digest", "old");
    store.put_meta({"v1", "moby", "images", name, "target"}, "size", encode_size(1));
    store.put_meta({"v1", "moby", "images", name, "target", "annotations"}, "of", "old");
    store.put_meta({"v1", "moby", "images", name, "labels"}, "theirs", "kept");
  }
  store.write(root_);
  Changes changes;
  changes.images["b"] = {.target = "new", .media_type = "m", .size = 2};
  changes.removed_images = {"c", "never there"};
  ASSERT_TRUE(ok(commit(root_.fd(), changes, kNow)));
  const auto state = read_state(root_.fd());
  ASSERT_TRUE(ok(state));
  EXPECT_EQ(state->images.size(), 2U);
  EXPECT_EQ(state->images.at("a").target, "old");
  EXPECT_EQ(state->images.at("b").target, "new");
  const std::string b = "/7631/6d6f6279/696d61676573/62/";
  EXPECT_THAT(text_of(kMeta),
              testing::AllOf(testing::HasSubstr(b + test::hex_of("createdat") + " = " +
                                                test::hex_of("then") + "\n"),
                             testing::HasSubstr(b + test::hex_of("labels")),
                             testing::Not(testing::HasSubstr(b + test::hex_of("target") + "/" +
                                                             test::hex_of("annotations")))));
}

TEST_F(ContainerdCommitTest, WithNothingToDoTouchesNothing) {
  EXPECT_EQ(commit(root_.fd(), {}, kNow).value(), 0U);
  EXPECT_FALSE(root_.has("containerd"));
}

struct Refused {
  const char* name;
  NewSnapshot snapshot;
  const char* error;
};

TEST_F(ContainerdCommitTest, WhatIsRefusedChangesNeitherFile) {
  write_living_store();
  const std::string before = texts();
  const Refused kRows[] = {
      {"there", {.key = "theirs-2", .id = 500}, "snapshot theirs-2: is there already"},
      {"no parent", {.key = "a", .parent = "gone", .id = 500}, "its parent gone is missing"},
      {"a used id", {.key = "a", .id = 150}, "the id 150 is another's"},
      {"no id", {.key = "a"}, "the id 0 is another's"},
  };
  for (const Refused& row : kRows) {
    Changes changes;
    changes.snapshots = {{.key = "fine", .id = 400}, row.snapshot};
    EXPECT_TRUE(fails_saying(row.error, commit(root_.fd(), changes, kNow))) << row.name;
    EXPECT_EQ(texts(), before) << row.name;
  }
  Changes twice;
  twice.snapshots = {{.key = "a", .id = 400}, {.key = "b", .id = 400}};
  EXPECT_TRUE(fails_saying("the id 400 is another's", commit(root_.fd(), twice, kNow)));
}

TEST_F(ContainerdCommitTest, OfALargeStoreWritesWhatChangedAlone) {
  write_living_store();
  ASSERT_TRUE(ok(seed_it("first", 100)));
  const auto size = test::stat_of(root_ / kMeta).st_size;
  const auto written = seed_it("second", 100);
  ASSERT_TRUE(ok(written));
  EXPECT_LT(*written, 2'000'000U);
  EXPECT_GT(test::stat_of(root_ / kMeta).st_size, size);
}

// A kill after a part of what a commit writes, in the order in which it writes.
class KilledCommitTest : public ContainerdCommitTest {
protected:
  struct Files {
    std::string backend;
    std::string meta;
  };
  Files files() const {
    return {root_.has(kBackend) ? root_.read(kBackend) : "",
            root_.has(kMeta) ? root_.read(kMeta) : ""};
  }
  void put(const Files& files) const {
    for (const auto& [name, content] : {std::pair(kBackend, files.backend), {kMeta, files.meta}}) {
      std::filesystem::remove((root_ / name).native());
      if (!content.empty()) {
        root_.write(name, content);
      }
    }
  }

  // States of a file from `before` to `after`: the appended pages in parts, then the meta page.
  static std::vector<std::string> between(const std::string& before, const std::string& after) {
    std::vector<std::string> states;
    std::size_t end = 8192; // where they begin to differ: what is in use of the old file
    while (end < before.size() && before.compare(end, 4096, after, end, 4096) == 0) {
      end += 4096;
    }
    for (std::size_t size = end; size < after.size(); size += 32768 - 512) {
      std::string state = before;
      state.resize(std::max(size, before.size()));
      states.push_back(state.replace(end, size - end, after, end, size - end));
    }
    const std::size_t page = before.compare(0, 4096, after, 0, 4096) != 0 ? 0 : 4096;
    for (const std::size_t torn : {0U, 40U, 63U, 79U}) {
      std::string state = after;
      states.push_back(state.replace(page + torn, 4096 - torn, before, page + torn, 4096 - torn));
    }
    states.push_back(after);
    return states;
  }

  // Readable, and one more seeding reaches the end.
  void goes_on_to(const std::string& end) {
    const auto state = read_state(root_.fd());
    ASSERT_TRUE(ok(state));
    ASSERT_TRUE(ok(seed_it()));
    ASSERT_EQ(texts(), end);
  }
};

TEST_F(KilledCommitTest, GoesOnInALivingStore) {
  write_living_store();
  const Files before = files();
  ASSERT_TRUE(ok(seed_it()));
  const Files after = files();
  const std::string end = texts();
  std::size_t unnamed = 0;
  for (const std::string& backend : between(before.backend, after.backend)) {
    put({backend, before.meta});
    unnamed += read_state(root_.fd())->unnamed.size();
    goes_on_to(end);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_EQ(unnamed, 20U); // whole in the last state, and in no other
  for (const std::string& meta : between(before.meta, after.meta)) {
    put({after.backend, meta});
    goes_on_to(end);
    ASSERT_FALSE(HasFatalFailure());
  }
}

TEST_F(KilledCommitTest, GoesOnInAnEmptyRoot) {
  ASSERT_TRUE(ok(seed_it()));
  const Files after = files();
  const std::string end = texts();
  for (const Files& killed : {Files{"", ""}, Files{after.backend, ""}, after}) {
    put(killed);
    root_.write(kBackend + ".new", "a part");
    root_.write(kMeta + ".new", "a part");
    goes_on_to(end);
    ASSERT_FALSE(HasFatalFailure());
  }
}

// The engine ran in between, and the user's snapshot that ours stands on has gone.
TEST_F(KilledCommitTest, PutsALeftSnapshotOntoAnotherParent) {
  ContainerdStore store;
  store.add_snapshot("theirs", 1);
  store.put_backend({"v1", "snapshots", "dind/ours"}, "id", encode_id(2));
  store.put_backend({"v1", "snapshots", "dind/ours"}, "kind", "\x03");
  store.put_backend({"v1", "snapshots", "dind/ours"}, "parent", "moby/1/theirs");
  store.put_backend({"v1", "parents"}, encode_parenthood(1, 2), "dind/ours");
  store.set_sequence(2);
  store.write(root_);
  Changes changes;
  changes.snapshots = {{.key = "base", .id = 3}, {.key = "ours", .parent = "base", .id = 9}};
  EXPECT_TRUE(fails_saying("has the id 2 already, not 9", commit(root_.fd(), changes, kNow)));
  changes.snapshots[1].id = 2;
  ASSERT_TRUE(ok(commit(root_.fd(), changes, kNow)));
  const auto state = read_state(root_.fd());
  ASSERT_TRUE(ok(state));
  EXPECT_EQ(state->snapshots.at("ours").parent, "base");
  EXPECT_EQ(state->sequence, 3U);
  const std::string parents = "/7631/" + test::hex_of("parents") + "/";
  EXPECT_THAT(text_of(kBackend),
              testing::AllOf(testing::HasSubstr(parents + "030002 = "),
                             testing::Not(testing::HasSubstr(parents + "010002 = "))));
}

} // namespace
} // namespace dind::containerd
