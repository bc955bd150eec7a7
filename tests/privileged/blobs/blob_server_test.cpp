#include <blobs/blob_mount.hpp>
#include <blobs/blob_server.hpp>

#include <archive/sha256.hpp>
#include <cache/reader.hpp>
#include <support/cache_builder.hpp>
#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/tar_builder.hpp>
#include <sys/dir.hpp>
#include <sys/mount.hpp>

#include <gtest/gtest.h>

#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

namespace dind::blobs {
namespace {

using test::fails_with;
using test::ok;
using test::TarBuilder;
using test::TempDir;

constexpr std::size_t kLimit = 100U << 20U;

// Some layers of a cache, served by a child of this process.
class BlobServerTest : public testing::Test {
protected:
  void SetUp() override {
    NEEDS(::geteuid() == 0, "root");
    NEEDS(::access("/dev/fuse", R_OK | W_OK) == 0, "/dev/fuse");
    NEEDS(test::enter_mount_namespace(), "mount namespaces");
    for (int layer = 0; layer < 5; ++layer) {
      TarBuilder tar;
      tar.directory("d").file("d/own", std::string(1U << layer, 'o'), 0600);
      for (int file = 0; file < 50 * layer; ++file) {
        tar.file(fmt::format("d/{}", file), std::string(7777, static_cast<char>('a' + file % 26)));
      }
      tar.file("large", std::string(1'000'000, static_cast<char>('0' + layer)));
      add(tar.finish());
    }
  }

  void TearDown() override {
    end();
    unmount_blobs(mounted_);
  }

  void add(const std::string& tar) {
    sources_.push_back({cache_.add_layer(tar), tar.size(), cache_.dir().path().native()});
    tars_.push_back(tar);
  }

  void serve(const std::function<void()>& prepare = [] {}) {
    auto device = mount_blobs(mounted_);
    ASSERT_TRUE(device) << device.error().why;
    server_ = test::fork_into([&] {
      prepare();
      const auto served = serve_blobs(std::move(device).value(), sources_);
      return served ? 0 : 1;
    });
  }

  int end(int signal = SIGKILL) {
    const pid_t server = std::exchange(server_, 0);
    if (server == 0) {
      return -1;
    }
    ::kill(server, signal);
    return test::exit_code_of(server);
  }

  sys::fs::path file(std::size_t layer) const { return mounted_ / sources_[layer].digest.hex(); }

  const TempDir dir_;
  const sys::fs::path mounted_ = dir_.path() / "blobs";
  test::CacheBuilder cache_;
  std::vector<BlobSource> sources_;
  std::vector<std::string> tars_;
  pid_t server_ = 0;
};

TEST_F(BlobServerTest, ServesEachLayerByItsDigest) {
  serve();
  const auto names = sys::list_dir(sys::open_dir(mounted_).value());
  ASSERT_TRUE(ok(names));
  ASSERT_EQ(names->size(), sources_.size());
  for (const sys::DirEntry& entry : *names) {
    const auto bytes = sys::read_file(mounted_ / entry.name, kLimit);
    ASSERT_TRUE(ok(bytes));
    EXPECT_EQ(archive::sha256_of(*bytes).hex(), entry.name);
    const struct stat found = test::stat_of(mounted_ / entry.name);
    EXPECT_EQ(found.st_mode, S_IFREG | 0444U);
    EXPECT_EQ(found.st_size, static_cast<off_t>(bytes->size()));
  }
}

TEST_F(BlobServerTest, ListsAsManyAsThereAre) {
  const BlobSource first = sources_.front();
  for (unsigned i = 0; i < 2000; ++i) {
    sources_.push_back({archive::sha256_of(std::to_string(i)), i, first.cache});
  }
  sources_.push_back(first); // twice is once
  serve();
  EXPECT_EQ(sys::list_dir(sys::open_dir(mounted_).value())->size(), 2005U);
}

// A layer has files that not every user may read.
TEST_F(BlobServerTest, IsForRootAlone) {
  serve();
  EXPECT_TRUE(test::holds_in_child([&] {
    ASSERT_EQ(::setuid(65534), 0);
    EXPECT_TRUE(fails_with(EACCES, sys::open_path(file(0), O_RDONLY)));
  }));
}

TEST_F(BlobServerTest, HasNothingElseAndIsNotWrittenTo) {
  serve();
  EXPECT_TRUE(fails_with(ENOENT, sys::open_path(mounted_ / "other", O_RDONLY)));
  EXPECT_TRUE(fails_with(EROFS, sys::open_path(file(0), O_WRONLY)));
  EXPECT_TRUE(fails_with(EROFS, sys::open_path(mounted_ / "new", O_WRONLY | O_CREAT, 0600)));
}

TEST_F(BlobServerTest, IsReadByManyAtOnce) {
  serve();
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> readers;
  for (unsigned reader = 0; reader < 8; ++reader) {
    readers.emplace_back([&, reader] {
      std::minstd_rand random(reader);
      std::string bytes(20'000, '\0');
      for (int i = 0; i < 200; ++i) {
        const std::size_t layer = random() % tars_.size();
        const std::size_t offset = random() % tars_[layer].size();
        const auto fd = sys::open_path(file(layer), O_RDONLY);
        const auto got =
            fd ? sys::read_some_at(*fd, std::as_writable_bytes(std::span(bytes)), offset)
               : Result<std::size_t>(fd.error());
        const bool right = got && *got == std::min(bytes.size(), tars_[layer].size() - offset) &&
                           std::string_view(bytes).substr(0, *got) ==
                               std::string_view(tars_[layer]).substr(offset, *got);
        wrong += right ? 0 : 1;
      }
    });
  }
  readers.clear();
  EXPECT_EQ(wrong, 0);
}

TEST_F(BlobServerTest, AFileThatChangedIsAnErrorOfItsLayerAlone) {
  cache_.dir().write(cache::tree_dir(sources_[2].digest) + "/d/7", "short");
  serve();
  EXPECT_TRUE(fails_with(EIO, sys::read_file(file(2), kLimit)));
  EXPECT_EQ(sys::read_file(file(3), kLimit).value(), tars_[3]);
}

TEST_F(BlobServerTest, ACacheThatHasGoneIsAnErrorOfItsLayersAlone) {
  sources_[1].cache = (dir_.path() / "nowhere").native();
  serve();
  EXPECT_TRUE(fails_with(EIO, sys::open_path(file(1), O_RDONLY)));
  EXPECT_EQ(sys::read_file(file(0), kLimit).value(), tars_[0]);
}

TEST_F(BlobServerTest, ServesCompressedLayersThatTheCacheCarries) {
  const std::string bytes(3'000'000, 'z');
  const Digest digest = archive::sha256_of(bytes);
  cache_.dir().write(cache::blob_file(digest), bytes);
  sources_.push_back(
      {digest, bytes.size(), cache_.dir().path().native(), BlobSource::Form::carried});
  serve();
  EXPECT_EQ(sys::read_file(mounted_ / digest.hex(), kLimit).value(), bytes);
}

TEST_F(BlobServerTest, ACarriedBlobThatBecameShorterIsAnError) {
  const Digest digest = archive::sha256_of("whole");
  cache_.dir().write(cache::blob_file(digest), "who");
  sources_.push_back({digest, 5, cache_.dir().path().native(), BlobSource::Form::carried});
  serve();
  EXPECT_TRUE(fails_with(EIO, sys::read_file(mounted_ / digest.hex(), kLimit)));
}

// The engine opens the blobs of all images, and reads those of the one that it saves.
TEST_F(BlobServerTest, ACompressedLayerThatIsLeftOutCanBeOpenedAndNotRead) {
  const Digest digest = archive::sha256_of("left out");
  sources_.push_back({digest, 8, cache_.dir().path().native(), BlobSource::Form::left_out});
  serve();
  EXPECT_EQ(test::stat_of(mounted_ / digest.hex()).st_size, 8);
  EXPECT_TRUE(ok(sys::open_path(mounted_ / digest.hex(), O_RDONLY)));
  EXPECT_TRUE(fails_with(EIO, sys::read_file(mounted_ / digest.hex(), kLimit)));
}

TEST_F(BlobServerTest, ServesWithTheThreadsThatItGets) {
  serve([] {
    const rlimit one{1, 1};
    ::setrlimit(RLIMIT_NPROC, &one);
  });
  for (std::size_t layer = 0; layer < tars_.size(); ++layer) {
    EXPECT_EQ(sys::read_file(file(layer), kLimit).value(), tars_[layer]);
  }
  const Fd tasks = sys::open_dir(fmt::format("/proc/{}/task", server_)).value();
  EXPECT_EQ(sys::list_dir(tasks)->size(), 1U);
}

TEST_F(BlobServerTest, EndsWhenItIsUnmounted) {
  serve();
  EXPECT_EQ(sys::read_file(file(0), kLimit).value(), tars_[0]);
  unmount_blobs(mounted_);
  EXPECT_EQ(test::exit_code_of(std::exchange(server_, 0)), 0);
}

TEST_F(BlobServerTest, AnotherOneTakesThePlaceOfOneThatWasKilled) {
  serve();
  const Fd open = sys::open_path(file(0), O_RDONLY).value();
  EXPECT_EQ(end(), 128 + SIGKILL);
  EXPECT_TRUE(fails_with(ENOTCONN, sys::open_path(file(1), O_RDONLY)));
  serve();
  EXPECT_EQ(sys::read_file(file(1), kLimit).value(), tars_[1]);
  EXPECT_TRUE(fails_with(ENOTCONN, sys::read_all(open, kLimit)));
  unmount_blobs(mounted_);
  EXPECT_FALSE(sys::is_mount_point(mounted_).value());
}

TEST_F(BlobServerTest, AServerThatStandsStillIsUnmountedAllTheSame) {
  serve();
  ::kill(server_, SIGSTOP);
  unmount_blobs(mounted_);
  EXPECT_FALSE(sys::is_mount_point(mounted_).value());
}

TEST_F(BlobServerTest, SaysWhatIsMissing) {
  EXPECT_TRUE(test::holds_in_child([&] {
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_TRUE(ok(sys::mount("tmpfs", "/dev", "tmpfs", 0, "")));
    const auto device = mount_blobs(mounted_);
    ASSERT_FALSE(device);
    EXPECT_EQ(device.error().why,
              "open /dev/fuse: No such file or directory: the container needs that device");
  }));
  EXPECT_TRUE(test::holds_in_child([&] {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> none = {};
    ASSERT_EQ(::syscall(SYS_capset, &header, none.data()), 0);
    const auto device = mount_blobs(mounted_);
    ASSERT_FALSE(device);
    EXPECT_NE(device.error().why.find("the container needs CAP_SYS_ADMIN"), std::string::npos);
  }));
}

} // namespace
} // namespace dind::blobs
