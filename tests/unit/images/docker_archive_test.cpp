#include <archive/sha256.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/source_content.hpp>
#include <support/tar_builder.hpp>
#include <sys/file.hpp>
#include <images/docker_archive.hpp>
#include <images/image_config.hpp>

#include <gtest/gtest.h>

#include <functional>

namespace dind::images {
namespace {

using test::fails_saying;
using test::Files;
using test::ImageSpec;
using test::ok;
using test::old_docker_archive;
using test::Packing;

const std::string kBase = test::TarBuilder().file("base", "b").finish();
const std::string kTop = test::TarBuilder().file("top", "t").finish();

ImageSpec layered_image(const std::string& name, std::vector<std::string> layers) {
  return {name, std::move(layers), host_platform().substr(6)};
}

class DockerArchiveTest : public testing::Test {
protected:
  Result<std::vector<SourceImage>> read(const Files& files, const std::string& reference = "") {
    const auto path = dir_.write("a.tar", files.tar());
    auto fd = std::make_shared<const Fd>(sys::open_path(path, O_RDONLY).value());
    std::shared_ptr<const Bundle> bundle = TRY(index_tar(std::move(fd), 0));
    return test::all_images(read_docker_archive(std::move(bundle), reference), warnings_);
  }
  // What a layer's origin holds.
  static std::string content(const LayerOrigin& origin) {
    return origin.bundle->read_document(origin.file).value();
  }

  const test::TempDir dir_;
  Warnings warnings_;
};

TEST_F(DockerArchiveTest, ReadsTheLayoutOfOldWithItsSharedLayers) {
  const std::vector<ImageSpec> specs = {layered_image("a:1", {kBase, kTop}),
                                        layered_image("b:1", {kTop, kBase})};
  const auto images = read(old_docker_archive(specs));
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    const SourceImage& made = (*images)[i];
    EXPECT_EQ(made.image.id, specs[i].id());
    EXPECT_EQ(made.image.names, std::vector{specs[i].name});
    ASSERT_EQ(made.layers.size(), 2U);
    EXPECT_EQ(content(made.layers[0]), specs[i].layers[0]);
    EXPECT_EQ(content(made.layers[1]), specs[i].layers[1]);
    EXPECT_FALSE(made.layers[0].stored_digest.has_value());
    EXPECT_FALSE(made.image.manifest.has_value());
  }
}

TEST_F(DockerArchiveTest, IgnoresManifestsThatAGraphDriversSaveInvented) {
  const auto images = read(new_docker_archive({layered_image("a:1", {kBase})}, Packing::plain));
  ASSERT_TRUE(ok(images));
  const SourceImage& made = images->front();
  EXPECT_FALSE(made.image.manifest.has_value());
  EXPECT_FALSE(made.layers[0].blob.has_value());
  EXPECT_EQ(made.layers[0].stored_digest, made.image.layers[0]);
  EXPECT_EQ(content(made.layers[0]), kBase);
}

TEST_F(DockerArchiveTest, KeepsTheDigestsThatAContainerdStoreSaves) {
  const auto images = read(new_docker_archive({layered_image("a:1", {kBase})}, Packing::gzip));
  ASSERT_TRUE(ok(images));
  const SourceImage& made = images->front();
  EXPECT_EQ(made.image.names, std::vector<std::string>{"a:1"});
  EXPECT_TRUE(made.image.manifest.has_value());
  ASSERT_TRUE(made.layers[0].blob.has_value());
  EXPECT_EQ(made.layers[0].blob->digest, archive::sha256_of(test::pack(kBase, Packing::gzip)));
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(DockerArchiveTest, WarnsIfTheIndexBesideItIsBroken) {
  Files files = new_docker_archive({layered_image("a:1", {kBase})}, Packing::gzip);
  files.contents["index.json"] = "{}";
  ASSERT_TRUE(ok(read(files)));
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("index.json"), std::string::npos) << warnings_[0];
}

TEST_F(DockerArchiveTest, ReadsManifestsAsAnEngineDoes) {
  const ImageSpec spec = layered_image("a:1", {kBase});
  Files files = old_docker_archive({spec});
  std::string& manifest = files.contents["manifest.json"];
  for (const auto& [was, is] : std::vector<std::pair<std::string, std::string>>{
           {R"("Config":")", R"("Parent":null,"Config":"./)"},
           {R"("Layers":[")", R"("Layers":[".//)"}}) {
    const auto at = manifest.find(was);
    ASSERT_NE(at, std::string::npos) << manifest;
    manifest.replace(at, was.size(), is);
  }
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  EXPECT_EQ(content(images->front().layers.front()), kBase);
}

TEST_F(DockerArchiveTest, NormalisesNamesAndKeepsTheParent) {
  ImageSpec spec = layered_image("docker.io/library/a:1", {kBase});
  spec.parent = archive::sha256_of("parent").text();
  const auto images = read(old_docker_archive({spec}));
  ASSERT_TRUE(ok(images));
  EXPECT_EQ(images->front().image.names, std::vector<std::string>{"a:1"});
  EXPECT_EQ(images->front().image.parent, archive::sha256_of("parent"));
}

TEST_F(DockerArchiveTest, PicksByNameOrId) {
  const ImageSpec a = layered_image("a:latest", {kBase});
  const ImageSpec b = layered_image("b:1", {kTop});
  const Files files = old_docker_archive({a, b});
  for (const std::string& reference :
       {std::string("a"), std::string("docker.io/library/a:latest"), a.id().text()}) {
    const auto images = read(files, reference);
    ASSERT_TRUE(ok(images)) << reference;
    ASSERT_EQ(images->size(), 1U) << reference;
    EXPECT_EQ(images->front().image.id, a.id()) << reference;
  }
  EXPECT_TRUE(fails_saying("no image c: there is a:latest, b:1", read(files, "c")));
}

struct ArchiveDamage {
  const char* what;
  std::function<void(Files&, const ImageSpec&)> inflict;
  const char* complaint;
};

std::string manifest_with(const std::string& members) {
  return "[{" + members + "}]";
}

const ArchiveDamage kArchiveDamages[] = {
    {"a changed configuration",
     [](Files& files, const ImageSpec& spec) { files.contents[spec.id().hex() + ".json"] += " "; },
     "its digest is"},
    {"a missing layer",
     [](Files& files, const ImageSpec&) {
       std::erase_if(files.contents,
                     [](const auto& file) { return file.first.ends_with("layer.tar"); });
     },
     "layer.tar is not in the archive"},
    {"too few layers",
     [](Files& files, const ImageSpec& spec) {
       files.contents["manifest.json"] = manifest_with(R"("Config":")" + spec.id().hex() +
                                                       R"(.json","RepoTags":["a:1"],"Layers":[])");
     },
     "lists 0 layers, and the configuration 1"},
    {"a name that is none",
     [](Files& files, const ImageSpec& spec) {
       files.contents["manifest.json"] = manifest_with(R"("Config":")" + spec.id().hex() +
                                                       R"(.json","RepoTags":["A B"],"Layers":[])");
     },
     "A B"},
    {"a foreign layer",
     [](Files& files, const ImageSpec& spec) {
       files.contents["manifest.json"] =
           manifest_with(R"("Config":")" + spec.id().hex() +
                         R"(.json","Layers":[],"LayerSources":{"x":{"digest":")" +
                         spec.id().text() + R"(","size":1,"urls":["http://x"]}})");
     },
     "foreign"},
    {"no list", [](Files& files, const ImageSpec&) { files.contents["manifest.json"] = "{}"; },
     "not a list"},
    {"no image", [](Files& files, const ImageSpec&) { files.contents["manifest.json"] = "[]"; },
     "lists no image"},
    {"no JSON", [](Files& files, const ImageSpec&) { files.contents["manifest.json"] = "[{"; },
     "manifest.json: line 1"},
};

TEST_F(DockerArchiveTest, SaysWhatIsWrongWithAnArchive) {
  const ImageSpec spec = layered_image("a:1", {kBase});
  for (const ArchiveDamage& damage : kArchiveDamages) {
    Files files = old_docker_archive({spec});
    damage.inflict(files, spec);
    const auto images = read(files);
    EXPECT_TRUE(fails_saying(damage.complaint, images)) << damage.what;
    EXPECT_TRUE(images || images.error().code() == 0) << damage.what;
  }
}

struct BadConfig {
  const char* text;
  const char* complaint;
};

const BadConfig kBadConfigs[] = {
    {R"({"os":"windows","rootfs":{"type":"layers","diff_ids":[]}})", "windows"},
    {R"({"rootfs":{"type":"blocks","diff_ids":[]}})", "unknown kind"},
    {R"({"rootfs":{"type":"layers","diff_ids":["sha256:../.."]}})", "64 lower-case hex digits"},
    {R"({"os":7})", "\"os\""},
    {R"([])", "not a JSON object"},
};

TEST(ImageConfigTest, RefusesWhatNoEngineHereRuns) {
  for (const BadConfig& config : kBadConfigs) {
    EXPECT_TRUE(fails_saying(config.complaint, parse_image_config(config.text))) << config.text;
  }
}

TEST(ImageConfigTest, TakesAsManyLayersAsEnginesDo) {
  const auto config_of = [](std::size_t layers) {
    ImageSpec spec;
    spec.layers.assign(layers, "x");
    return spec.config();
  };
  EXPECT_TRUE(ok(parse_image_config(config_of(125))));
  EXPECT_TRUE(fails_saying("126 layers", parse_image_config(config_of(126))));
}

TEST(ImageConfigTest, HasTheEnginesPlatformWhereItSaysNone) {
  const std::string rest = R"("rootfs":{"type":"layers","diff_ids":[]}})";
  for (const char* const said :
       {"{", R"({"os":"",)", R"({"os":null,"architecture":null,"variant":null,)",
        R"({"architecture":"","os":"linux",)"}) {
    const auto config = parse_image_config(said + rest, "linux/arm64");
    ASSERT_TRUE(ok(config)) << said;
    EXPECT_EQ(config->platform, "linux/arm64") << said;
    EXPECT_FALSE(config->says_platform) << said;
  }
  const auto half = parse_image_config(R"({"architecture":"s390x",)" + rest, "linux/arm64");
  ASSERT_TRUE(ok(half));
  EXPECT_EQ(half->platform, "linux/s390x");
  EXPECT_FALSE(half->says_platform);
}

TEST(ImageConfigTest, ReadsWhatGoReads) {
  const std::string rest = R"(","rootfs":{"type":"layers","diff_ids":[]}})";
  const std::string deep =
      R"({"x":)" + std::string(200, '[') + std::string(200, ']') + R"(,"author":")";
  for (const std::string& start :
       {std::string("{\"author\":\"M\xfcller"), std::string(R"({"author":"\ud800)"),
        std::string(R"({"author":"\udc00\ud83d\ude00\\ud800)"),
        std::string("{\"os\":\"linux\",\"architecture\":\"amd\xf2\xf2"), deep}) {
    const std::string text = start + rest;
    const auto config = parse_image_config(text);
    ASSERT_TRUE(ok(config)) << text;
    EXPECT_EQ(config->id, archive::sha256_of(text)) << "by the bytes as they are";
  }
  EXPECT_TRUE(fails_saying("deep", parse_image_config(R"({"x":)" + std::string(100'000, '['))));
}

TEST(ImageConfigTest, SaysThePlatformWithItsVariant) {
  const auto config = parse_image_config(
      R"({"os":"linux","architecture":"arm","variant":"v7","rootfs":{"type":"layers","diff_ids":null}})");
  ASSERT_TRUE(ok(config));
  EXPECT_EQ(config->platform, "linux/arm/v7");
  EXPECT_TRUE(config->diff_ids.empty());
}

} // namespace
} // namespace dind::images
