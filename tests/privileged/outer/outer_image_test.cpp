#include <outer/outer_image.hpp>

#include <archive/compression.hpp>
#include <archive/member_path.hpp>
#include <bake/bake.hpp>
#include <base/json.hpp>
#include <cache/reader.hpp>
#include <cache/verify.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>
#include <support/tree_listing.hpp>
#include <outer/image_draft.hpp>
#include <outer/shared_layers.hpp>

#include <boost/filesystem/operations.hpp>
#include <gtest/gtest.h>

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace dind::outer {
namespace {

using test::fails_saying;
using test::ImageSpec;
using test::ok;
using test::Packing;
using test::TarBuilder;
using test::TempDir;

const std::string kBaseLayer = TarBuilder()
                                   .directory("var", 0711)
                                   .directory("var/lib", 0750)
                                   .directory("usr/local/bin")
                                   .file("usr/local/bin/dind-init", "elf", 0755)
                                   .file("usr/local/bin/dindctl", "elf", 0755)
                                   .finish();

class OuterImageTest : public testing::Test {
protected:
  Result<OuterImageReport> make(const std::string& target, const std::vector<std::string>& sources,
                                const std::string& previous = "") {
    const ImageTarget parsed =
        TRY(parse_image_target(fmt::format(fmt::runtime(target), dir_.path().native())));
    const auto draft = TRY(ImageDraft::create(parsed));
    const images::Reading reading{.scratch = draft->dir(),
                                  .stop = stop_,
                                  .progress = [](std::uint64_t) {},
                                  .platform = platform_};
    std::vector<images::SourceSpec> specs;
    for (const std::string& source : sources) {
      specs.push_back(TRY(images::parse_source_spec((dir_ / source).native())));
    }
    const auto base = TRY(images::collect({spec_of(base_)}, reading));
    const auto collection = TRY(images::collect(specs, reading));
    OuterImageOptions options;
    options.names = {"outer:1"};
    options.compression = parsed.compressed() ? compression_ : archive::Compression::none;
    options.previous = previous.empty() ? "" : (dir_ / previous).native();
    options.programs = dir_ / "programs";
    options.carried = carried_;
    options.platform = platform_;
    bake::Progress progress(bake::ProgressStyle::none, STDERR_FILENO);
    auto report = TRY(make_outer_image(base, collection, options, draft->dir(), progress, stop_));
    if (report.images == 0) { // where one is refused, and none is left
      return std::move(report.refused.at(0));
    }
    TRY(draft->store(report.image, progress, stop_));
    return report;
  }

  images::SourceSpec spec_of(const std::string& name) const {
    return images::parse_source_spec((dir_ / name).native()).value();
  }

  // All members of the cache in an OCI layout's image, each layer unpacked on its own.
  std::map<std::string, std::string> unpacked(const std::string& layout,
                                              const FinishedImage& image) const {
    std::map<std::string, std::string> all;
    int number = 0;
    for (const OuterLayer& layer : image.layers) {
      const auto bytes = dir_.read(layout + "/" + images::blob_file(layer.blob.digest));
      archive::MemorySource raw(bytes);
      const auto plain = archive::decompress(raw).value();
      const std::string tar = test::read_whole(*plain.source).value();
      EXPECT_EQ(archive::sha256_of(tar), layer.diff_id);
      const std::string name = fmt::format("unpacked{}", number++);
      const auto root = dir_.make_dir(name);
      const Fd fd = sys::open_dir(root).value();
      test::RecordingMarks marks;
      EXPECT_TRUE(ok(test::unpack(tar, fd, marks)));
      EXPECT_TRUE(marks.whiteouts.empty());
      if (dir_.has(name + "/var/lib/dind-cache")) {
        for (auto& [path, line] : test::list_tree(root / "var/lib/dind-cache")) {
          all[path] = line;
        }
      }
    }
    return all;
  }

  void bake_to(const std::string& name, const std::vector<std::string>& sources) const {
    const auto writer = bake::CacheWriter::create(dir_ / name);
    ASSERT_TRUE(ok(writer));
    std::vector<images::SourceSpec> specs;
    for (const std::string& source : sources) {
      specs.push_back(spec_of(source));
    }
    const auto collection = images::collect(
        specs, {.scratch = (*writer)->root(), .stop = stop_, .progress = [](std::uint64_t) {}});
    ASSERT_TRUE(ok(collection));
    bake::Progress progress(bake::ProgressStyle::none, STDERR_FILENO);
    ASSERT_TRUE(
        ok(bake::bake(**writer, *collection, progress, stop_, bake::OnRefusal::go_on, carried_)));
  }

  void write_images(const std::string& name, const std::vector<ImageSpec>& images) const {
    dir_.write(name, test::new_docker_archive(images, Packing::plain).tar());
  }

  void SetUp() override {
    write_images("base", {{"base:1", {kBaseLayer}}});
    base_ = "base";
  }

  const TempDir dir_;
  StopFlag stop_{false};
  std::string base_;
  std::string platform_ = images::host_platform();
  archive::Compression compression_ = archive::Compression::zstd;
  bake::Carried carried_;
  const std::vector<std::string> layers_ = test::nasty_layers();
};

// What passes for a static program.
std::string fake_program(const std::string& content, Elf64_Half machine = EM_X86_64) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_machine = machine;
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + content;
}

// A layer that is not tiny, of its own content.
std::string layer_of(const std::string& content) {
  return TarBuilder().directory("d").file("d/" + content, std::string(10'000, content[0])).finish();
}

TEST_F(OuterImageTest, UnpacksToExactlyTheCacheThatBakeMakes) {
  NEEDS(::geteuid() == 0, "root");
  write_images("in", {{"a:1", layers_}, {"b:2", {layers_[0], layers_[2], layers_[2]}}});
  bake_to("cache", {"in"});
  const auto report = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(report));
  auto expected = test::list_tree(dir_ / "cache");
  auto found = unpacked("out", report->image);
  EXPECT_GT(expected.size(), 50U);
  for (const auto& [path, line] : expected) {
    EXPECT_EQ(found[path], line) << path;
  }
  for (const auto& [path, line] : found) {
    EXPECT_TRUE(expected.contains(path)) << path;
  }
}

TEST_F(OuterImageTest, CarriesCompressedLayersAsBakeDoes) {
  NEEDS(::geteuid() == 0, "root");
  carried_.blobs = bake::Blobs::carried;
  dir_.write("in", test::oci_layout({{"a:1", layers_}}, Packing::gzip).tar());
  bake_to("cache", {"in"});
  const auto report = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->blobs_carried, layers_.size());
  EXPECT_EQ(unpacked("out", report->image), test::list_tree(dir_ / "cache"));
  const std::string blob = test::pack(layers_[0], Packing::gzip);
  EXPECT_EQ(dir_.read("cache/" + cache::blob_file(archive::sha256_of(blob))), blob);
  const auto again = make("oci:{}/again", {"in"}, "out");
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->image.manifest.digest, report->image.manifest.digest);
}

// The room of a layer is shared by what is smallest.
TEST_F(OuterImageTest, PutsTheSmallestBlobsTogetherWhereEnginesTakeNoMore) {
  carried_.blobs = bake::Blobs::carried;
  std::vector<std::string> layers;
  for (std::size_t i = 0; i < kMostOuterLayers; ++i) {
    layers.push_back(layer_of(fmt::format("{}", i)));
  }
  dir_.write("in", test::oci_layout({{"a:1", layers}}, Packing::gzip).tar());
  const auto report = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->image.layers.size(), kMostOuterLayers);
  EXPECT_EQ(report->blobs_carried, layers.size());
}

TEST_F(OuterImageTest, TakesABaseWithAbsoluteNames) {
  write_images("base", {{"base:1",
                         {TarBuilder()
                              .directory("/")
                              .directory("/var/", 0711)
                              .directory("/usr/local/bin/")
                              .file("/usr/local/bin/dind-init", "elf", 0755)
                              .file("./usr/local/bin/dindctl", "elf", 0755)
                              .finish()}}});
  write_images("in", {{"a:1", {layer_of("a")}}});
  const auto report = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(report));
  EXPECT_FALSE(report->added.programs);
}

TEST_F(OuterImageTest, RefusesACapabilityThatNoKernelTakes) {
  write_images("in",
               {{"a:1",
                 {TarBuilder()
                      .add({.name = "f", .pax = {{"SCHILY.xattr.security.capability", "\x01\x02"}}})
                      .finish()}}});
  EXPECT_TRUE(fails_saying("no kernel takes", make("oci:{}/out", {"in"})));
}

TEST_F(OuterImageTest, IsTheSameWithoutAnImageThatCannotBeHad) {
  const std::string broken = TarBuilder().file("f", "x").raw(std::string(512, 'x')).finish();
  write_images("good", {{"a:1", {layer_of("a")}}, {"b:2", {layer_of("b")}}});
  write_images(
      "mixed",
      {{"broken:1", {layer_of("b"), broken}}, {"a:1", {layer_of("a")}}, {"b:2", {layer_of("b")}}});
  const auto expected = make("oci:{}/expected", {"good"});
  const auto report = make("oci:{}/out", {"mixed"});
  ASSERT_TRUE(ok(expected));
  ASSERT_TRUE(ok(report));
  ASSERT_EQ(report->refused.size(), 1U);
  EXPECT_NE(report->refused.front().describe().find("broken:1: layer "), std::string::npos);
  EXPECT_EQ(report->image.manifest.digest, expected->image.manifest.digest);
}

TEST_F(OuterImageTest, HasEachNameOnceInALayer) {
  write_images("in", {{"a:1", layers_}});
  const auto report = make("docker-archive:{}/out.tar", {"in"});
  ASSERT_TRUE(ok(report));
  dir_.make_dir("out");
  const auto bundle = images::index_tar(
      std::make_shared<const Fd>(sys::open_path(dir_ / "out.tar", O_RDONLY).value()), 0);
  ASSERT_TRUE(ok(bundle));
  for (const OuterLayer& layer : report->image.layers) {
    EXPECT_EQ(layer.blob.digest, layer.diff_id); // plain
    const images::Stored stored = (*bundle)->find(images::blob_file(layer.blob.digest)).value();
    archive::RangeSource source = stored.source();
    const std::string tar = test::read_whole(source).value();
    std::vector<std::string> names;
    const auto members = test::members_of(tar);
    ASSERT_TRUE(ok(members));
    for (const archive::TarEntry& entry : *members) {
      names.push_back(archive::clean_path(entry.name).value());
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  }
}

TEST_F(OuterImageTest, KeepsTheDirectoriesAboveAsTheBaseHasThem) {
  write_images("in", {{"a:1", {layer_of("a")}}});
  const auto report = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(report));
  const OuterLayer& top = report->image.layers.back();
  const auto bytes = dir_.read("out/" + images::blob_file(top.blob.digest));
  archive::MemorySource raw(bytes);
  const auto plain = archive::decompress(raw).value();
  const auto members = test::members_of(test::read_whole(*plain.source).value()).value();
  EXPECT_EQ(members[0].name, "var/");
  EXPECT_EQ(members[0].mode, 0711U);
  EXPECT_EQ(members[0].mtime, 1'000'000'000);
  EXPECT_EQ(members[1].name, "var/lib/");
  EXPECT_EQ(members[1].mode, 0750U);
}

TEST_F(OuterImageTest, IsTheSameWhateverFormItsSourcesHave) {
  const std::vector<ImageSpec> images = {{"a:1", layers_}};
  dir_.write("old", test::old_docker_archive(images).tar());
  dir_.write("gz", test::pack(test::old_docker_archive(images).tar(), Packing::gzip));
  const auto one = make("oci:{}/one", {"old"});
  const auto two = make("oci:{}/two", {"gz"});
  ASSERT_TRUE(ok(one));
  ASSERT_TRUE(ok(two));
  EXPECT_EQ(one->image.manifest.digest, two->image.manifest.digest);
  EXPECT_EQ(dir_.read("one/index.json"), dir_.read("two/index.json"));
}

TEST_F(OuterImageTest, ChangesTwoLayersWhereOneHasChanged) {
  write_images("old",
               {{"a:1", {layer_of("s"), layer_of("a")}}, {"b:1", {layer_of("s"), layer_of("b")}}});
  write_images("new",
               {{"a:1", {layer_of("s"), layer_of("a")}}, {"b:1", {layer_of("s"), layer_of("c")}}});
  const auto before = make("oci:{}/out", {"old"});
  const auto after = make("oci:{}/out", {"new"}, "out");
  const auto fresh = make("oci:{}/fresh", {"new"});
  ASSERT_TRUE(ok(before));
  ASSERT_TRUE(ok(after));
  ASSERT_TRUE(ok(fresh));
  EXPECT_EQ(after->layers_made, 1U);
  EXPECT_EQ(after->layers_taken_over, 2U);
  EXPECT_EQ(after->image.manifest.digest, fresh->image.manifest.digest);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < before->image.layers.size(); ++i) {
    changed += before->image.layers[i].blob.digest != after->image.layers[i].blob.digest ? 1U : 0U;
  }
  EXPECT_EQ(changed, 2U);
}

TEST_F(OuterImageTest, TakesNothingOverThatWasMadeOtherwise) {
  write_images("in", {{"a:1", {layer_of("a")}}});
  ASSERT_TRUE(ok(make("oci:{}/out", {"in"})));
  compression_ = archive::Compression::gzip;
  const auto again = make("oci:{}/out", {"in"}, "out");
  ASSERT_TRUE(ok(again));
  EXPECT_EQ(again->layers_taken_over, 0U);
  EXPECT_EQ(again->image.layers.back().media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
}

class ReuseTest : public OuterImageTest {
protected:
  void SetUp() override {
    for (const char* const program : {"dind-init", "dindctl"}) {
      dir_.write(std::string("programs/") + program, fake_program(program));
    }
    write_images("base", {bare_});
    base_ = "base";
    write_images("in", {{"a:1", {layer_of("a")}}});
  }

  std::string blob(const Digest& digest) const { return "out/" + images::blob_file(digest); }
  void damage(const std::string& file, std::size_t at) const {
    std::string bytes = dir_.read(file);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    remove(file);
    dir_.write(file, bytes);
  }
  void remove(const std::string& file) const {
    ASSERT_TRUE(boost::filesystem::remove(dir_ / file));
  }

  const ImageSpec bare_{"base:1", {layer_of("x"), layer_of("y")}};
};

TEST_F(ReuseTest, CompressesNeitherAPlainBaseNorTheProgramsAgain) {
  const auto before = make("oci:{}/out", {"in"});
  const auto after = make("oci:{}/after", {"in"}, "out");
  ASSERT_TRUE(ok(before));
  ASSERT_TRUE(ok(after));
  EXPECT_EQ(after->base_layers_taken_over, 2U);
  EXPECT_TRUE(after->added.programs);
  EXPECT_EQ(after->image.manifest.digest, before->image.manifest.digest);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(test::stat_of(dir_ / blob(after->image.layers[i].blob.digest)).st_nlink, 2U) << i;
  }
}

TEST_F(ReuseTest, TakesNoBlobOfARegistryForOneThatItWouldMake) {
  test::oci_layout({bare_}, Packing::gzip).write(dir_, "pulled");
  base_ = "pulled";
  ASSERT_TRUE(ok(make("oci:{}/out", {"in"})));
  base_ = "base";
  const auto reused = make("oci:{}/reused", {"in"}, "out");
  const auto fresh = make("oci:{}/fresh", {"in"});
  ASSERT_TRUE(ok(reused));
  ASSERT_TRUE(ok(fresh));
  EXPECT_EQ(reused->base_layers_taken_over, 0U);
  EXPECT_EQ(reused->image.manifest.digest, fresh->image.manifest.digest);
}

TEST_F(ReuseTest, MakesAgainWhatItCannotUseAndSaysSo) {
  const auto image = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(image));
  const FinishedImage& made = image->image;
  const std::string inner = blob(made.layers[3].blob.digest);
  const std::string top = blob(made.layers.back().blob.digest);
  const std::function<void()> flaws[] = {
      [&] { dir_.write("out/index.json", "{"); },
      [&] { dir_.write("out/index.json", R"({"manifests":[{}]})"); },
      [&] { remove(blob(made.manifest.digest)); },
      [&] { damage(blob(made.manifest.digest), 5); },
      [&] { remove(blob(made.config.digest)); },
      [&] { damage(blob(made.config.digest), 5); },
      [&] { remove(inner); },
      [&] { dir_.write(inner, dir_.read(inner).substr(0, 100)); },
      [&] { remove(top); },
      [&] { damage(top, dir_.read(top).size() / 2); },
  };
  int number = 0;
  for (const auto& spoil : flaws) {
    spoil();
    const auto again = make(fmt::format("oci:{{}}/again{}", ++number), {"in"}, "out");
    ASSERT_TRUE(ok(again)) << number;
    EXPECT_EQ(again->warnings.size(), 1U) << number;
    EXPECT_EQ(again->image.manifest.digest, made.manifest.digest) << number;
    boost::filesystem::remove_all(dir_ / "out");
    ASSERT_TRUE(ok(make("oci:{}/out", {"in"})));
  }
}

TEST_F(ReuseTest, TellsDamageOfALayerThatItWouldHaveTaken) {
  const auto image = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(image));
  for (const std::size_t layer : {0U, 2U, 3U}) { // of the base, of programs, of an image
    const std::string file = blob(image->image.layers[layer].blob.digest);
    damage(file, 50);
    EXPECT_TRUE(fails_saying("is damaged", make("oci:{}/again", {"in"}, "out"))) << layer;
    damage(file, 50);
  }
}

TEST_F(ReuseTest, SaysWhyThereIsNothing) {
  dir_.make_dir("empty");
  EXPECT_EQ(make("oci:{}/out", {"in"}, "none")->nothing_to_reuse, "there is no such directory");
  EXPECT_EQ(make("oci:{}/out", {"in"}, "in")->nothing_to_reuse, "there is no such directory");
  EXPECT_EQ(make("oci:{}/out", {"in"}, "empty")->nothing_to_reuse, "it is no OCI layout");
  EXPECT_EQ(make("oci:{}/out", {"in"}, "out")->nothing_to_reuse, "");
  compression_ = archive::Compression::gzip;
  const auto other = make("oci:{}/out", {"in"}, "out");
  ASSERT_TRUE(ok(other));
  EXPECT_NE(other->nothing_to_reuse.find("in the same way"), std::string::npos);
}

TEST_F(OuterImageTest, FollowsAProgramThatIsALinkToAPlaceOfItsOwn) {
  const auto base_of = [](const std::string& target) {
    return TarBuilder()
        .file("opt/d/init-1.0", "elf", 0755)
        .symlink("usr/bin/dind-init", target)
        .file("usr/bin/dindctl", "elf", 0755)
        .symlink("usr/local/bin/dockerd-entrypoint.sh", "/usr/bin/dind-init")
        .finish();
  };
  write_images("in", {{"a:1", {layer_of("a")}}});
  write_images("base", {{"base:1", {base_of("../../opt/d/init-1.0")}}});
  const auto good = make("oci:{}/good", {"in"});
  ASSERT_TRUE(ok(good));
  EXPECT_FALSE(good->added.anything());
  write_images("base", {{"base:1", {base_of("/opt/d/none")}}});
  EXPECT_TRUE(fails_saying("open", make("oci:{}/bad", {"in"}))); // wants to add programs
}

TEST_F(OuterImageTest, SaysHowManyLayersABaseHasThatIsFull) {
  ImageSpec base{"base:1", {kBaseLayer}};
  while (base.layers.size() < 119) {
    base.layers.push_back(TarBuilder().file(std::to_string(base.layers.size()), "x").finish());
  }
  write_images("base", {base});
  write_images("in", {{"a:1", {layer_of("a")}}});
  EXPECT_TRUE(fails_saying("the base has 119 layers", make("oci:{}/out", {"in"})));
}

TEST_F(OuterImageTest, PutsTheSmallestLayersTogetherWhereEnginesTakeNoMore) {
  std::vector<ImageSpec> images;
  for (int image = 0; image < 3; ++image) {
    ImageSpec spec{fmt::format("i:{}", image), {}};
    for (int layer = 0; layer < 60; ++layer) {
      spec.layers.push_back(TarBuilder()
                                .file(fmt::format("f{}-{}", image, layer),
                                      std::string(static_cast<std::size_t>(layer) * 512 + 1, 'x'))
                                .finish());
    }
    images.push_back(spec);
  }
  write_images("in", images);
  const auto report = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(report));
  EXPECT_EQ(report->image.layers.size(), 120U);
  EXPECT_EQ(report->layers_made + report->layers_shared, 180U);
  if (::geteuid() == 0) {
    bake_to("cache", {"in"});
    EXPECT_EQ(test::list_tree(dir_ / "cache").size(), unpacked("out", report->image).size());
  }
}

class ForeignPlatformTest : public OuterImageTest {
protected:
  void SetUp() override {
    platform_ = "linux/arm64";
    base_ = "base";
    write_base("arm64");
    write_programs(EM_AARCH64);
    write_images("in", {{"a:1", {layer_of("a")}, "arm64"}});
  }

  void write_base(const std::string& architecture) const {
    write_images("base", {{"base:1", {layer_of("x")}, architecture}});
  }
  void write_programs(Elf64_Half machine) const {
    for (const char* const program : {"dind-init", "dindctl"}) {
      dir_.write(std::string("programs/") + program, fake_program(program, machine));
    }
  }
};

TEST_F(ForeignPlatformTest, IsThatOfTheBaseAndOfThePrograms) {
  const auto made = make("oci:{}/out", {"in"});
  ASSERT_TRUE(ok(made));
  EXPECT_TRUE(made->added.programs);
  const json::value config =
      json::parse(dir_.read("out/" + images::blob_file(made->image.config.digest))).value();
  EXPECT_EQ(config.as_object().at("architecture"), "arm64");
  const json::value index = json::parse(dir_.read("out/index.json")).value();
  const auto& entry = index.as_object().at("manifests").as_array().at(0).as_object();
  EXPECT_EQ(entry.at("platform").as_object().at("architecture"), "arm64");
}

TEST_F(ForeignPlatformTest, RefusesABaseOfAnother) {
  write_base("amd64");
  EXPECT_TRUE(fails_saying("the base is for linux/amd64, and wanted is linux/arm64",
                           make("oci:{}/out", {"in"})));
}

TEST_F(ForeignPlatformTest, RefusesProgramsOfAnother) {
  write_programs(EM_X86_64);
  EXPECT_TRUE(fails_saying("a program for amd64, and the base is for linux/arm64",
                           make("oci:{}/out", {"in"})));
}

TEST_F(OuterImageTest, RefusesABaseThatWouldLoseItsImages) {
  write_images("in", {{"a:1", {layer_of("a")}}});
  ASSERT_TRUE(ok(make("docker-archive:{}/first", {"in"})));
  base_ = "first";
  EXPECT_TRUE(fails_saying("has images baked in already", make("oci:{}/out", {"in"})));
  EXPECT_FALSE(dir_.has("out"));
}

TEST_F(OuterImageTest, LeavesNothingOfAnImageThatFails) {
  std::string damaged = test::new_docker_archive({{"a:1", {layer_of("a")}}}, Packing::plain).tar();
  damaged[damaged.find(std::string(100, 'a'))] = 'b';
  dir_.write("in", damaged);
  EXPECT_TRUE(fails_saying("its diff ID is", make("oci:{}/out", {"in"})));
  EXPECT_TRUE(fails_saying("its diff ID is", make("oci-archive:{}/out.tar", {"in"})));
  EXPECT_FALSE(dir_.has("out"));
  EXPECT_FALSE(dir_.has("out.tar"));
}

} // namespace
} // namespace dind::outer
