#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <support/temp_dir.hpp>
#include <sys/file.hpp>
#include <images/bundle.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::images {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::TarBuilder;

class BundleTest : public testing::Test {
protected:
  Result<std::unique_ptr<Bundle>> index(const std::string& bytes, std::uint64_t start = 0) {
    const auto path = dir_.write("a.tar", bytes);
    auto fd = std::make_shared<const Fd>(sys::open_path(path, O_RDONLY).value());
    return index_tar(std::move(fd), start);
  }
  const test::TempDir dir_;
};

TEST_F(BundleTest, FindsMembersOfATarWhereTheyAre) {
  const std::string big(100'000, 'b');
  const auto bundle = index(TarBuilder()
                                .file("./manifest.json", "[]")
                                .directory("d")
                                .long_name(std::string(150, 'n'))
                                .file("cut", "long")
                                .file("d/big", big)
                                .file("empty", "")
                                .finish());
  ASSERT_TRUE(ok(bundle));
  EXPECT_TRUE((*bundle)->has("manifest.json"));
  EXPECT_FALSE((*bundle)->has("d"));
  EXPECT_EQ((*bundle)->read_document("manifest.json").value(), "[]");
  EXPECT_EQ((*bundle)->read_document(std::string(150, 'n')).value(), "long");
  EXPECT_EQ((*bundle)->read_document("d/big").value(), big);
  EXPECT_EQ((*bundle)->read_document("empty").value(), "");
}

TEST_F(BundleTest, TellsWhatPowerShellHasMadeOfAnArchive) {
  const std::string text("\xff\xfe"
                         "b\0l\0o\0b\0s\0",
                         12);
  EXPECT_TRUE(fails_saying("docker save -o", index(text + std::string(600, '\0'))));
}

TEST_F(BundleTest, StartsWhereItIsTold) {
  const auto bundle = index("garbage" + TarBuilder().file("a", "1").finish(), 7);
  ASSERT_TRUE(ok(bundle));
  EXPECT_EQ((*bundle)->read_document("a").value(), "1");
}

TEST_F(BundleTest, FollowsTheLinksThatDockerWrites) {
  const auto bundle = index(TarBuilder()
                                .file("one/layer.tar", "layer")
                                .symlink("two/layer.tar", "../one/layer.tar")
                                .symlink("three/layer.tar", "../two/layer.tar")
                                .hard_link("four", "one/layer.tar")
                                .finish());
  ASSERT_TRUE(ok(bundle));
  for (const char* const name : {"two/layer.tar", "three/layer.tar", "four"}) {
    EXPECT_EQ((*bundle)->read_document(name).value(), "layer") << name;
  }
}

TEST_F(BundleTest, RefusesLinksThatLeadOutOrInCircles) {
  EXPECT_TRUE(
      fails_saying("outside", index(TarBuilder().symlink("a", "../../etc/passwd").finish())));
  EXPECT_TRUE(fails_saying("..", index(TarBuilder().hard_link("a", "../x").finish())));
  const auto circle = index(TarBuilder().symlink("a", "b").symlink("b", "a").finish());
  ASSERT_TRUE(ok(circle));
  EXPECT_TRUE(fails_saying("too many links", (*circle)->find("a")));
}

TEST_F(BundleTest, SaysWhatIsWrongWithAnArchive) {
  EXPECT_TRUE(fails_saying("not an archive of images", index("no tar, but long enough\n")));
  EXPECT_TRUE(fails_saying("not an archive of images", index(std::string(2048, 'x'))));
  EXPECT_TRUE(fails_saying("device", index(TarBuilder().char_device("null", 1, 3).finish())));
  EXPECT_TRUE(fails_saying("..", index(TarBuilder().file("../a", "1").finish())));
  const std::string whole =
      TarBuilder().file("first", "1").file("cut", std::string(9000, 'c')).finish();
  const auto cut = index(whole.substr(0, 6000));
  EXPECT_TRUE(fails_saying("truncated: cut should have 9000 bytes", cut));
  EXPECT_EQ(cut.error().code(), 0);
}

TEST_F(BundleTest, DoesNotBelieveADeclaredSize) {
  test::TarMember huge{.name = "layer.tar", .content = "little"};
  huge.declared_size = 10ULL << 30U;
  EXPECT_TRUE(fails_saying("truncated: layer.tar should have 10737418240 bytes",
                           index(TarBuilder().add(huge).finish())));
}

TEST_F(BundleTest, BoundsDocuments) {
  const auto path = dir_.write("big.json", "");
  ASSERT_EQ(::truncate(path.c_str(), (16 << 20) + 1), 0);
  const auto bundle = open_directory(dir_.path());
  ASSERT_TRUE(ok(bundle));
  EXPECT_TRUE(fails_saying("at most", (*bundle)->read_document("big.json")));
}

TEST_F(BundleTest, ReadsADirectoryWithoutFollowingLinks) {
  dir_.write("blobs/sha256/a", "content");
  ASSERT_EQ(::symlink("a", (dir_ / "blobs/sha256/b").c_str()), 0);
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  const auto bundle = open_directory(dir_.path());
  ASSERT_TRUE(ok(bundle));
  EXPECT_EQ((*bundle)->read_document("blobs/sha256/a").value(), "content");
  EXPECT_TRUE(fails_with(ELOOP, (*bundle)->find("blobs/sha256/b")));
  EXPECT_TRUE(fails_with(EXDEV, (*bundle)->find("../x")));
  EXPECT_TRUE(fails_saying("not a regular file", (*bundle)->find("pipe")));
  EXPECT_TRUE(fails_with(ENOENT, (*bundle)->find("nothing")));
}

} // namespace
} // namespace dind::images
