#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/xattr.hpp>

#include <errno.h>

#include <algorithm>

namespace dind::sys {
namespace {

using test::fails_with;
using test::ok;
using test::TempDir;

class XattrTest : public testing::Test {
protected:
  void SetUp() override {
    dir_.write(name_, "");
    NEEDS(set_xattr_at(at_, "user.probe", ""), "a filesystem with user attributes");
  }

  const TempDir dir_;
  const std::string name_ = "a";
  const At at_{dir_.fd(), name_};
};

TEST_F(XattrTest, ReadsBackWhatWasSetByteForByte) {
  for (const std::string& value : {std::string(), std::string("a\0b", 3), std::string(256, 'x'),
                                   std::string(257, 'x'), std::string(3000, 'x')}) {
    ASSERT_TRUE(ok(set_xattr_at(at_, "user.value", value)));
    const auto read = get_xattr_at(at_, "user.value");
    ASSERT_TRUE(ok(read));
    EXPECT_EQ(read->value_or("none"), value);
  }
}

TEST_F(XattrTest, TellsAbsenceFromFailure) {
  const auto absent = get_xattr_at(at_, "user.none");
  ASSERT_TRUE(ok(absent));
  EXPECT_EQ(*absent, std::nullopt);
  const std::string missing = "missing";
  EXPECT_TRUE(fails_with(ENOENT, get_xattr_at({dir_.fd(), missing}, "user.none")));
}

TEST_F(XattrTest, ListsAllNames) {
  std::vector<std::string> expected = {"user.probe"};
  for (int i = 0; i < 40; ++i) { // more than the first guess of a kilobyte
    expected.push_back("user.a-rather-long-name-of-an-attribute-" + std::to_string(100 + i));
    ASSERT_TRUE(ok(set_xattr_at(at_, expected.back(), "")));
  }
  auto names = list_xattrs_at(at_);
  ASSERT_TRUE(ok(names));
  std::erase_if(*names, [](const std::string& name) { return !name.starts_with("user."); });
  std::sort(names->begin(), names->end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(*names, expected);
}

TEST_F(XattrTest, DoesNotFollowASymlink) {
  ASSERT_TRUE(ok(set_xattr_at(at_, "user.value", "of the file")));
  const std::string link = "link";
  ASSERT_TRUE(ok(symlink_at(name_, {dir_.fd(), link})));
  const auto value = get_xattr_at({dir_.fd(), link}, "user.value");
  EXPECT_TRUE(!value || !value->has_value());
  EXPECT_FALSE(set_xattr_at({dir_.fd(), link}, "user.value", "of the link"));
}

} // namespace
} // namespace dind::sys
