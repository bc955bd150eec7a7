#include <daemon/daemon_keys.hpp>

#include <daemon/daemon_json.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

std::string unknown_in(const char* text) {
  std::string found;
  const json::object settings = parse_daemon_json(text).value();
  for (const UnknownKey& unknown : unknown_keys(settings)) {
    found += unknown.key + ">" + std::string(unknown.meant) + " ";
  }
  return found;
}

TEST(DaemonKeysTest, KnowWhatEnginesKnow) {
  EXPECT_EQ(unknown_in(R"({"debug":true,"registry-mirrors":[],"features":{"anything":true},
      "log-opts":{"max-size":"1m"},"proxies":{"http-proxy":"x"},"default-network-opts":{"bridge":{}},
      "runtimes":{"mine":{"path":"/x"}},"graph":"/x"})"),
            "");
}

TEST(DaemonKeysTest, NameWhatMayBeMeant) {
  EXPECT_EQ(unknown_in(R"({"registry-mirror":[]})"), "registry-mirror>registry-mirrors ");
  EXPECT_EQ(unknown_in(R"({"insecure-registry":[]})"), "insecure-registry>insecure-registries ");
  EXPECT_EQ(unknown_in(R"({"data_root":"/x","log-lvel":"debug"})"),
            "data_root>data-root log-lvel>log-level ");
  EXPECT_EQ(unknown_in(R"({"unheard-of":1})"), "unheard-of> ");
}

TEST(DaemonKeysTest, AreLookedForInsideOtherObjects) {
  EXPECT_EQ(unknown_in(R"({"anything":{"debug":true,"debag":true}})"), "debag>debug ");
}

TEST(DaemonKeysTest, AreFoundInTheHelpOfANewerEngine) {
  constexpr const char* kHelp = "      --new-thing list        Things\n"
                                "      --other                 Another\n";
  EXPECT_TRUE(help_has_key(kHelp, "new-things"));
  EXPECT_TRUE(help_has_key(kHelp, "new-thing"));
  EXPECT_TRUE(help_has_key(kHelp, "other"));
  EXPECT_FALSE(help_has_key(kHelp, "oth"));
  EXPECT_FALSE(help_has_key(kHelp, "thing"));
}

} // namespace
} // namespace dind::daemon
