#include <archive/sha256.hpp>
#include <bake/bake.hpp>
#include <cache/verify.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/temp_dir.hpp>
#include <sys/dir.hpp>
#include <sys/file.hpp>

#include <gtest/gtest.h>

#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <functional>

namespace dind::cache {
namespace {

namespace fs = boost::filesystem;
using test::ok;
using test::TempDir;

// A cache of two nasty layers, baked anew for each damage.
class VerifyTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0, "root");
    const test::ImageSpec image = {"a:1", {layers_[0], layers_[1]}};
    dir_.write("in.tar", test::old_docker_archive({image}).tar());
    bake_anew();
  }

  void bake_anew() {
    const std::string name = "cache";
    ASSERT_TRUE(ok(sys::remove_tree_at({dir_.fd(), name})));
    const StopFlag stop{false};
    const auto writer = bake::CacheWriter::create(path_);
    ASSERT_TRUE(ok(writer));
    const auto collection = images::collect(
        {images::parse_source_spec((dir_ / "in.tar").native()).value()},
        {.scratch = (*writer)->root(), .stop = stop, .progress = [](std::uint64_t) {}});
    ASSERT_TRUE(ok(collection));
    bake::Progress progress(bake::ProgressStyle::none, STDERR_FILENO);
    ASSERT_TRUE(ok(bake::bake(**writer, *collection, progress, stop)));
  }

  std::vector<Flaw> flaws() {
    const auto cache = Cache::open(path_);
    EXPECT_TRUE(ok(cache));
    if (!cache) {
      return {};
    }
    auto found = verify(*cache, [this](std::size_t done, std::size_t) { done_ = done; });
    EXPECT_TRUE(ok(found));
    return found ? std::move(found).value() : std::vector<Flaw>();
  }

  // What has been damaged, as the cache names it.
  std::string tree(const std::string& path) const {
    return tree_dir(archive::sha256_of(layers_[0])) + "/" + path;
  }
  fs::path full(const std::string& path) const { return path_ / tree(path); }

  // Keeps the size and the time, so that only the content tells.
  void write_over(const fs::path& path, std::string_view bytes) const {
    const struct stat before = test::stat_of(path);
    {
      const Fd fd = sys::open_path(path, O_WRONLY).value();
      ASSERT_TRUE(ok(sys::write_all(fd, bytes)));
    }
    restore_times(path, before);
  }
  static void restore_times(const fs::path& path, const struct stat& before) {
    const std::array<timespec, 2> times = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW), 0);
  }

  const TempDir dir_;
  const fs::path path_ = dir_ / "cache";
  const std::vector<std::string> layers_ = test::nasty_layers();
  std::size_t done_ = 0;
};

TEST_F(VerifyTest, FindsNothingWrongWithAGoodCache) {
  EXPECT_TRUE(flaws().empty());
  EXPECT_EQ(done_, 2U);
}

TEST_F(VerifyTest, NeedsNobodyWhoListens) {
  EXPECT_TRUE(verify(Cache::open(path_).value(), nullptr).value().empty());
}

struct TreeDamage {
  const char* what;
  const char* path; // in the tree of the lower layer
  std::function<void(const fs::path&)> inflict;
  const char* said;
};

void must(int result) {
  ASSERT_EQ(result, 0) << std::generic_category().message(errno);
}

const TreeDamage kTreeDamages[] = {
    {"a removed file", "etc/passwd", [](const fs::path& path) { must(::unlink(path.c_str())); },
     "No such file"},
    {"a removed symlink", "lib", [](const fs::path& path) { must(::unlink(path.c_str())); },
     "is missing"},
    {"a changed owner", "home/u/mine",
     [](const fs::path& path) { must(::lchown(path.c_str(), 0, 1001)); }, "owner is 0:1001"},
    {"a changed owner of a symlink", "lib",
     [](const fs::path& path) { must(::lchown(path.c_str(), 0, 0)); }, "owner is 0:0"},
    {"a lost capability", "bin/ping",
     [](const fs::path& path) { must(::removexattr(path.c_str(), "security.capability")); },
     "capability is lost"},
    {"a capability too many", "etc/ancient",
     [](const fs::path& path) {
       std::array<char, 20> capability = {1, 0, 0, 2, 0, 0x20};
       must(::setxattr(path.c_str(), "security.capability", capability.data(), capability.size(),
                       0));
     },
     "capability that the image does not"},
    {"a lost setuid bit", "bin/su", [](const fs::path& path) { must(::chmod(path.c_str(), 0711)); },
     "mode is 0711, not 4711"},
    {"a changed mode of a directory", "secret",
     [](const fs::path& path) { must(::chmod(path.c_str(), 0755)); }, "mode is 0755"},
    {"a longer file", "etc/passwd",
     [](const fs::path& path) { must(::truncate(path.c_str(), 4000)); }, "bytes instead of"},
    {"a changed time", "etc/passwd",
     [](const fs::path& path) { must(::utimensat(AT_FDCWD, path.c_str(), nullptr, 0)); },
     "its time is"},
    {"another kind", "etc/ancient",
     [](const fs::path& path) {
       must(::unlink(path.c_str()));
       must(::mkdir(path.c_str(), 0444));
     },
     "is a directory, not a file"},
};

TEST_F(VerifyTest, NamesTheFirstWrongPathOfATree) {
  for (const TreeDamage& damage : kTreeDamages) {
    damage.inflict(full(damage.path));
    const auto found = flaws();
    ASSERT_EQ(found.size(), 1U) << damage.what;
    EXPECT_EQ(found[0].path, tree(damage.path)) << damage.what;
    EXPECT_NE(found[0].what.find(damage.said), std::string::npos)
        << damage.what << ": " << found[0].what;
    bake_anew();
  }
}

TEST_F(VerifyTest, FindsAChangedByte) {
  write_over(full("bin/su"), "S");
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, tree("bin/su"));
  EXPECT_NE(found[0].what.find("checksum"), std::string::npos) << found[0].what;
}

TEST_F(VerifyTest, FindsAFileThatIsInNoLayer) {
  const struct stat before = test::stat_of(full("home/u"));
  dir_.write("cache/" + tree("home/u/extra"), "x");
  restore_times(full("home/u"), before);
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, tree("home/u/extra"));
}

TEST_F(VerifyTest, FindsABrokenHardLink) {
  const struct stat dir_before = test::stat_of(full("bin"));
  const struct stat before = test::stat_of(full("bin/su"));
  const std::string content = dir_.read("cache/" + tree("bin/su"));
  must(::unlink(full("bin/sudo").c_str()));
  dir_.write("cache/" + tree("bin/sudo"), content);
  must(::chown(full("bin/sudo").c_str(), 0, 7));
  must(::chmod(full("bin/sudo").c_str(), 04711));
  restore_times(full("bin/sudo"), before);
  restore_times(full("bin"), dir_before);
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, tree("bin/sudo"));
  EXPECT_NE(found[0].what.find("hard link"), std::string::npos) << found[0].what;
}

TEST_F(VerifyTest, FindsASymlinkThatLeadsElsewhere) {
  const struct stat root = test::stat_of(full("."));
  const struct stat before = test::stat_of(full("lib"));
  must(::unlink(full("lib").c_str()));
  must(::symlink("usr/bin", full("lib").c_str()));
  must(::lchown(full("lib").c_str(), 5, 0));
  restore_times(full("lib"), before);
  restore_times(full("."), root);
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, tree("lib"));
  EXPECT_EQ(found[0].what, "leads elsewhere");
}

TEST_F(VerifyTest, DoesNotFollowATreeThatIsASymlink) {
  const fs::path dir = path_ / tree_dir(archive::sha256_of(layers_[0]));
  must(::rename(dir.c_str(), (dir_ / "elsewhere").c_str()));
  must(::symlink((dir_ / "elsewhere").c_str(), dir.c_str()));
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, tree_dir(archive::sha256_of(layers_[0])));
}

TEST_F(VerifyTest, FindsASkeletonThatSaysSomethingElse) {
  const std::string path = layer_dir(archive::sha256_of(layers_[1])) + "/skeleton.json";
  std::string text = dir_.read("cache/" + path);
  text.replace(text.find("etc/passwd"), 10, "etc/shadow");
  dir_.write("cache/" + path, text);
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, path);
  EXPECT_NE(found[0].what.find("whiteouts"), std::string::npos) << found[0].what;
}

TEST_F(VerifyTest, FindsADamagedTarSplit) {
  const std::string path = tar_split_file(archive::sha256_of(layers_[0]));
  std::string packed = dir_.read("cache/" + path);
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 1);
  dir_.write("cache/" + path, packed);
  const auto found = flaws();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, path);
}

TEST_F(VerifyTest, FindsADamagedConfigurationAndCanary) {
  const auto cache = Cache::open(path_);
  ASSERT_TRUE(ok(cache));
  const std::string config = config_file(cache->manifest().images[0].id);
  dir_.write("cache/" + config, dir_.read("cache/" + config) + " ");
  must(::chmod((path_ / "canary/setuid").c_str(), 0755));
  const auto found = flaws();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].path, config);
  EXPECT_EQ(found[1].path, "canary");
}

} // namespace
} // namespace dind::cache
