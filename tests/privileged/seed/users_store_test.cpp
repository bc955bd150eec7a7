#include <archive/sha256.hpp>
#include <support/bolt_text.hpp>
#include <support/cache_builder.hpp>
#include <support/containerd_store.hpp>
#include <support/expect.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>
#include <containerd/layout.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::ContainerdStore;
using test::ok;
using test::TarBuilder;
using test::TempDir;

constexpr unsigned kUsersImages = 200;
constexpr unsigned kUsersLayers = 5; // of each
constexpr unsigned kImages = 4;      // of a cache
constexpr unsigned kLayers = 25;     // of each
constexpr std::uint64_t kMostBytes = 2'000'000;

std::string digest_of(const std::string& what) {
  return archive::sha256_of(what).text();
}

std::string layer_of(const std::string& name) {
  constexpr unsigned kFilesOfALayer = 20; // more than a native layer has
  TarBuilder tar;
  tar.directory("d");
  for (unsigned file = 0; file < kFilesOfALayer; ++file) {
    tar.file(fmt::format("d/{}-{}", name, file), name);
  }
  return tar.finish();
}

// A store with images, containers and a build cache of a user's, and what seeding does not know:
// in it there is the cache's base, too, which the user has pulled.
class UsersStoreTest : public testing::Test {
protected:
  UsersStoreTest() {
    base_ = archive::sha256_of(layer_of("base"));
    for (unsigned image = 0; image < kUsersImages; ++image) {
      add_users_image(image);
    }
    store_.add_snapshot(base_.text(), ++ids_);
    root_.make_dir(fmt::format("{}/{}/fs", store::layers_dir(store::kOverlayfs), ids_));
    store_.put_meta({"v1", "moby_history"}, "ref", "not understood");
    store_.put_backend({"v2", "to come"}, "key", "not understood");
    store_.write(root_);
    seeder_.driver = store::kOverlayfs;
    seeder_.settings.seed = config::Strategy::link;
    users_ = {lines_of(ContainerdStore::meta_path()), lines_of(ContainerdStore::backend_path())};
  }

  void add_users_image(unsigned image) {
    std::string parent;
    for (unsigned layer = 0; layer < kUsersLayers; ++layer) {
      const std::string key = digest_of(fmt::format("chain {} {}", image, layer));
      store_.add_snapshot(key, ids_ + 1, parent, parent.empty() ? 0 : ids_);
      ++ids_;
      put_blob(digest_of(fmt::format("layer {} {}", image, layer)));
      parent = key;
    }
    if (image % 10 == 0) {
      store_.add_snapshot(fmt::format("container-{}", image), ids_ + 1, parent, ids_);
      ++ids_;
      const std::string lease = fmt::format("lease-{}", image);
      store_.put_meta({"v1", "moby", "leases", lease, "labels"}, "buildkit/lease.temporary", "x");
    }
    const std::string manifest = digest_of(fmt::format("manifest {}", image));
    put_blob(manifest);
    const std::string name = fmt::format("docker.io/library/mine:{}", image);
    store_.put_meta({"v1", "moby", "images", name, "target"}, "digest", manifest);
    store_.put_meta({"v1", "moby", "images", name, "target"}, "mediatype", "text/plain");
    store_.put_meta({"v1", "moby", "images", name, "target"}, "size", containerd::encode_size(5));
  }
  void put_blob(const std::string& digest) {
    store_.put_meta({"v1", "moby", "content", "blob", digest}, "size", containerd::encode_size(9));
    store_.put_meta({"v1", "moby", "content", "blob", digest, "labels"},
                    "containerd.io/distribution.source.docker.io", "library/mine");
  }

  // A cache of images on one base. Those of another `version` have other layers above it.
  static void fill(CacheBuilder& builder, const std::string& version) {
    const Digest base = builder.add_layer(layer_of("base"));
    for (unsigned image = 0; image < kImages; ++image) {
      std::vector<Digest> layers = {base};
      for (unsigned layer = 1; layer < kLayers; ++layer) {
        layers.push_back(
            builder.add_layer(layer_of(fmt::format("{}-{}-{}", version, image, layer))));
      }
      builder.add_image(fmt::format("app:{}", image), layers);
    }
    builder.finish();
  }

  // But for sequences: that of snapshots counts on.
  std::set<std::string> lines_of(const std::string& path) const {
    std::istringstream text(test::bolt_text_of(root_.fd(), path).value());
    std::set<std::string> lines;
    for (std::string line; std::getline(text, line);) {
      lines.insert(line.substr(0, line.rfind("/ ")));
    }
    return lines;
  }

  void expect_all_of_the_users() const {
    const std::vector<std::set<std::string>> now = {lines_of(ContainerdStore::meta_path()),
                                                    lines_of(ContainerdStore::backend_path())};
    for (std::size_t database = 0; database < now.size(); ++database) {
      EXPECT_TRUE(std::includes(now[database].begin(), now[database].end(),
                                users_[database].begin(), users_[database].end()));
    }
  }

  void seed(CacheBuilder& builder) {
    const auto cache = cache::Cache::open(builder.dir().path()).value();
    seeder_.caches = {&cache};
    const auto report = seeder_.run();
    ASSERT_TRUE(ok(report));
    EXPECT_EQ(report->images, builder.manifest().images.size());
    EXPECT_LE(report->bytes_written, kMostBytes);
    expect_all_of_the_users();
  }

  static void lose(const CacheBuilder& builder) {
    ASSERT_EQ(::rename((builder.dir() / "layer").c_str(), (builder.dir() / "gone").c_str()), 0);
  }
  static void find(const CacheBuilder& builder) {
    ASSERT_EQ(::rename((builder.dir() / "gone").c_str(), (builder.dir() / "layer").c_str()), 0);
  }

  std::size_t names_of_the_cache() const {
    const auto held = containerd::read_state(root_.fd()).value();
    return static_cast<std::size_t>(
        std::count_if(held.images.begin(), held.images.end(), [](const auto& image) {
          return image.first.starts_with("docker.io/library/app:");
        }));
  }

  ContainerdStore store_;
  std::uint64_t ids_ = 0;
  Digest base_ = Digest::from_hex(std::string(64, '0')).value();
  const TempDir root_;
  test::Seeder seeder_{root_};
  std::vector<std::set<std::string>> users_; // of meta.db, and of metadata.db
};

TEST_F(UsersStoreTest, StaysAsItIsWhileCachesComeAndGo) {
  CacheBuilder older;
  fill(older, "1");
  seed(older);
  CacheBuilder newer;
  fill(newer, "2");
  lose(older);
  seed(newer);
  lose(newer);
  find(older);
  seed(older);
  EXPECT_EQ(names_of_the_cache(), kImages);

  CacheBuilder other;
  other.add_image("other:1", {other.add_layer(layer_of("other"))});
  other.finish();
  lose(older);
  seed(other);
  EXPECT_EQ(names_of_the_cache(), 0U);
}

} // namespace
} // namespace dind::seed
