#include <cache/manifest.hpp>

#include <support/digest.hpp>
#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::cache {
namespace {

using test::digest;
using test::fails_saying;
using test::ok;

Manifest sample_manifest() {
  Layer layer{.diff_id = digest('b'), .entries = 3, .bytes = 42, .tar_bytes = 4096};
  layer.marks = 2;
  layer.mark_dirs = 1;
  layer.copy_reason = "user.foo on a";
  layer.sentinels = {{.path = "bin/su",
                      .mode = 0104755,
                      .uid = 1,
                      .gid = 2,
                      .size = 9,
                      .mtime = -5,
                      .links = 2,
                      .capability = true}};
  layer.blobs = {{.digest = digest('c'),
                  .size = 17,
                  .media_type = "application/x",
                  .repositories = {"docker.io/library/app"},
                  .carried = true}};
  Image image{.id = digest('a'), .names = {"app:1"}};
  image.digests = {"app@" + digest('d').text()};
  image.manifest = digest('d');
  image.index = digest('e');
  image.parent = digest('f');
  image.platform = "linux/amd64";
  image.config_bytes = 7;
  image.copy = true;
  image.layers = {digest('b'), digest('b')};
  Manifest manifest;
  manifest.images = {image};
  manifest.layers = {layer};
  manifest.documents = {{digest('d'), 12, "application/y"}, {digest('e'), 13, "application/z"}};
  manifest.build_caches = {
      {"team/app", digest('e'), {{.digest = digest('7'), .size = 3, .carried = true}}}};
  manifest.canary_capability = false;
  return manifest;
}

// The sample's text with one part of it replaced.
std::string altered(const std::string& from, const std::string& to) {
  std::string text = print_manifest(sample_manifest());
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ManifestTest, ReadsBackWhatItPrints) {
  const auto parsed = parse_manifest(print_manifest(sample_manifest()));
  ASSERT_TRUE(ok(parsed));
  EXPECT_EQ(*parsed, sample_manifest());
}

TEST(ManifestTest, FindsADocumentByItsDigest) {
  const Manifest manifest = sample_manifest();
  ASSERT_NE(manifest.find_document(digest('e')), nullptr);
  EXPECT_EQ(manifest.find_document(digest('e'))->size, 13U);
  EXPECT_EQ(manifest.find_document(digest('a')), nullptr);
}

TEST(ManifestTest, RefusesDocumentsThatItCouldNotFindAgain) {
  const std::string text = "\"digest\": \"" + digest('e').text() + "\",\n      \"size\": 13";
  EXPECT_TRUE(fails_saying("not sorted",
                           parse_manifest(altered(text, "\"digest\": \"" + digest('a').text() +
                                                            "\",\n      \"size\": 13"))));
}

TEST(ManifestTest, RefusesABuildCacheThatNoRepositoryCanBeNamedBy) {
  for (const char* const name : {"", "../app", "App", "app:1", "a//b"}) {
    EXPECT_TRUE(fails_saying("no name for a build cache",
                             parse_manifest(altered("\"team/app\"", fmt::format("\"{}\"", name)))))
        << name;
  }
}

// The registry's tag would lead nowhere.
TEST(ManifestTest, RefusesABuildCacheWhoseDocumentIsNotListed) {
  const std::string text = "\"document\": \"" + digest('e').text();
  EXPECT_TRUE(fails_saying("not listed",
                           parse_manifest(altered(text, "\"document\": \"" + digest('9').text()))));
}

// The registry sends it as a header.
TEST(ManifestTest, RefusesMediaTypesThatAreSeveralLines) {
  for (const char* const type : {"application/x", "application/z"}) {
    EXPECT_TRUE(fails_saying("media_type", parse_manifest(altered(type, R"(a\r\nX-Header: b)"))))
        << type;
  }
}

TEST(ManifestTest, SaysThatANewerFormatNeedsANewerProgram) {
  EXPECT_TRUE(
      fails_saying("has format 2", parse_manifest(altered("\"version\": 1", "\"version\": 2"))));
}

TEST(ManifestTest, RefusesAnIdThatIsNoDigest) {
  const std::string id = digest('a').text();
  EXPECT_TRUE(fails_saying("hex digits", parse_manifest(altered(id, "sha256:../../etc"))));
}

TEST(ManifestTest, RefusesAnImageWhoseLayerIsNotListed) {
  const std::string text =
      altered("\"diff_id\": \"" + digest('b').text(), "\"diff_id\": \"" + digest('9').text());
  EXPECT_TRUE(fails_saying("not listed", parse_manifest(text)));
}

TEST(ManifestTest, RefusesSentinelsOutsideOfTheTree) {
  EXPECT_TRUE(fails_saying("unsafe path", parse_manifest(altered("bin/su", "../bin/su"))));
}

TEST(ManifestTest, RefusesNamesThatDockerWouldNotWrite) {
  EXPECT_TRUE(fails_saying("familiar",
                           parse_manifest(altered("\"app:1\"", "\"docker.io/library/app:1\""))));
  EXPECT_TRUE(fails_saying("reference", parse_manifest(altered("\"app:1\"", "\"App:1\""))));
}

TEST(ManifestTest, RefusesMoreLayersThanAnImageCanHave) {
  Manifest manifest = sample_manifest();
  manifest.images[0].layers.assign(kMaxDepth + 1, digest('b'));
  EXPECT_TRUE(fails_saying("at most 125", parse_manifest(print_manifest(manifest))));
}

TEST(ManifestTest, ChainsAsTheImageSpecificationSays) {
  // By sha256sum of "sha256:bbb... sha256:ccc...".
  const std::vector<Digest> diff_ids = {digest('b'), digest('c')};
  const auto chain = chain_ids(diff_ids);
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[0], digest('b'));
  EXPECT_EQ(chain[1].hex(), "76b424866efc159eada6d187ebe7a56d02df2c866aa4ca51e67d10d20c677663");
}

} // namespace
} // namespace dind::cache
