#include <archive/sha256.hpp>
#include <bake/bake.hpp>
#include <cache/reader.hpp>
#include <cache/verify.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>
#include <sys/mount.hpp>
#include <sys/xattr.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>

namespace dind::bake {
namespace {

using test::fails_saying;
using test::fails_with;
using test::Files;
using test::ImageSpec;
using test::ok;
using test::pack;
using test::Packing;
using test::TarBuilder;
using test::TempDir;

// One line for each path below a directory: all that two bakes must agree on.
void list_tree(const Fd& dir, const std::string& below, std::vector<std::string>& lines) {
  const auto entries = sys::list_dir(dir).value();
  for (const sys::DirEntry& entry : entries) {
    const sys::At at{dir, entry.name};
    const struct stat found = sys::stat_at(at).value();
    std::string content;
    if (S_ISREG(found.st_mode)) {
      content = archive::sha256_of(sys::read_file_at(at, 1U << 30U).value()).hex();
    } else if (S_ISLNK(found.st_mode)) {
      content = sys::read_link_at(at).value();
    }
    const auto capability = sys::get_xattr_at(at, std::string(sys::kCapabilityXattr)).value();
    lines.push_back(fmt::format("{}{} {:o} {}:{} {} {}.{:09} {} {}", below, entry.name,
                                found.st_mode, found.st_uid, found.st_gid,
                                S_ISDIR(found.st_mode) ? 0 : found.st_nlink, found.st_mtim.tv_sec,
                                found.st_mtim.tv_nsec, content, capability.has_value()));
    if (S_ISDIR(found.st_mode)) {
      list_tree(sys::open_dir_at(at).value(), below + entry.name + "/", lines);
    }
  }
}

class BakeTest : public testing::Test {
protected:
  void SetUp() override { NEEDS(::geteuid() == 0, "root"); }

  // What is made, whatever is refused.
  Result<BakeReport> bake_some(const boost::filesystem::path& target,
                               const std::vector<std::string>& sources,
                               const std::vector<std::string>& copies = {},
                               OnRefusal on_refusal = OnRefusal::go_on,
                               const Carried& carried = {}) {
    std::vector<images::SourceSpec> specs;
    for (const std::string& source : sources) {
      specs.push_back(images::parse_source_spec(source).value());
    }
    const auto writer = TRY(CacheWriter::create(target));
    auto collection = TRY(images::collect(
        specs, {.scratch = writer->root(), .stop = stop_, .progress = [](std::uint64_t) {}}));
    for (const std::string& reference : copies) {
      TRY(collection.mark_copy(reference));
    }
    Progress progress(ProgressStyle::none, STDERR_FILENO);
    return bake(*writer, collection, progress, stop_, on_refusal, carried);
  }
  // Where one image is refused and none is left, that is the error.
  Result<BakeReport> bake_to(const boost::filesystem::path& target,
                             const std::vector<std::string>& sources,
                             const std::vector<std::string>& copies = {}) {
    auto report = TRY(bake_some(target, sources, copies));
    if (report.manifest.images.empty() && report.refused.size() == 1) {
      return std::move(report.refused.front());
    }
    EXPECT_TRUE(report.refused.empty());
    return report;
  }
  Result<BakeReport> bake_one(const std::string& bytes) {
    dir_.write("in", bytes);
    return bake_to(dir_ / "cache", {(dir_ / "in").native()});
  }
  std::string source(const std::string& transport, const std::string& name) const {
    return transport + ":" + (dir_ / name).native();
  }
  // Nothing but what the test itself has written.
  std::vector<std::string> litter() const {
    std::vector<std::string> names;
    const auto entries = sys::list_dir(dir_.fd()).value();
    for (const sys::DirEntry& entry : entries) {
      if (entry.name != "in") {
        names.push_back(entry.name);
      }
    }
    return names;
  }
  std::vector<std::string> layers_of(const std::string& cache) const {
    std::vector<std::string> lines;
    list_tree(sys::open_dir(dir_ / cache / "layer").value(), "", lines);
    return lines;
  }
  void expect_whole(const std::string& name) const {
    const auto cache = cache::Cache::open(dir_ / name);
    ASSERT_TRUE(ok(cache));
    const auto flaws = cache::verify(*cache, [](std::size_t, std::size_t) {});
    ASSERT_TRUE(ok(flaws));
    for (const cache::Flaw& flaw : *flaws) {
      ADD_FAILURE() << name << ": " << flaw.path << ": " << flaw.what;
    }
  }

  const TempDir dir_;
  StopFlag stop_{false};
  const std::vector<std::string> layers_ = test::nasty_layers();
  const ImageSpec first_ = {"a:1", layers_};
  const ImageSpec second_ = {"b:2", {layers_[0], layers_[2], layers_[2]}};
};

TEST_F(BakeTest, GivesTheSameLayersWhereNoThreadCanBeHad) {
  dir_.write("oci.tar", test::oci_layout({first_, second_}, Packing::zstd).tar());
  ASSERT_TRUE(ok(bake_to(dir_ / "expected", {source("oci-archive", "oci.tar")})));
  EXPECT_TRUE(test::holds_without_threads(
      [&] { EXPECT_TRUE(ok(bake_to(dir_ / "cache", {source("oci-archive", "oci.tar")}))); }));
  EXPECT_EQ(layers_of("cache"), layers_of("expected"));
  expect_whole("cache");
}

TEST_F(BakeTest, GivesTheSameLayersFromEveryFormOfAnArchive) {
  const std::vector<ImageSpec> images = {first_, second_};
  const std::string old_archive = test::old_docker_archive(images).tar();
  dir_.write("old.tar", old_archive);
  dir_.write("old.tar.gz", pack(old_archive, Packing::gzip));
  dir_.write("old.tar.zst", pack(old_archive, Packing::zstd));
  dir_.write("new.tar", test::new_docker_archive(images, Packing::plain).tar());
  dir_.write("c8d.tar", test::new_docker_archive(images, Packing::gzip).tar());
  test::oci_layout(images, Packing::gzip).write(dir_, "oci");
  dir_.write("oci.tar", test::oci_layout(images, Packing::zstd).tar());
  ASSERT_TRUE(ok(bake_to(dir_ / "expected", {source("docker-archive", "old.tar")})));
  expect_whole("expected");
  const auto expected = layers_of("expected");
  EXPECT_GT(expected.size(), 30U);
  const std::vector<std::string> sources = {
      source("docker-archive", "old.tar"), source("docker-archive", "old.tar.gz"),
      (dir_ / "old.tar.zst").native(),     source("docker-archive", "new.tar"),
      source("docker-archive", "c8d.tar"), source("oci", "oci"),
      source("oci-archive", "oci.tar"),    source("oci-archive", "new.tar"),
  };
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::string cache = fmt::format("cache{}", i);
    ASSERT_TRUE(ok(bake_to(dir_ / cache, {sources[i]}))) << sources[i];
    EXPECT_EQ(layers_of(cache), expected) << sources[i];
    expect_whole(cache);
  }
}

TEST_F(BakeTest, GivesTheSameCacheTwice) {
  dir_.write("in", test::old_docker_archive({first_, second_}).tar());
  ASSERT_TRUE(ok(bake_to(dir_ / "one", {source("docker-archive", "in")})));
  ASSERT_TRUE(ok(bake_to(dir_ / "two", {source("docker-archive", "in")})));
  EXPECT_EQ(dir_.read("one/cache.json"), dir_.read("two/cache.json"));
  std::vector<std::string> one;
  std::vector<std::string> two;
  list_tree(sys::open_dir(dir_ / "one").value(), "", one);
  list_tree(sys::open_dir(dir_ / "two").value(), "", two);
  EXPECT_EQ(one, two);
  EXPECT_EQ(test::stat_of(dir_ / "one").st_mode, S_IFDIR | 0755U);
}

// Whole by its own digests, and verified with the rest.
TEST_F(BakeTest, CarriesCompressedLayersAsTheyCame) {
  const std::string layer = TarBuilder().file("a", "a").finish();
  dir_.write("in", test::oci_layout({{"a:1", {layer}}}, Packing::zstd).tar());
  const auto report = bake_some(dir_ / "cache", {(dir_ / "in").native()}, {}, OnRefusal::go_on,
                                {.blobs = Blobs::carried});
  ASSERT_TRUE(ok(report));
  const std::string blob = pack(layer, Packing::zstd);
  const Digest digest = archive::sha256_of(blob);
  EXPECT_EQ(dir_.read("cache/" + cache::blob_file(digest)), blob);
  EXPECT_EQ(report->blob_bytes, blob.size());
  const auto cache = cache::Cache::open(dir_ / "cache").value();
  EXPECT_TRUE(cache.manifest().layers.at(0).blobs.at(0).carried);
  EXPECT_NE(cache.manifest().find_document(*cache.manifest().images.at(0).manifest), nullptr);
  EXPECT_TRUE(cache::verify(cache, {})->empty());
  dir_.write("cache/" + cache::blob_file(digest), std::string(blob.size(), 'x'));
  const auto flaws = cache::verify(cache, {});
  ASSERT_TRUE(ok(flaws));
  ASSERT_EQ(flaws->size(), 1U);
  EXPECT_EQ(flaws->front().path, cache::blob_file(digest));
}

TEST_F(BakeTest, CarriesABuildCacheBesideItsImages) {
  Files files;
  const std::string config = files.add_blob("{}", "application/vnd.buildkit.cacheconfig.v0");
  files.contents["index.json"] =
      test::index_of({files.add_blob(test::index_of({files.add_blob("layer", "x"), config}),
                                     "application/vnd.oci.image.index.v1+json")});
  files.write(dir_, "build");
  dir_.write(
      "in",
      test::oci_layout({{"a:1", {TarBuilder().file("a", "a").finish()}}}, Packing::gzip).tar());
  const auto report =
      bake_some(dir_ / "cache", {(dir_ / "in").native()}, {}, OnRefusal::go_on,
                {.build_caches = {images::read_build_cache("app", dir_ / "build").value()}});
  ASSERT_TRUE(ok(report));
  const Digest layer = archive::sha256_of("layer");
  EXPECT_EQ(dir_.read("cache/" + cache::blob_file(layer)), "layer");
  const auto cache = cache::Cache::open(dir_ / "cache").value();
  const cache::BuildCache& build = cache.manifest().build_caches.at(0);
  EXPECT_EQ(build.blobs.size(), 2U);
  EXPECT_NE(cache.manifest().find_document(build.document), nullptr);
  EXPECT_FALSE(cache.manifest().layers.at(0).blobs.at(0).carried);
  EXPECT_TRUE(cache::verify(cache, {})->empty());
  dir_.write("cache/" + cache::blob_file(layer), "other");
  EXPECT_EQ(cache::verify(cache, {})->size(), 1U);
}

TEST_F(BakeTest, MergesSourcesAndMarksCopies) {
  dir_.write("a.tar", test::old_docker_archive({first_}).tar());
  test::oci_layout({first_, second_}, Packing::gzip).write(dir_, "oci");
  const auto report =
      bake_to(dir_ / "cache", {source("docker-archive", "a.tar"), source("oci", "oci")}, {"b:2"});
  ASSERT_TRUE(ok(report));
  ASSERT_EQ(report->manifest.images.size(), 2U);
  EXPECT_FALSE(report->manifest.images[0].copy);
  EXPECT_TRUE(report->manifest.images[1].copy);
  EXPECT_TRUE(report->manifest.images[0].manifest.has_value()) << "the layout knows it";
  EXPECT_EQ(report->manifest.layers.size(), layers_.size());
  EXPECT_EQ(report->manifest.layers[0].blobs.size(), 1U);
  const auto cache = cache::Cache::open(dir_ / "cache");
  ASSERT_TRUE(ok(cache));
  EXPECT_EQ(cache->manifest(), report->manifest);
  EXPECT_EQ(cache->read_config(first_.id()).value(), first_.config());
}

TEST_F(BakeTest, KeepsOwnersModesLinksAndCapabilities) {
  ASSERT_TRUE(ok(bake_one(test::old_docker_archive({first_}).tar())));
  const auto tree = dir_ / "cache" / cache::tree_dir(archive::sha256_of(layers_[0]));
  const struct stat su = test::stat_of(tree / "bin/su");
  EXPECT_EQ(su.st_mode, S_IFREG | 04711U) << "the mode of the last link's entry";
  EXPECT_EQ(su.st_gid, 7U);
  EXPECT_EQ(su.st_ino, test::stat_of(tree / "bin/sudo").st_ino);
  const struct stat mine = test::stat_of(tree / "home/u/mine");
  EXPECT_EQ(mine.st_uid, 1000U);
  EXPECT_EQ(mine.st_gid, 1001U);
  EXPECT_EQ(test::stat_of(tree / "home/u").st_mode, S_IFDIR | 02750U);
  EXPECT_EQ(test::stat_of(tree / "lib").st_uid, 5U);
  EXPECT_EQ(test::stat_of(tree / "etc/fraction").st_mtim.tv_nsec, 123456789);
  const Fd bin = sys::open_dir(tree / "bin").value();
  const std::string ping = "ping";
  EXPECT_TRUE(sys::get_xattr_at({bin, ping}, std::string(sys::kCapabilityXattr))->has_value());
}

struct BadArchive {
  const char* what;
  std::string bytes;
  const char* complaint;
};

TEST_F(BakeTest, LeavesNothingAfterBadInput) {
  const std::string whole = test::old_docker_archive({first_}).tar();
  Files tampered = test::old_docker_archive({first_});
  for (auto& [name, content] : tampered.contents) {
    if (name.ends_with("layer.tar") && content.size() > 6000) {
      content = TarBuilder().file("other", "content").finish();
    }
  }
  const ImageSpec escaping = {"a:1", {TarBuilder().hard_link("a", "../../etc/passwd").finish()}};
  const BadArchive kArchives[] = {
      {"no archive", std::string(4000, 'x'), "not an archive of images"},
      {"another tar", TarBuilder().file("etc/passwd", "x").finish(), "no manifest.json"},
      {"a truncated archive", whole.substr(0, whole.find(std::string(99, 's'))), "truncated"},
      {"a truncated stream", pack(whole, Packing::gzip).substr(0, 900), "cut short"},
      {"a layer that does not match", tampered.tar(), "its diff ID is"},
      {"a hostile layer", test::old_docker_archive({escaping}).tar(), "leads out of the layer"},
      {"nothing", "", "empty"},
  };
  for (const BadArchive& bad : kArchives) {
    const auto report = bake_one(bad.bytes);
    EXPECT_TRUE(fails_saying(bad.complaint, report)) << bad.what;
    EXPECT_TRUE(report || report.error().code() == 0) << bad.what;
    EXPECT_EQ(litter(), std::vector<std::string>{}) << bad.what;
  }
}

// What cannot be unpacked, behind a good layer.
ImageSpec broken_image(const std::string& name, const std::string& base) {
  return {name, {base, TarBuilder().file("f", "x").raw(std::string(512, 'x')).finish()}};
}

TEST_F(BakeTest, CostsNoOtherImageWhatCannotBeBaked) {
  const ImageSpec broken = broken_image("broken:1", layers_[2]);
  ImageSpec lost = {"lost:1", {layers_[3]}};
  Files files = test::old_docker_archive({broken, lost, first_, second_});
  files.contents.erase(lost.id().hex() + ".json");
  dir_.write("mixed.tar", files.tar());
  dir_.write("noise.tar", std::string(4000, 'x'));
  dir_.write("good.tar", test::old_docker_archive({first_, second_}).tar());
  ASSERT_TRUE(ok(bake_to(dir_ / "expected", {source("docker-archive", "good.tar")})));

  const auto report = bake_some(
      dir_ / "cache", {(dir_ / "noise.tar").native(), source("docker-archive", "mixed.tar")});
  ASSERT_TRUE(ok(report));
  ASSERT_EQ(report->refused.size(), 3U);
  EXPECT_NE(report->refused[0].describe().find("noise.tar: not an archive"), std::string::npos);
  EXPECT_NE(report->refused[1].describe().find("mixed.tar: lost:1: "), std::string::npos);
  EXPECT_NE(report->refused[2].describe().find("broken:1: layer "), std::string::npos);
  EXPECT_EQ(layers_of("cache"), layers_of("expected"));
  EXPECT_EQ(dir_.read("cache/cache.json"), dir_.read("expected/cache.json"));
  expect_whole("cache");
}

TEST_F(BakeTest, MakesNothingWhereOneIsRefusedAndAllAreWanted) {
  dir_.write("in", test::old_docker_archive({first_, broken_image("broken:1", layers_[0])}).tar());
  const auto report =
      bake_some(dir_ / "cache", {source("docker-archive", "in")}, {}, OnRefusal::refuse_all);
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->refused.size(), 1U);
  EXPECT_EQ(litter(), std::vector<std::string>{});
}

TEST_F(BakeTest, MakesNothingWhereNoImageIsLeft) {
  dir_.write("in", test::old_docker_archive(
                       {broken_image("a:1", layers_[0]), broken_image("b:1", layers_[2])})
                       .tar());
  const auto report = bake_some(dir_ / "cache", {source("docker-archive", "in")});
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->refused.size(), 2U);
  EXPECT_EQ(litter(), std::vector<std::string>{});
}

TEST_F(BakeTest, TakesAnImageFromTheSourceThatIsWhole) {
  Files damaged = test::oci_layout({first_}, Packing::plain);
  for (auto& [name, content] : damaged.contents) {
    if (name.starts_with("blobs/") && content.size() > 6000) {
      content[0] = '!';
    }
  }
  damaged.write(dir_, "damaged");
  test::oci_layout({first_}, Packing::plain).write(dir_, "whole");
  const auto report = bake_some(dir_ / "cache", {source("oci", "damaged"), source("oci", "whole")});
  ASSERT_TRUE(ok(report));
  EXPECT_TRUE(report->refused.empty());
  ASSERT_EQ(report->manifest.images.size(), 1U);
  EXPECT_NE(report->warnings.front().find("another source has the image"), std::string::npos);
  expect_whole("cache");
}

TEST_F(BakeTest, TakesAnEmptyCapabilityForOneThatIsLost) {
  const std::string layer =
      TarBuilder()
          .add({.name = "d",
                .type = '5',
                .mode = 0755,
                .pax = {{"SCHILY.xattr.security.capability", ""}}})
          .add({.name = "f", .content = "x", .pax = {{"SCHILY.xattr.security.capability", ""}}})
          .finish();
  const auto report = bake_one(test::old_docker_archive({{"a:1", {layer}}}).tar());
  ASSERT_TRUE(ok(report));
  EXPECT_NE(report->manifest.layers.front().copy_reason.find("an empty capability"),
            std::string::npos);
  expect_whole("cache");
}

TEST_F(BakeTest, LeavesNothingWhenStopped) {
  stop_ = true;
  EXPECT_TRUE(fails_with(ECANCELED, bake_one(test::old_docker_archive({first_}).tar())));
  EXPECT_EQ(litter(), std::vector<std::string>{});
}

// In a directory that others can write to, they can rename the cache while it is made.
TEST_F(BakeTest, TakesNothingForTheCacheThatAnotherPutInItsPlace) {
  dir_.write("victim", "root's");
  ASSERT_EQ(::chmod((dir_ / "victim").c_str(), 0600), 0);
  auto writer = CacheWriter::create(dir_ / "cache").value();
  std::string draft;
  for (const std::string& name : litter()) {
    draft = name.starts_with(".cache.baking-") ? name : draft;
  }
  ASSERT_EQ(::rename((dir_ / draft).c_str(), (dir_ / "stolen").c_str()), 0);
  ASSERT_EQ(::symlink("victim", (dir_ / draft).c_str()), 0);
  cache::Manifest manifest;
  EXPECT_TRUE(fails_saying("is not what was made", writer->finish(manifest)));
  EXPECT_EQ(test::stat_of(dir_ / "victim").st_mode & 07777U, 0600U);
  EXPECT_FALSE(dir_.has("cache"));
  writer.reset();
  EXPECT_TRUE(dir_.has("victim"));
}

TEST_F(BakeTest, RefusesATargetThatExistsAndLeavesItAlone) {
  dir_.write("cache/precious", "mine");
  EXPECT_TRUE(fails_saying("exists already", bake_one(test::old_docker_archive({first_}).tar())));
  EXPECT_EQ(dir_.read("cache/precious"), "mine");
  EXPECT_EQ(litter(), std::vector<std::string>{"cache"});
}

TEST_F(BakeTest, RefusesTheEnginesDataRootEvenIfItIsNotThere) {
  EXPECT_TRUE(fails_saying("VOLUME", bake_to("/var/lib/docker/cache", {})));
  EXPECT_TRUE(fails_saying("cannot be made", bake_to("..", {})));
  EXPECT_TRUE(fails_with(ENOENT, bake_to(dir_ / "no/where", {})));
}

class SmallDiskTest : public BakeTest {
protected:
  void SetUp() override {
    BakeTest::SetUp();
    if (IsSkipped()) {
      return;
    }
    dir_.make_dir("disk");
    const auto mounted = sys::mount("tmpfs", dir_ / "disk", "tmpfs", 0, "size=1m");
    NEEDS(mounted, "the right to mount");
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) {
      EXPECT_TRUE(ok(sys::unmount(dir_ / "disk")));
    }
  }
  void expect_full(const std::string& archive) {
    dir_.write("in", archive);
    EXPECT_TRUE(fails_with(ENOSPC, bake_to(dir_ / "disk/cache", {source("docker-archive", "in")})));
    const Fd disk = sys::open_dir(dir_ / "disk").value();
    EXPECT_TRUE(sys::list_dir(disk)->empty());
  }
  bool mounted_ = false;
};

TEST_F(SmallDiskTest, SaysAtOnceThatThereIsNoRoom) {
  const ImageSpec big = {"a:1", {TarBuilder().file("big", std::string(3 << 20, 'b')).finish()}};
  expect_full(test::old_docker_archive({big}).tar());
}

TEST_F(SmallDiskTest, LeavesNothingWhenTheDiskIsFullHalfWay) {
  const ImageSpec big = {"a:1", {TarBuilder().file("big", std::string(3 << 20, 'b')).finish()}};
  expect_full(test::new_docker_archive({big}, Packing::zstd).tar());
}

} // namespace
} // namespace dind::bake
