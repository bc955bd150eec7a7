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

// Seeds one image of `layers` layers by link and returns what the data root takes.
DiskUsage cost_of(CacheBuilder& builder, const std::vector<Digest>& layers,
                  const std::string& parent = "") {
  builder.add_image("app:1", layers);
  builder.finish();
  const auto cache = cache::Cache::open(builder.dir().path()).value();
  const TempDir root(parent);
  test::Seeder seeder(root);
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
                         const std::string& parent = "") {
  CacheBuilder builder;
  std::vector<Digest> layers;
  for (unsigned number = 0; number < count; ++number) {
    layers.push_back(builder.add_layer(layer_of(number, files, bytes)));
  }
  return cost_of(builder, layers, parent);
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

TEST(BorrowCostTest, IsAtMost11InodesAnd36KibALayerOnExt4) {
  NEEDS(test::enter_mount_namespace(), "mount namespaces");
  const test::ImageMount ext4("ext4");
  NEEDS(ext4.is_mounted(), "mkfs.ext4 and loop devices");
  constexpr unsigned kFew = 10;
  constexpr unsigned kMany = 50;
  const DiskUsage few = cost_of_layers(kFew, 20, 100, ext4.path().native());
  const DiskUsage many = cost_of_layers(kMany, 20, 100, ext4.path().native());
  EXPECT_LE(many.inodes - few.inodes, (kMany - kFew) * 11U);
  EXPECT_LE(many.bytes - few.bytes, (kMany - kFew) * (36U << 10U));
}

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
