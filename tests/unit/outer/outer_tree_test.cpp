#include <outer/outer_tree.hpp>

#include <archive/layer_rules.hpp>
#include <archive/tar_reader.hpp>
#include <support/expect.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::outer {
namespace {

using test::fails_saying;
using test::ok;
using test::TarBuilder;

class CountingSink final : public archive::ByteSink {
public:
  Result<void> write(std::span<const std::byte> bytes) override {
    count += bytes.size();
    return {};
  }
  std::uint64_t count = 0;
};

// Members of a few hundred bytes, each of which stands below a thousand directories of its own.
Result<void> read_deep_members(int count) {
  std::string below;
  for (int depth = 0; depth < 1000; ++depth) {
    below += "/d";
  }
  TarBuilder tar;
  for (int number = 0; number < count; ++number) {
    tar.add({.name = "cut", .pax = {{"path", std::to_string(number) + below + "/file"}}});
  }
  const std::string bytes = tar.finish();
  archive::MemorySource source(bytes);
  archive::TarReader reader(source);
  CountingSink sink;
  cache::SkeletonRecorder recorder;
  OuterTree tree(sink, "tree", recorder);
  archive::LayerRules rules(tree, recorder);
  return archive::read_layer(reader, rules);
}

TEST(OuterTreeTest, BoundsTheDirectoriesThatAreOnlyImplied) {
  EXPECT_TRUE(ok(read_deep_members(10)));
  EXPECT_TRUE(fails_saying("directories without entries of their own", read_deep_members(40)));
}

} // namespace
} // namespace dind::outer
