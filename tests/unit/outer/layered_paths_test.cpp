#include <outer/layered_paths.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

namespace dind::outer {
namespace {

using archive::EntryType;
using test::ok;

class LayeredPathsTest : public testing::Test {
protected:
  void layer(const std::vector<archive::TarEntry>& entries) {
    watch_.begin_layer();
    for (const archive::TarEntry& entry : entries) {
      EXPECT_TRUE(ok(watch_.see(entry)));
    }
  }
  static archive::TarEntry file(const std::string& name, std::uint32_t mode = 0644) {
    return {.name = name, .mode = mode};
  }
  static archive::TarEntry dir(const std::string& name) {
    return {.name = name, .type = EntryType::directory, .mode = 0755};
  }

  LayeredPaths watch_{{"usr/bin/tool", "var/lib/cache/index"}};
};

TEST_F(LayeredPathsTest, TellsTheTopmostEntryOfAPathAndOfItsParents) {
  layer({dir("./usr/"), file("usr/bin/tool", 0644), file("usr/bin/other")});
  EXPECT_EQ(watch_.find("usr/bin/tool")->mode, 0644U);
  layer({file("usr/bin/tool", 0755)});
  EXPECT_EQ(watch_.find("usr/bin/tool")->mode, 0755U);
  EXPECT_EQ(watch_.find("usr")->type, EntryType::directory);
  EXPECT_EQ(watch_.find("usr/bin"), nullptr); // never had an entry
  EXPECT_EQ(watch_.find("var"), nullptr);
}

TEST_F(LayeredPathsTest, TakesAbsoluteNamesFromTheRoot) {
  layer({dir("/"), dir("/usr/"), file("/usr/bin/tool", 0755), file("/var/lib/cache/index")});
  EXPECT_EQ(watch_.find("usr/bin/tool")->mode, 0755U);
  EXPECT_EQ(watch_.find("usr")->type, EntryType::directory);
  layer({file("/var/lib/.wh.cache")});
  EXPECT_EQ(watch_.find("var/lib/cache/index"), nullptr);
}

TEST_F(LayeredPathsTest, FollowsDeletions) {
  layer({file("usr/bin/tool"), file("var/lib/cache/index")});
  layer({file("usr/.wh.bin"), file("var/lib/cache/.wh..wh..opq")});
  EXPECT_EQ(watch_.find("usr/bin/tool"), nullptr);
  EXPECT_EQ(watch_.find("var/lib/cache/index"), nullptr);
}

TEST_F(LayeredPathsTest, KeepsWhatTheLayerOfADeletionHasItself) {
  layer({file("usr/bin/tool", 0644)});
  layer({file("usr/bin/tool", 0700), file("usr/bin/.wh..wh..opq")});
  EXPECT_EQ(watch_.find("usr/bin/tool")->mode, 0700U);
}

TEST_F(LayeredPathsTest, LosesWhatIsBelowADirectoryThatBecomesALink) {
  layer({file("usr/bin/tool")});
  layer({{.name = "usr/bin", .type = EntryType::symlink, .link_name = "sbin"}});
  EXPECT_EQ(watch_.find("usr/bin/tool"), nullptr);
  EXPECT_EQ(watch_.find("usr/bin")->type, EntryType::symlink);
}

TEST_F(LayeredPathsTest, ResolvesSymlinksOfDirectoriesAndFiles) {
  const auto link = [](const std::string& name, const std::string& target) {
    return archive::TarEntry{.name = name, .type = EntryType::symlink, .link_name = target};
  };
  layer({link("usr/bin/tool", "../../var/./lib/cache/index"), file("var/lib/cache/index")});
  EXPECT_EQ(watch_.resolve("usr/bin/tool"), "var/lib/cache/index");
  layer({link("usr/bin", "/var/lib/cache")});
  EXPECT_EQ(watch_.resolve("usr/bin/tool"), "var/lib/cache/tool");
  EXPECT_FALSE(watch_.watches("var/lib/cache/tool"));
  layer({link("var/lib/cache", "/usr/bin")});
  EXPECT_EQ(watch_.resolve("usr/bin/tool"), std::nullopt);
  EXPECT_EQ(watch_.resolve("none"), "none");
}

} // namespace
} // namespace dind::outer
