#include <daemon/effective_file.hpp>

#include <support/expect.hpp>
#include <support/json_text.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::ok;
using test::text_of;

json::object parsed(std::string_view text) {
  return parse_daemon_json(text).value();
}

TEST(LayUnderTest, LetsTheUsersWin) {
  const json::object ours =
      parsed(R"({"mtu":1400,"dns":["1.1.1.1"],"features":{"a":false,"b":true}})");
  EXPECT_EQ(text_of(lay_under(parsed("{}"), ours)), text_of(ours));
  EXPECT_EQ(text_of(lay_under(parsed(R"({"mtu":9000,"dns":null,"features":{"a":true}})"), ours)),
            R"({"mtu":9000,"dns":["1.1.1.1"],"features":{"a":true,"b":true}})");
}

TEST(AdditionsTest, AreWhatMakesTheOneTheOther) {
  const json::object user = parsed(R"({"debug":true,"features":{"a":true},"dns":null})");
  const json::object effective =
      parsed(R"({"debug":true,"features":{"a":true,"b":false},"dns":["8.8.8.8"],"mtu":1})");
  const json::object added = additions(user, effective);
  EXPECT_EQ(text_of(added), R"({"features":{"b":false},"dns":["8.8.8.8"],"mtu":1})");
  EXPECT_EQ(text_of(lay_under(user, added)), text_of(effective));
  EXPECT_TRUE(additions(effective, effective).empty());
}

TEST(RecipeTest, IsReadAsItWasWritten) {
  const Recipe recipe{"/etc/docker/daemon.json", "/run/x/daemon.json",   "/etc/x",
                      parsed(R"({"mtu":1})"),    {"hosts", "tlsverify"}, "{\n}\n",
                      "http://127.0.0.1:5000"};
  const auto read = parse_recipe(print_recipe(recipe));
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(read->users, recipe.users);
  EXPECT_EQ(read->effective, recipe.effective);
  EXPECT_EQ(read->mounted_on, recipe.mounted_on);
  EXPECT_EQ(read->added, recipe.added);
  EXPECT_EQ(read->gone, recipe.gone);
  EXPECT_EQ(read->written, recipe.written);
  EXPECT_EQ(read->first_mirror, recipe.first_mirror);
}

TEST(RenewTest, DoesNothingWhereNothingWasPlaced) {
  const test::TempDir run;
  const auto renewed = renew_effective_file(run.path());
  ASSERT_TRUE(ok(renewed));
  EXPECT_FALSE(*renewed);
}

// Where nothing can be mounted: dockerd reads the copy, and the user's path is uncovered.
class UnmountedTest : public testing::Test {
protected:
  UnmountedTest() {
    Recipe recipe{
        etc_ / "daemon.json", run_ / "daemon.json", "", parsed(R"({"mtu":1400})"), {"hosts"}, "{}"};
    run_.write("daemon.json", "{}");
    run_.write("daemon.recipe.json", print_recipe(recipe));
  }

  const test::TempDir etc_;
  const test::TempDir run_;
};

TEST_F(UnmountedTest, TheUsersFileIsMergedAgain) {
  etc_.write("daemon.json", R"({"debug":true,"hosts":["fd://"]})");
  ASSERT_TRUE(ok(renew_effective_file(run_.path())));
  EXPECT_EQ(run_.read("daemon.json"), "{\n  \"debug\": true,\n  \"mtu\": 1400\n}\n");
  etc_.write("daemon.json", "");
  ASSERT_TRUE(ok(renew_effective_file(run_.path())));
  EXPECT_EQ(run_.read("daemon.json"), "{\n  \"mtu\": 1400\n}\n");
}

TEST_F(UnmountedTest, OurMirrorStaysTheFirst) {
  const Recipe recipe{etc_ / "daemon.json", run_ / "daemon.json", "", parsed("{}"), {}, "{}",
                      "http://ours"};
  run_.write("daemon.recipe.json", print_recipe(recipe));
  etc_.write("daemon.json", R"({"registry-mirrors":["https://a"]})");
  for (int round = 0; round < 2; ++round) {
    ASSERT_TRUE(ok(renew_effective_file(run_.path())));
    EXPECT_EQ(text_of(parsed(run_.read("daemon.json"))),
              R"({"registry-mirrors":["http://ours","https://a"]})");
  }
}

// Another container that shares /run may have put its own recipe there, and a symlink for the copy.
TEST_F(UnmountedTest, NothingIsWrittenOutsideOfTheDirectory) {
  etc_.write("target", "precious");
  const Recipe planted{etc_ / "daemon.json", etc_ / "target", "", parsed("{}"), {}, "precious"};
  run_.write("daemon.recipe.json", print_recipe(planted));
  ASSERT_TRUE(ok(renew_effective_file(run_.path())));
  EXPECT_EQ(etc_.read("target"), "precious");
  ASSERT_EQ(::unlink((run_ / "daemon.json").c_str()), 0);
  ASSERT_EQ(::symlink((etc_ / "target").c_str(), (run_ / "daemon.json").c_str()), 0);
  EXPECT_FALSE(renew_effective_file(run_.path()));
  EXPECT_EQ(etc_.read("target"), "precious");
}

TEST_F(UnmountedTest, AFileThatIsNoJsonChangesNothing) {
  etc_.write("daemon.json", "{");
  EXPECT_TRUE(fails_saying("daemon.json", renew_effective_file(run_.path())));
  EXPECT_EQ(run_.read("daemon.json"), "{}");
}

TEST_F(UnmountedTest, AFileThatIsGoneIsNoSettings) {
  ASSERT_TRUE(ok(renew_effective_file(run_.path())));
  EXPECT_EQ(run_.read("daemon.json"), "{\n  \"mtu\": 1400\n}\n");
}

} // namespace
} // namespace dind::daemon
