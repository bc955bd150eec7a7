#include <support/cache_builder.hpp>
#include <support/disk_usage.hpp>
#include <support/expect.hpp>
#include <support/image_mount.hpp>
#include <support/seeder.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dind::seed {
namespace {

using test::CacheBuilder;
using test::disk_usage;
using test::DiskUsage;
using test::ok;
using test::TarBuilder;
using test::TempDir;

// Where the data root is, and for which store.
struct Target {
  std::string parent = {}; // where temporary directories are
  std::string driver = store::kOverlay2;
};

// Seeds one image of `layers` layers by link and returns what the data root takes.
DiskUsage cost_of(CacheBuilder& builder, const std::vector<Digest>& layers,
                  const Target& target = {}) {
  builder.add_image("app:1", layers);
  builder.finish();
  const auto cache = cache::Cache::open(builder.dir().path()).value();
  const TempDir root(target.parent);
  test::Seeder seeder(root);
  seeder.driver = target.driver;
  seeder.caches = {&cache};
  seeder.settings.seed = config::Strategy::link;
  const auto report = seeder.run();
  EXPECT_TRUE(ok(report));
  EXPECT_EQ(report->layers.at(Method::link), layers.size());
  return disk_usage(root.path());
}

std::string layer_of(unsigned number, unsigned files, std::size_t bytes) {
  TarBuilder tar;
  tar.directory("d");
  for (unsigned file = 0; file < files; ++file) {
    tar.file(fmt::format("d/{}-{}", number, file), std::string(bytes, 'x'));
  }
  return tar.finish();
}

DiskUsage cost_of_layers(unsigned count, unsigned files, std::size_t bytes,
                         const Target& target = {}) {
  CacheBuilder builder;
  std::vector<Digest> layers;
  for (unsigned number = 0; number < count; ++number) {
    layers.push_back(builder.add_layer(layer_of(number, files, bytes)));
  }
  return cost_of(builder, layers, target);
}

TEST(BorrowCostTest, IsTheSameForTenTimesTheFilesAndBytes) {
  const DiskUsage few = cost_of_layers(10, 20, 100);
  const DiskUsage many = cost_of_layers(10, 200, 1000);
  EXPECT_EQ(few.bytes, many.bytes);
  EXPECT_EQ(few.inodes, many.inodes);
}

TEST(BorrowCostTest, IsAtMost64KibALayer) {
  constexpr std::uint64_t kFixed = 128U << 10U; // the store's own directories
  EXPECT_LE(cost_of_layers(10, 20, 100).bytes, kFixed + 10 * (64U << 10U));
}

// What each layer of an image adds, on ext4.
struct Limits {
  const char* name;
  std::string driver;
  std::uint64_t inodes;
  std::uint64_t bytes;
};

class LayerCostTest : public testing::TestWithParam<Limits> {};

TEST_P(LayerCostTest, IsBoundedOnExt4) {
  NEEDS(test::enter_mount_namespace(), "mount namespaces");
  const test::ImageMount ext4("ext4");
  NEEDS(ext4.is_mounted(), "mkfs.ext4 and loop devices");
  constexpr unsigned kFew = 10;
  constexpr unsigned kMany = 50;
  const Target target{ext4.path().native(), GetParam().driver};
  const DiskUsage few = cost_of_layers(kFew, 20, 100, target);
  const DiskUsage many = cost_of_layers(kMany, 20, 100, target);
  EXPECT_LE(many.inodes - few.inodes, (kMany - kFew) * GetParam().inodes);
  EXPECT_LE(many.bytes - few.bytes, (kMany - kFew) * GetParam().bytes);
}

INSTANTIATE_TEST_SUITE_P(Every, LayerCostTest,
                         testing::Values(Limits{"Overlay2", store::kOverlay2, 11, 36U << 10U},
                                         Limits{"Overlayfs", store::kOverlayfs, 4, 24U << 10U}),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(BorrowCostTest, OfADeletionIsADirectoryEntry) {
  constexpr unsigned kDeletions = 10'000;
  TarBuilder tar;
  tar.directory("d");
  std::vector<std::string> whiteouts;
  for (unsigned number = 0; number < kDeletions; ++number) {
    whiteouts.push_back(fmt::format("d/deleted-file-{}", number));
    tar.whiteout(whiteouts.back());
  }
  CacheBuilder plain;
  const Digest base = plain.add_layer(layer_of(0, 20, 100));
  const DiskUsage without = cost_of(plain, {base});
  CacheBuilder deleting;
  const DiskUsage with = cost_of(deleting, {deleting.add_layer(layer_of(0, 20, 100)),
                                            deleting.add_layer(tar.finish(), whiteouts)});
  EXPECT_LE(with.bytes - without.bytes, (64U << 10U) + kDeletions * 256 + 4096 * 2);
  EXPECT_LE(with.inodes - without.inodes, 32U); // they are links to one node
}

} // namespace
} // namespace dind::seed
