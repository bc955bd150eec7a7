#include <outer/image_draft.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/temp_dir.hpp>
#include <support/tree_listing.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <thread>
#include <vector>

namespace dind::outer {
namespace {

using test::fails_saying;
using test::ok;

class ImageDraftTest : public testing::Test {
protected:
  Result<std::unique_ptr<ImageDraft>> draft_of(const std::string& transport,
                                               const std::string& name) const {
    return ImageDraft::create(TRY(parse_image_target(transport + ":" + (dir_ / name).native())));
  }

  // An image of two documents.
  static Result<FinishedImage> image_in(const ImageDraft& draft, const std::string& name) {
    return FinishedImage{.config = TRY(write_blob(draft.dir(), "{}")),
                         .manifest = TRY(write_blob(draft.dir(), "manifest of " + name)),
                         .platform = "linux/amd64",
                         .layers = {},
                         .names = {name},
                         .reference = ""};
  }

  Result<void> store_one(ImageDraft& draft, const std::string& name = "a:1") const {
    const FinishedImage image = TRY(image_in(draft, name));
    bake::Progress progress(bake::ProgressStyle::none, STDERR_FILENO);
    return draft.store(image, progress, stop_);
  }

  Result<void> make(const std::string& transport, const std::string& name) const {
    const auto draft = TRY(draft_of(transport, name));
    return store_one(*draft);
  }

  std::size_t entries() const { return sys::list_dir(dir_.fd()).value().size(); }

  const test::TempDir dir_;
  StopFlag stop_{false};
};

TEST_F(ImageDraftTest, ReplacesAFileAndNothingElse) {
  dir_.write("file", "old");
  const std::string pipe = "pipe";
  ASSERT_TRUE(ok(sys::make_node_at({dir_.fd(), pipe}, S_IFIFO | 0600, 0)));
  dir_.make_dir("dir");
  for (const char* const transport : {"docker-archive", "oci-archive"}) {
    EXPECT_TRUE(ok(make(transport, "file")));
    EXPECT_TRUE(fails_saying("not a file", make(transport, "pipe")));
    EXPECT_TRUE(fails_saying("a directory; name a file", make(transport, "dir")));
    EXPECT_TRUE(fails_saying("a directory; name a file", make(transport, "new/")));
  }
  EXPECT_NE(dir_.read("file"), "old");
  EXPECT_TRUE(S_ISFIFO(test::stat_of(dir_ / "pipe").st_mode));
  EXPECT_EQ(entries(), 3U);
}

TEST_F(ImageDraftTest, SaysThatWhatIsNoFileIsAUsageError) {
  const std::string pipe = "pipe";
  ASSERT_TRUE(ok(sys::make_node_at({dir_.fd(), pipe}, S_IFIFO | 0600, 0)));
  dir_.write("file", "");
  EXPECT_TRUE(test::fails_with(0, make("docker-archive", "pipe")));
  EXPECT_TRUE(test::fails_with(0, make("oci", "pipe")));
  EXPECT_TRUE(test::fails_with(0, make("oci", "file")));
}

TEST_F(ImageDraftTest, WritesWhereASymlinkLeads) {
  dir_.write("there/old", "old");
  for (const char* const target : {"there/old", "there/new"}) {
    const std::string link = "link";
    ASSERT_TRUE(ok(sys::symlink_at(target, {dir_.fd(), link})));
    EXPECT_TRUE(ok(make("docker-archive", link)));
    EXPECT_TRUE(S_ISLNK(test::stat_of(dir_ / link).st_mode));
    EXPECT_GT(dir_.read(target).size(), 1024U);
    ASSERT_TRUE(ok(sys::unlink_at({dir_.fd(), link})));
  }
  const std::string link = "link";
  ASSERT_TRUE(ok(sys::symlink_at("there/layout", {dir_.fd(), link})));
  EXPECT_TRUE(ok(make("oci", "link")));
  EXPECT_TRUE(dir_.has("there/layout/index.json"));
  EXPECT_EQ(entries(), 2U);
}

TEST_F(ImageDraftTest, SweepsWhatAKilledFirstRunHasLeftAndLeavesTheLivingAlone) {
  dir_.write("out/.draft-0123abcd/.blob-x", "of a killed run");
  const auto living = draft_of("oci", "out");
  ASSERT_TRUE(ok(living));
  EXPECT_FALSE(dir_.has("out/.draft-0123abcd"));
  EXPECT_TRUE(ok(make("oci", "out")));
  EXPECT_TRUE(ok(store_one(**living, "b:1")));
  EXPECT_NE(dir_.read("out/index.json").find("b:1"), std::string::npos);
  dir_.write("file", "old");
  dir_.write(".file-0123abcd/archive", "of a killed run");
  dir_.write(".file-not-ours/archive", "");
  EXPECT_TRUE(ok(make("docker-archive", "file")));
  EXPECT_FALSE(dir_.has(".file-0123abcd"));
  EXPECT_TRUE(dir_.has(".file-not-ours"));
}

TEST_F(ImageDraftTest, AddsToTheLayoutThatAFailedFirstRunHasLeft) {
  {
    const auto draft = draft_of("oci", "out");
    ASSERT_TRUE(ok(draft));
    FinishedImage image = image_in(**draft, "a:1").value();
    image.manifest.digest = archive::sha256_of("not in the draft");
    bake::Progress progress(bake::ProgressStyle::none, STDERR_FILENO);
    EXPECT_FALSE((*draft)->store(image, progress, stop_));
  }
  EXPECT_TRUE(dir_.has("out/blobs"));
  EXPECT_TRUE(ok(make("oci", "out")));
}

TEST_F(ImageDraftTest, RefusesATargetItCouldNotAddTo) {
  dir_.write("other/file", "");
  EXPECT_TRUE(fails_saying("neither an OCI layout nor empty", draft_of("oci", "other")));
  dir_.write("broken/oci-layout", "{}");
  dir_.write("broken/index.json", "{");
  EXPECT_TRUE(fails_saying("index.json", draft_of("oci", "broken")));
  dir_.write("broken/index.json", "[]");
  EXPECT_TRUE(fails_saying("not an index", draft_of("oci", "broken")));
}

TEST_F(ImageDraftTest, LosesNoNameWhereSeveralAddToOneLayout) {
  constexpr int kWriters = 4;
  constexpr int kImages = 8;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([this, writer] {
      for (int image = 0; image < kImages; ++image) {
        const auto draft = draft_of("oci", "out");
        ASSERT_TRUE(ok(draft));
        EXPECT_TRUE(ok(store_one(**draft, fmt::format("w{}:{}", writer, image))));
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
  const json::value index = json::parse(dir_.read("out/index.json")).value();
  EXPECT_EQ(index.at("manifests").as_array().size(), std::size_t{kWriters * kImages});
}

TEST_F(ImageDraftTest, LeavesTheTargetAsItWasWhereItIsStopped) {
  stop_ = true;
  dir_.write("old", "old");
  EXPECT_TRUE(test::fails_with(ECANCELED, make("docker-archive", "old")));
  EXPECT_TRUE(test::fails_with(ECANCELED, make("oci-archive", "new")));
  EXPECT_TRUE(test::fails_with(ECANCELED, make("oci", "layout")));
  EXPECT_EQ(dir_.read("old"), "old");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(ImageDraftTest, KnowsTheLengthOfItsArchive) {
  for (const char* const transport : {"docker-archive", "oci-archive"}) {
    const auto draft = draft_of(transport, "file");
    ASSERT_TRUE(ok(draft));
    const auto image = image_in(**draft, "a:1");
    ASSERT_TRUE(ok(image));
    const auto archive = (*draft)->stream(*image);
    ASSERT_TRUE(ok(archive));
    EXPECT_EQ(test::read_whole(*archive->source).value().size(), archive->bytes);
  }
}

TEST_F(ImageDraftTest, WritesFilesThatAllCanReadWhateverTheUmask) {
  const mode_t before = ::umask(077);
  const auto archive = make("docker-archive", "file");
  const auto layout = make("oci", "layout");
  ::umask(before);
  ASSERT_TRUE(ok(archive));
  ASSERT_TRUE(ok(layout));
  EXPECT_EQ(test::stat_of(dir_ / "file").st_mode & 07777U, 0644U);
  EXPECT_EQ(test::stat_of(dir_ / "layout").st_mode & 07777U, 0755U);
  for (const auto& [path, line] : test::list_tree(dir_ / "layout")) {
    const struct stat found = test::stat_of(dir_ / ("layout/" + path));
    EXPECT_EQ(found.st_mode & 07777U, S_ISDIR(found.st_mode) ? 0755U : 0644U) << path;
  }
}

TEST_F(ImageDraftTest, FollowsNoLinksForEver) {
  const std::string link = "link";
  ASSERT_TRUE(ok(sys::symlink_at("link", {dir_.fd(), link})));
  EXPECT_TRUE(test::fails_with(ELOOP, make("docker-archive", "link")));
  EXPECT_TRUE(test::fails_with(ELOOP, make("oci", "link")));
}

} // namespace
} // namespace dind::outer
