#include <archive/sha256.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/source_content.hpp>
#include <support/tar_builder.hpp>
#include <images/image_config.hpp>
#include <images/oci_layout.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

namespace dind::images {
namespace {

using test::add_manifest;
using test::fails_saying;
using test::Files;
using test::ImageSpec;
using test::index_of;
using test::ok;
using test::Packing;

std::string host_architecture() {
  return host_platform().substr(6); // "linux/"
}

ImageSpec one_layer_image(const std::string& name, const std::string& content = "x") {
  return {name, {test::TarBuilder().file("f", content).finish()}, host_architecture()};
}

class OciLayoutTest : public testing::Test {
protected:
  Result<std::vector<SourceImage>> read(const Files& files, const std::string& reference = "") {
    const std::string below = fmt::format("layout{}", layouts_++);
    files.write(dir_, below);
    return test::all_images(read_oci_layout(open_directory(dir_ / below).value(), reference),
                            warnings_);
  }
  static Files named(const std::string& annotations) {
    Files files;
    files.contents["index.json"] = index_of({add_manifest(files, one_layer_image(""), Packing::gzip,
                                                          ",\"annotations\":" + annotations)});
    return files;
  }

  const test::TempDir dir_;
  int layouts_ = 0;
  Warnings warnings_;
};

TEST_F(OciLayoutTest, DescribesAnImageWithAllItsDigests) {
  const ImageSpec spec = one_layer_image("a/b:1");
  const Files files = oci_layout({spec}, Packing::gzip);
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 1U);
  const SourceImage& made = images->front();
  EXPECT_EQ(made.image.id, spec.id());
  EXPECT_EQ(made.config, spec.config());
  EXPECT_EQ(made.image.names, std::vector<std::string>{"a/b:1"});
  EXPECT_EQ(made.image.platform, host_platform());
  EXPECT_EQ(made.image.layers, std::vector{archive::sha256_of(spec.layers[0])});
  ASSERT_TRUE(made.image.manifest.has_value());
  EXPECT_TRUE(files.contents.contains(blob_file(*made.image.manifest)));
  EXPECT_FALSE(made.image.index.has_value());
  const std::string packed = test::pack(spec.layers[0], Packing::gzip);
  ASSERT_EQ(made.layers.size(), 1U);
  EXPECT_EQ(made.layers[0].stored_digest, archive::sha256_of(packed));
  ASSERT_TRUE(made.layers[0].blob.has_value());
  EXPECT_EQ(made.layers[0].blob->size, packed.size());
  EXPECT_EQ(made.layers[0].blob->media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
  EXPECT_TRUE(warnings_.empty());
}

struct Naming {
  const char* annotations;
  const char* reference;
  std::vector<std::string> names;
};

const Naming kNamings[] = {
    {R"({"io.containerd.image.name":"docker.io/library/a:1","org.opencontainers.image.ref.name":"1"})",
     "",
     {"a:1"}},
    {R"({"org.opencontainers.image.ref.name":"quay.io/a/b:1"})", "", {"quay.io/a/b:1"}},
    {R"({"org.opencontainers.image.ref.name":"1.2"})", "", {}},
    {R"({"org.opencontainers.image.ref.name":"1.2"})", "1.2", {}},
    {R"({"org.opencontainers.image.ref.name":"1.2"})", "a/b:1.2", {"a/b:1.2"}},
    {R"({"org.opencontainers.image.ref.name":"a"})", "a:latest", {"a:latest"}},
    {R"({})", "a:7", {"a:7"}},
    {R"({"org.opencontainers.image.ref.name":"a:1"})", "a:1", {"a:1"}},
    {R"({"org.opencontainers.image.ref.name":"docker.io/library/a:1"})", "a:1", {"a:1"}},
    {R"({"dev.ggcr.image.name":"index.docker.io/library/a:1"})", "", {"a:1"}},
    {R"({"dev.ggcr.image.name":"quay.io/a/b:1"})", "quay.io/a/b:1", {"quay.io/a/b:1"}},
};

TEST_F(OciLayoutTest, KeepsTheManifestAndTheIndexAsTheyCame) {
  Files files;
  const std::string type = "application/vnd.oci.image.index.v1+json";
  const std::string index = index_of({add_manifest(files, one_layer_image(""), Packing::gzip)});
  files.contents["index.json"] = index_of({files.add_blob(index, type)});
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  const SourceImage& made = images->at(0);
  ASSERT_EQ(made.documents.size(), 2U);
  EXPECT_EQ(made.documents[0].text, index);
  EXPECT_EQ(made.documents[0].facts.digest, made.image.index);
  EXPECT_EQ(made.documents[0].facts.media_type, type);
  EXPECT_EQ(made.documents[1].facts.digest, made.image.manifest);
  EXPECT_EQ(archive::sha256_of(made.documents[1].text), made.image.manifest);
}

TEST_F(OciLayoutTest, NamesAnImageByAnnotationOrReference) {
  for (const Naming& naming : kNamings) {
    const auto images = read(named(naming.annotations), naming.reference);
    ASSERT_TRUE(ok(images)) << naming.annotations << " " << naming.reference;
    EXPECT_EQ(images->front().image.names, naming.names)
        << naming.annotations << " " << naming.reference;
  }
}

TEST_F(OciLayoutTest, TakesADigestThatTheLayoutDoesNotKnow) {
  const std::string index = "sha256:" + std::string(64, 'a');
  for (const char* const name : {"a:7", "a"}) {
    const auto images = read(named("{}"), std::string(name) + "@" + index);
    ASSERT_TRUE(ok(images)) << name;
    EXPECT_EQ(images->front().image.digests, std::vector{"a@" + index}) << name;
    EXPECT_EQ(images->front().image.names, std::string_view(name) == "a"
                                               ? std::vector<std::string>()
                                               : std::vector<std::string>{"a:7"});
  }
}

TEST_F(OciLayoutTest, PicksOneOfSeveralImages) {
  const ImageSpec second = one_layer_image("b:2", "second");
  const Files files = oci_layout({one_layer_image("a:1"), second}, Packing::zstd);
  EXPECT_EQ(read(files)->size(), 2U);
  const auto picked = read(files, "b:2");
  ASSERT_TRUE(ok(picked));
  ASSERT_EQ(picked->size(), 1U);
  EXPECT_EQ(picked->front().image.id, second.id());
  EXPECT_TRUE(fails_saying("no image c:3: there is a:1, b:2", read(files, "c:3")));
}

TEST_F(OciLayoutTest, DoesNotGuessAmongImagesWithoutAName) {
  Files files;
  files.contents["index.json"] =
      index_of({add_manifest(files, one_layer_image("", "1"), Packing::plain),
                add_manifest(files, one_layer_image("", "2"), Packing::plain)});
  EXPECT_TRUE(fails_saying("may be any of 2", read(files, "a:1")));
}

TEST_F(OciLayoutTest, TakesTheHostsPlatformOfAnIndexAndNoAttestation) {
  Files files;
  ImageSpec foreign = one_layer_image("");
  foreign.architecture = "vax";
  const ImageSpec ours = one_layer_image("");
  const auto platform = [](const std::string& os, const std::string& architecture) {
    return fmt::format(R"(,"platform":{{"os":"{}","architecture":"{}"}})", os, architecture);
  };
  const std::string inner =
      index_of({add_manifest(files, foreign, Packing::gzip, platform("linux", "vax")),
                add_manifest(files, ours, Packing::gzip, platform("linux", host_architecture())),
                add_manifest(files, one_layer_image("", "sbom"), Packing::gzip,
                             platform("unknown", "unknown"))});
  const std::string descriptor =
      files.add_blob(inner, "application/vnd.oci.image.index.v1+json",
                     R"(,"annotations":{"io.containerd.image.name":"docker.io/library/a:1"})");
  files.contents["index.json"] = index_of({descriptor});
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 1U);
  EXPECT_EQ(images->front().image.id, ours.id());
  EXPECT_EQ(images->front().image.index, archive::sha256_of(inner));
  EXPECT_NE(images->front().image.manifest, archive::sha256_of(inner));
}

TEST_F(OciLayoutTest, WarnsOfAnImageForAnotherMachine) {
  ImageSpec foreign = one_layer_image("a:1");
  foreign.architecture = "vax";
  ASSERT_TRUE(ok(read(oci_layout({foreign}, Packing::plain))));
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("linux/vax"), std::string::npos) << warnings_[0];
}

// A manifest whose configuration and only layer are of these media types.
std::string add_artifact(Files& files, const std::string& config_type,
                         const std::string& layer_type, const std::string& more_members = "",
                         const std::string& config = R"({"made":"by hand"})") {
  const std::string manifest =
      fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[{}]}})",
                  files.add_blob(config, config_type), files.add_blob("payload", layer_type));
  return files.add_blob(manifest, "application/vnd.oci.image.manifest.v1+json", more_members);
}

std::string ref_name(const std::string& name) {
  return fmt::format(R"(,"annotations":{{"org.opencontainers.image.ref.name":"{}"}})", name);
}

TEST_F(OciLayoutTest, PassesOverWhatIsNoImageWithALineEach) {
  const std::string config_type = "application/vnd.oci.image.config.v1+json";
  const ImageSpec spec = one_layer_image("");
  Files files;
  files.contents["index.json"] = index_of(
      {add_manifest(files, spec, Packing::gzip, ref_name("a/b:1")),
       add_artifact(files, config_type, "application/vnd.dev.cosign.simplesigning.v1+json",
                    ref_name("sha256-" + std::string(64, 'a') + ".sig")),
       add_artifact(files, "application/vnd.cncf.helm.config.v1+json",
                    "application/vnd.cncf.helm.chart.content.v1.tar+gzip", ref_name("chart")),
       add_artifact(files, "application/vnd.oci.empty.v1+json", "text/plain", ref_name("notes"),
                    "{}"),
       add_artifact(files, config_type, "application/vnd.oci.image.layer.v1.tar", ref_name("empty"),
                    "{}"),
       add_artifact(files, "application/vnd.oci.empty.v1+json", "text/spdx+json",
                    R"(,"artifactType":"application/spdx+json")"),
       add_manifest(files, one_layer_image("", "sbom"), Packing::plain,
                    R"(,"annotations":{"vnd.docker.reference.type":"attestation-manifest"})")});
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 1U);
  EXPECT_EQ(images->front().image.id, spec.id());
  EXPECT_EQ(warnings_.size(), 6U);
  for (const std::string& warning : warnings_) {
    EXPECT_NE(warning.find("is no image"), std::string::npos) << warning;
    EXPECT_NE(warning.find("passed over"), std::string::npos) << warning;
  }
}

TEST_F(OciLayoutTest, TakesADigestThatIsListedAgainForOneImage) {
  const ImageSpec spec = one_layer_image("");
  const std::string platform =
      fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})", host_architecture());
  Files files;
  files.contents["index.json"] =
      index_of({add_manifest(files, spec, Packing::gzip, ref_name("a:1")),
                add_manifest(files, spec, Packing::gzip, ref_name("a:1")),
                add_manifest(files, spec, Packing::gzip, ref_name("a:1") + platform),
                add_manifest(files, spec, Packing::gzip, ref_name("b:2"))});
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 2U); // one for each name
  EXPECT_EQ((*images)[0].image.id, spec.id());
  EXPECT_EQ((*images)[1].image.id, spec.id());
  Files unnamed;
  const std::string twice = add_manifest(unnamed, spec, Packing::gzip);
  unnamed.contents["index.json"] = index_of({twice, twice});
  EXPECT_EQ(read(unnamed)->size(), 1U);
  EXPECT_EQ(read(unnamed, "a:1")->size(), 1U);
}

TEST_F(OciLayoutTest, LetsConfigurationsDecideWhereManifestsSayNoPlatform) {
  ImageSpec foreign = one_layer_image("");
  foreign.architecture = "vax";
  const ImageSpec ours = one_layer_image("");
  Files files;
  files.contents["index.json"] =
      index_of({add_manifest(files, foreign, Packing::gzip, ref_name("a:1")),
                add_manifest(files, ours, Packing::gzip, ref_name("a:1"))});
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  ASSERT_EQ(images->size(), 1U);
  EXPECT_EQ(images->front().image.id, ours.id());
  EXPECT_TRUE(warnings_.empty());
}

// A configuration need not name the variant.
TEST_F(OciLayoutTest, WarnsOfTheVariantThatTheIndexSays) {
  Files files;
  ImageSpec image = one_layer_image("");
  image.architecture = "amd64";
  files.contents["index.json"] = index_of(
      {add_manifest(files, image, Packing::gzip,
                    R"(,"platform":{"os":"linux","architecture":"amd64","variant":"v3"})")});
  files.write(dir_, "listed");
  const auto content = read_oci_layout(open_directory(dir_ / "listed").value(), "", "linux/amd64");
  ASSERT_TRUE(ok(content));
  ASSERT_EQ(content->warnings.size(), 1U);
  EXPECT_NE(content->warnings[0].find("is for linux/amd64/v3, which not every machine"),
            std::string::npos)
      << content->warnings[0];
}

TEST_F(OciLayoutTest, SaysWhichPlatformsAreThereWhereAnIndexListsMore) {
  Files files;
  const auto platform = [](const std::string& architecture) {
    return fmt::format(R"(,"platform":{{"os":"linux","architecture":"{}"}})", architecture);
  };
  ImageSpec foreign = one_layer_image("", "foreign");
  foreign.architecture = "vax";
  Files elsewhere; // whose blobs are not in the layout
  files.contents["index.json"] = index_of(
      {files.add_blob(index_of({add_manifest(elsewhere, one_layer_image(""), Packing::gzip,
                                             platform(host_architecture())),
                                add_manifest(files, foreign, Packing::gzip, platform("vax"))}),
                      "application/vnd.oci.image.index.v1+json")});
  EXPECT_TRUE(fails_saying("only for linux/vax; --platform", read(files)));
}

TEST_F(OciLayoutTest, CostsNoOtherImageWhatCannotBeHad) {
  Files files =
      oci_layout({one_layer_image("a:1"), one_layer_image("b:2", "second")}, Packing::plain);
  std::erase_if(files.contents, [](const auto& file) {
    return file.second.find("second") != std::string::npos && !file.second.starts_with("{");
  });
  files.write(dir_, "some");
  const auto content = read_oci_layout(open_directory(dir_ / "some").value(), "");
  ASSERT_TRUE(ok(content));
  ASSERT_EQ(content->images.size(), 1U);
  EXPECT_EQ(content->images.front().image.names, std::vector<std::string>{"a:1"});
  ASSERT_EQ(content->refused.size(), 1U);
  EXPECT_TRUE(content->refused.front().describe().starts_with("b:2: "));
}

TEST_F(OciLayoutTest, TakesTheOwnPlatformWhereAnImageSaysNone) {
  ImageSpec spec = one_layer_image("a:1");
  spec.architecture = "";
  const auto images = read(oci_layout({spec}, Packing::plain));
  ASSERT_TRUE(ok(images));
  EXPECT_EQ(images->front().image.platform, host_platform());
  ASSERT_EQ(warnings_.size(), 1U);
  EXPECT_NE(warnings_[0].find("does not say its platform"), std::string::npos) << warnings_[0];
}

TEST_F(OciLayoutTest, TakesAnImageWithoutLayersAsGoPrintsIt) {
  Files files;
  ImageSpec spec = one_layer_image("a:1");
  spec.layers.clear();
  const std::string config =
      files.add_blob(spec.config(), "application/vnd.oci.image.config.v1+json");
  const std::string manifest =
      fmt::format(R"({{"schemaVersion":2,"config":{},"layers":null}})", config);
  files.contents["index.json"] =
      index_of({files.add_blob(manifest, "application/vnd.oci.image.manifest.v1+json")});
  const auto images = read(files);
  ASSERT_TRUE(ok(images));
  EXPECT_TRUE(images->front().image.layers.empty());
}

struct LayoutDamage {
  const char* what;
  std::function<void(Files&)> inflict;
  const char* complaint;
};

std::string& blob_with(Files& files, const std::string& text) {
  for (auto& [name, content] : files.contents) {
    if (name.starts_with("blobs/") && content.find(text) != std::string::npos) {
      return content;
    }
  }
  std::abort();
}

const LayoutDamage kLayoutDamages[] = {
    {"a changed configuration",
     [](Files& files) { blob_with(files, "diff_ids").replace(2, 1, "A"); }, "its digest is"},
    {"a longer manifest", [](Files& files) { blob_with(files, "schemaVersion") += " "; },
     "bytes, not"},
    {"a missing layer",
     [](Files& files) {
       std::erase_if(files.contents, [](const auto& file) {
         return file.first.starts_with("blobs/") && !file.second.starts_with("{");
       });
     },
     "No such file"},
    {"no JSON", [](Files& files) { files.contents["index.json"] = "index"; }, "index.json: line 1"},
    {"no list", [](Files& files) { files.contents["index.json"] = R"({"manifests":{}})"; },
     "\"manifests\""},
    {"no image", [](Files& files) { files.contents["index.json"] = R"({"manifests":[]})"; },
     "lists no image"},
    {"schema 1",
     [](Files& files) {
       const std::string old = R"({"schemaVersion":1,"fsLayers":[]})";
       files.contents["index.json"] = index_of({files.add_blob(old, "")});
     },
     "schema 1"},
    {"an artifact",
     [](Files& files) {
       const std::string config = files.add_blob("{}", "application/vnd.cncf.helm.config.v1+json");
       const std::string manifest =
           fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[]}})", config);
       files.contents["index.json"] =
           index_of({files.add_blob(manifest, "application/vnd.oci.image.manifest.v1+json")});
     },
     "is no image: its configuration is of the media type \"application/vnd.cncf.helm"},
    {"indexes in a circle",
     [](Files& files) {
       std::string inner = index_of({});
       for (int i = 0; i < 6; ++i) {
         inner = index_of({files.add_blob(inner, "application/vnd.oci.image.index.v1+json")});
       }
       files.contents["index.json"] = inner;
     },
     "within each other"},
};

TEST_F(OciLayoutTest, SaysWhatIsWrongWithALayout) {
  for (const LayoutDamage& damage : kLayoutDamages) {
    Files files = oci_layout({one_layer_image("a:1")}, Packing::gzip);
    damage.inflict(files);
    EXPECT_TRUE(fails_saying(damage.complaint, read(files))) << damage.what;
  }
}

} // namespace
} // namespace dind::images
