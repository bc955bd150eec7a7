#include <images/build_cache.hpp>

#include <archive/sha256.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::images {
namespace {

using test::fails_saying;
using test::Files;
using test::index_of;
using test::ok;

constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar+gzip";
constexpr const char* kConfigType = "application/vnd.buildkit.cacheconfig.v0";

class BuildCacheTest : public testing::Test {
protected:
  // As BuildKit exports one: an index of blobs, or with image-manifest=true a manifest.
  std::string add_index(const std::string& layer, const std::string& config_type = kConfigType) {
    return files_.add_blob(
        index_of({files_.add_blob(layer, kLayerType), files_.add_blob(layer, kLayerType),
                  files_.add_blob("{}", config_type)}),
        kIndexType, kLatest);
  }
  std::string add_manifest(const std::string& layer) {
    return files_.add_blob(R"({"schemaVersion": 2, "config": )" +
                               files_.add_blob("{}", kConfigType) + R"(, "layers": [)" +
                               files_.add_blob(layer, kLayerType) + "]}",
                           "application/vnd.oci.image.manifest.v1+json", kLatest);
  }
  Result<BuildCache> read(const std::vector<std::string>& exports,
                          const std::string& name = "app") {
    files_.contents["index.json"] = index_of(exports);
    files_.write(dir_, "cache");
    return read_build_cache(name, dir_ / "cache");
  }

  static constexpr const char* kLatest =
      R"(,"annotations":{"org.opencontainers.image.ref.name":"latest"})";
  const test::TempDir dir_;
  Files files_;
};

TEST_F(BuildCacheTest, HasEachBlobOnceWhateverTheDocumentIs) {
  for (const std::string& document : {add_index("layer"), add_manifest("layer")}) {
    const auto build = read({document});
    ASSERT_TRUE(ok(build));
    EXPECT_EQ(build->name, "app");
    EXPECT_EQ(archive::sha256_of(build->document.text), build->document.facts.digest);
    ASSERT_EQ(build->blobs.size(), 2U);
    EXPECT_EQ(build->blobs[0].blob->digest, archive::sha256_of("layer"));
    EXPECT_EQ(build->blobs[0].blob->media_type, kLayerType);
    EXPECT_TRUE(build->blobs[0].blob->carried);
    EXPECT_EQ(build->blobs[1].blob->digest, archive::sha256_of("{}"));
  }
}

TEST_F(BuildCacheTest, IsTheOneThatWasExportedLast) {
  std::string earlier = files_.add_blob("earlier", kIndexType);
  const auto build = read({earlier, add_index("layer")});
  ASSERT_TRUE(ok(build));
  EXPECT_EQ(build->blobs.size(), 2U);
}

TEST_F(BuildCacheTest, HasNoMediaTypeThatNoHeaderCanHave) {
  const std::string body = index_of({files_.add_blob("{}", kConfigType)});
  const auto build = read({files_.add_blob(body, R"(a\r\nX-Header: b)", kLatest)});
  ASSERT_TRUE(ok(build));
  EXPECT_EQ(build->document.facts.media_type, "");
}

TEST_F(BuildCacheTest, SaysWhatIsNoBuildCache) {
  EXPECT_TRUE(fails_saying("no build cache", read({add_index("layer", kLayerType)})));
  EXPECT_TRUE(fails_saying("no name for a build cache", read({add_index("layer")}, "../app")));
  EXPECT_TRUE(fails_saying("lists 0 caches", read({})));
  EXPECT_TRUE(fails_saying("index.json", read_build_cache("app", dir_.make_dir("empty"))));
}

TEST_F(BuildCacheTest, NamesABlobThatIsMissingOrCutShort) {
  const std::string document = add_index("layer");
  const std::string file = blob_file(archive::sha256_of("layer"));
  files_.contents[file] = "lay";
  EXPECT_TRUE(fails_saying("has 3 bytes, not 5", read({document})));
  files_.contents.erase(file);
  EXPECT_TRUE(fails_saying(file, read_build_cache("app", [&] {
                             files_.write(dir_, "without");
                             return dir_ / "without";
                           }())));
}

} // namespace
} // namespace dind::images
