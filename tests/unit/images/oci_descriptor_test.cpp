#include <archive/sha256.hpp>
#include <support/expect.hpp>
#include <images/oci_descriptor.hpp>

#include <gtest/gtest.h>

namespace dind::images {
namespace {

using test::fails_saying;
using test::ok;

Descriptor of_platform(const std::string& platform) {
  Descriptor descriptor{.media_type = "", .digest = archive::sha256_of(platform)};
  descriptor.platform = platform;
  descriptor.attestation = platform == "unknown/unknown";
  return descriptor;
}

struct Choice {
  const char* name;
  std::vector<std::string> among;
  const char* host;
  const char* chosen; // or what the error says
  bool works;
};

const Choice kChoices[] = {
    {"the exact one", {"linux/arm64", "linux/amd64"}, "linux/amd64", "linux/amd64", true},
    {"a common variant", {"linux/amd64", "linux/arm64/v8"}, "linux/arm64", "linux/arm64/v8", true},
    {"the plain one before a special one",
     {"linux/amd64/v3", "linux/amd64"},
     "linux/amd64",
     "linux/amd64",
     true},
    {"the lower level of two",
     {"linux/amd64/v3", "linux/amd64/v2"},
     "linux/amd64",
     "linux/amd64/v2",
     true},
    {"the same one again", {"linux/s390x", "linux/s390x"}, "linux/amd64", "linux/s390x", true},
    {"v7 before v5", {"linux/arm/v5", "linux/arm/v7"}, "linux/arm", "linux/arm/v7", true},
    {"no prefix is a match",
     {"linux/arm64", "linux/amd64"},
     "linux/arm",
     "no image for linux/arm",
     false},
    {"the only one", {"linux/s390x"}, "linux/amd64", "linux/s390x", true},
    {"no attestation", {"unknown/unknown", "linux/s390x"}, "linux/amd64", "linux/s390x", true},
    {"none of several",
     {"linux/arm64", "windows/amd64"},
     "linux/amd64",
     "linux/arm64, windows/amd64",
     false},
    {"nothing at all", {"unknown/unknown"}, "linux/amd64", "without an image", false},
};

TEST(OciDescriptorTest, ChoosesThePlatformOfTheHost) {
  for (const Choice& choice : kChoices) {
    std::vector<Descriptor> among;
    for (const std::string& platform : choice.among) {
      among.push_back(of_platform(platform));
    }
    const auto chosen = choose_platform(among, choice.host);
    if (choice.works) {
      ASSERT_TRUE(ok(chosen)) << choice.name;
      EXPECT_EQ(chosen->platform, choice.chosen) << choice.name;
    } else {
      EXPECT_TRUE(fails_saying(choice.chosen, chosen)) << choice.name;
    }
  }
}

struct LayerType {
  const char* media_type;
  bool elsewhere;
  const char* complaint; // nullptr: taken
};

const LayerType kLayerTypes[] = {
    {"application/vnd.oci.image.layer.v1.tar", false, nullptr},
    {"application/vnd.oci.image.layer.v1.tar+gzip", false, nullptr},
    {"application/vnd.oci.image.layer.v1.tar+zstd", false, nullptr},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", false, nullptr},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", false, nullptr},
    {"application/vnd.docker.image.rootfs.diff.tar", false, nullptr},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", false, "foreign"},
    {"application/vnd.oci.image.layer.v1.tar+gzip", true, "foreign"},
    {"application/vnd.oci.image.layer.v1.tar+gzip+encrypted", false, "encrypted"},
    {"application/vnd.cncf.helm.chart.content.v1.tar+gzip", false, "unknown media type"},
    {"", false, "unknown media type"},
};

TEST(OciDescriptorTest, TakesLayersThatCanBeUnpackedAndSaysWhyNotTheOthers) {
  for (const LayerType& type : kLayerTypes) {
    Descriptor layer{.media_type = type.media_type, .digest = archive::sha256_of("")};
    layer.elsewhere = type.elsewhere;
    if (type.complaint) {
      EXPECT_TRUE(fails_saying(type.complaint, check_layer_type(layer))) << type.media_type;
    } else {
      EXPECT_TRUE(ok(check_layer_type(layer))) << type.media_type;
    }
  }
}

TEST(OciDescriptorTest, ReadsWhatNamesAnImage) {
  const std::string digest = archive::sha256_of("x").text();
  const auto document = json::parse(fmt::format(
      R"({{"mediaType":"m","digest":"{}","size":7,"platform":{{"os":"linux","architecture":"arm","variant":"v7"}},)"
      R"("annotations":{{"io.containerd.image.name":"docker.io/library/a:1","org.opencontainers.image.ref.name":"1"}}}})",
      digest));
  ASSERT_TRUE(ok(document));
  const auto descriptor = parse_descriptor(*document);
  ASSERT_TRUE(ok(descriptor));
  EXPECT_EQ(descriptor->digest.text(), digest);
  EXPECT_EQ(descriptor->size, 7U);
  EXPECT_EQ(descriptor->platform, "linux/arm/v7");
  EXPECT_EQ(descriptor->image_name, "docker.io/library/a:1");
  EXPECT_EQ(descriptor->ref_name, "1");
  EXPECT_FALSE(descriptor->attestation);
}

TEST(OciDescriptorTest, RefusesDigestsAndSizesThatAreNone) {
  for (const char* const text : {R"({"digest":"sha256:zz","size":1})",
                                 R"({"digest":"sha512:00","size":1})", R"({"size":1})", R"([])"}) {
    EXPECT_FALSE(parse_descriptor(json::parse(text).value())) << text;
  }
  const std::string digest = archive::sha256_of("x").text();
  const auto negative = json::parse(fmt::format(R"({{"digest":"{}","size":-1}})", digest));
  EXPECT_TRUE(fails_saying("\"size\"", parse_descriptor(*negative)));
}

} // namespace
} // namespace dind::images
