#include <archive/sha256.hpp>
#include <bake/layer_writer.hpp>
#include <cache/skeleton.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::bake {
namespace {

using test::fails_saying;
using test::ok;
using test::pack;
using test::Packing;
using test::TarBuilder;
using test::TempDir;

Result<WrittenLayer> write(const std::string& stored, const LayerDigests& digests,
                           const TempDir& dir) {
  archive::MemorySource source(stored);
  return write_layer(source, digests, dir.fd());
}

Result<WrittenLayer> write(const std::string& tar, const TempDir& dir) {
  return write(tar, {archive::sha256_of(tar), std::nullopt}, dir);
}

TEST(LayerWriterTest, CountsWhatALayerHolds) {
  const TempDir dir;
  const std::string tar = TarBuilder()
                              .directory("d")
                              .file("d/f", std::string(1000, 'f'))
                              .hard_link("d/g", "d/f")
                              .symlink("s", "target")
                              .whiteout("gone")
                              .whiteout("e/gone")
                              .opaque("d")
                              .fifo("d/pipe")
                              .finish();
  const auto layer = write(tar, dir);
  ASSERT_TRUE(ok(layer));
  const cache::Layer& facts = layer->facts;
  EXPECT_EQ(facts.diff_id, archive::sha256_of(tar));
  EXPECT_EQ(facts.entries, 8U);
  EXPECT_EQ(facts.bytes, 1006U);
  EXPECT_EQ(facts.tar_bytes, tar.size());
  EXPECT_FALSE(facts.only_directories);
  EXPECT_EQ(facts.marks, 4U);
  EXPECT_EQ(facts.mark_dirs, 2U);
  EXPECT_EQ(facts.copy_reason, "");
  ASSERT_EQ(facts.sentinels.size(), 1U);
  EXPECT_EQ(facts.sentinels[0].path, "d/g");
  EXPECT_EQ(facts.sentinels[0].links, 2U);
}

TEST(LayerWriterTest, KeepsWhatATreeCannotHoldInTheSkeleton) {
  const TempDir dir;
  const auto layer = write(TarBuilder()
                               .file("a/b/f", "1")
                               .whiteout("a/gone")
                               .whiteout("back")
                               .file("back", "again")
                               .opaque("")
                               .fifo("pipe")
                               .hard_link("pipe2", "pipe")
                               .directory("a/b", 0700)
                               .finish(),
                           dir);
  ASSERT_TRUE(ok(layer));
  const auto skeleton = cache::parse_skeleton(dir.read("skeleton.json"));
  ASSERT_TRUE(ok(skeleton));
  EXPECT_EQ(skeleton->whiteouts, std::vector<std::string>{"a/gone"});
  EXPECT_EQ(skeleton->overridden_whiteouts, std::vector<std::string>{"back"});
  EXPECT_EQ(skeleton->opaque, std::vector<std::string>{""});
  EXPECT_EQ(skeleton->implied, std::vector<std::string>{"a"});
  ASSERT_EQ(skeleton->nodes.size(), 2U);
  EXPECT_EQ(skeleton->nodes[1].link_to, "pipe");
  EXPECT_EQ(skeleton->nodes[1].mode, skeleton->nodes[0].mode);
  EXPECT_FALSE(dir.has("tree/pipe"));
  EXPECT_FALSE(dir.has("tree/a/.wh.gone"));
  EXPECT_EQ(dir.read("tree/back"), "again");
}

TEST(LayerWriterTest, HasNoSkeletonWhereThereIsNothingToSay) {
  const TempDir dir;
  const auto layer = write(TarBuilder().directory("d").finish(), dir);
  ASSERT_TRUE(ok(layer));
  EXPECT_FALSE(dir.has("skeleton.json"));
  EXPECT_TRUE(layer->facts.only_directories);
  EXPECT_TRUE(layer->facts.sentinels.empty());
}

TEST(LayerWriterTest, LeavesAttributesThatNoImageCarriesAndSaysWhichForced) {
  const TempDir dir;
  const auto layer =
      write(TarBuilder().pax({{"SCHILY.xattr.user.colour", "red"}}).file("f", "1").finish(), dir);
  ASSERT_TRUE(ok(layer));
  EXPECT_NE(layer->facts.copy_reason.find("user.colour on f"), std::string::npos)
      << layer->facts.copy_reason;
  const auto skeleton = cache::parse_skeleton(dir.read("skeleton.json"));
  ASSERT_TRUE(ok(skeleton));
  ASSERT_EQ(skeleton->lost_xattrs.size(), 1U);
  EXPECT_EQ(skeleton->lost_xattrs[0].path, "f");
  EXPECT_EQ(skeleton->lost_xattrs[0].names, std::vector<std::string>{"user.colour"});
}

TEST(LayerWriterTest, WarnsOfNamesThatAreNotUtf8) {
  const TempDir dir;
  const auto layer = write(TarBuilder().file("a\xff", "1").file("b\xfe", "2").finish(), dir);
  ASSERT_TRUE(ok(layer));
  ASSERT_EQ(layer->warnings.size(), 1U);
  EXPECT_NE(layer->warnings[0].find("2 names"), std::string::npos) << layer->warnings[0];
  EXPECT_NE(layer->warnings[0].find("a\\xff"), std::string::npos) << layer->warnings[0];
  EXPECT_TRUE(layer->facts.sentinels.empty()) << "cache.json could not name them";
}

TEST(LayerWriterTest, WritesTheSameFilesFromEveryPacking) {
  const std::string tar = TarBuilder()
                              .file("d/f", std::string(300'000, 'f'))
                              .whiteout("d/gone")
                              .symlink("s", "d")
                              .finish();
  const TempDir plain;
  ASSERT_TRUE(ok(write(tar, plain)));
  for (const Packing packing : {Packing::plain, Packing::gzip, Packing::zstd}) {
    const TempDir dir;
    const std::string stored = pack(tar, packing);
    const auto layer = write(stored, {archive::sha256_of(tar), archive::sha256_of(stored)}, dir);
    ASSERT_TRUE(ok(layer));
    for (const char* const file : {"tar-split.json.gz", "skeleton.json", "tree/d/f"}) {
      EXPECT_TRUE(dir.read(file) == plain.read(file)) << file;
      EXPECT_EQ(test::stat_of(dir / file).st_mode, test::stat_of(plain / file).st_mode) << file;
      EXPECT_EQ(test::stat_of(dir / file).st_mtim.tv_sec,
                test::stat_of(plain / file).st_mtim.tv_sec)
          << file;
      EXPECT_EQ(test::stat_of(dir / file).st_mtim.tv_nsec, 0) << file;
    }
  }
  EXPECT_EQ(test::stat_of(plain / "tar-split.json.gz").st_mtim.tv_sec, 0);
  EXPECT_EQ(test::stat_of(plain.path()).st_mtim.tv_sec, 0);
}

struct BadLayer {
  const char* what;
  std::string tar;
  const char* complaint;
};

TEST(LayerWriterTest, RefusesHostileLayersWithOneLine) {
  test::TarMember huge{.name = "huge", .content = "little"};
  huge.declared_size = 10ULL << 30U;
  const BadLayer kLayers[] = {
      {"a path upwards", TarBuilder().file("../etc/passwd", "x").finish(), ".."},
      {"a path upwards inside", TarBuilder().file("a/../../b", "x").finish(), ".."},
      {"a path that leads out", TarBuilder().file("a/../../etc/passwd", "x").finish(), ".."},
      {"a parent that is a symlink to itself",
       TarBuilder().symlink("a", "a").file("a/passwd", "x").finish(), "symlink"},
      {"a hard link to nowhere", TarBuilder().hard_link("a", "b").finish(), "does not have"},
      {"a hard link out", TarBuilder().hard_link("a", "../../etc/passwd").finish(), ".."},
      {"a name twice", TarBuilder().file("a", "1").file("./a", "2").finish(), "duplicate"},
      {"a huge declared size", TarBuilder().add(huge).finish(), "10737418240"},
      {"a file as parent", TarBuilder().file("a", "1").file("a/b", "2").finish(), "no directory"},
      {"no tar", std::string(5000, 'x'), "checksum"},
  };
  for (const BadLayer& bad : kLayers) {
    const TempDir dir;
    const auto layer = write(bad.tar, dir);
    EXPECT_TRUE(fails_saying(bad.complaint, layer)) << bad.what;
    EXPECT_TRUE(layer || layer.error().code() == 0) << bad.what << ": " << layer.error().describe();
    EXPECT_TRUE(layer || layer.error().describe().find('\n') == std::string::npos) << bad.what;
  }
}

TEST(LayerWriterTest, RefusesBytesThatHashToSomethingElse) {
  const std::string tar = TarBuilder().file("f", "1").finish();
  const Digest right = archive::sha256_of(tar);
  const Digest wrong = archive::sha256_of("wrong");
  const std::string packed = pack(tar, Packing::gzip);
  const TempDir one;
  EXPECT_TRUE(fails_saying("its diff ID is " + right.text(), write(tar, {wrong, {}}, one)));
  const TempDir two;
  EXPECT_TRUE(fails_saying("its digest is " + archive::sha256_of(packed).text(),
                           write(packed, {right, wrong}, two)));
  const TempDir three;
  EXPECT_TRUE(fails_saying("uncompressed", write(packed, {right, right}, three)));
  const TempDir four;
  EXPECT_FALSE(write(packed + "trailing", {right, archive::sha256_of(packed)}, four));
  archive::MemorySource source(packed);
  EXPECT_TRUE(fails_saying("its diff ID is", check_layer(source, {wrong, {}})));
  archive::MemorySource again(packed);
  EXPECT_TRUE(ok(check_layer(again, {right, archive::sha256_of(packed)})));
}

TEST(LayerWriterTest, RefusesATruncatedLayer) {
  const std::string tar = TarBuilder().file("f", std::string(200'000, 'f')).finish();
  for (const Packing packing : {Packing::plain, Packing::gzip, Packing::zstd}) {
    const std::string stored = pack(tar, packing);
    const TempDir dir;
    const auto layer =
        write(stored.substr(0, stored.size() / 2), {archive::sha256_of(tar), {}}, dir);
    ASSERT_FALSE(layer);
    EXPECT_EQ(layer.error().code(), 0) << layer.error().describe();
  }
}

} // namespace
} // namespace dind::bake
