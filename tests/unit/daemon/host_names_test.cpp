#include <daemon/host_names.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <array>

namespace dind::daemon {
namespace {

TEST(SubjectAltNamesTest, AreSortedAndEachOnce) {
  const HostNames host{{"build-7", "build-7"}, {"172.17.0.2", "127.0.0.1", "::1"}};
  EXPECT_EQ(subject_alt_names(host, ""), "DNS:build-7,DNS:docker,DNS:localhost,IP:127.0.0.1,"
                                         "IP:172.17.0.2,IP:::1");
}

TEST(SubjectAltNamesTest, HoldWhatTheUserAdds) {
  EXPECT_EQ(subject_alt_names({}, "DNS:dind,IP:10.0.0.9 DNS:docker"),
            "DNS:dind,DNS:docker,DNS:localhost,IP:10.0.0.9");
}

TEST(CanonicalNameTest, IsTheFirstOfTheLineThatHasTheName) {
  constexpr std::string_view kHosts = "127.0.0.1\tlocalhost\n# 10.0.0.9 pod.commented pod\n"
                                      "10.0.0.2 pod.jobs.svc pod # pods\n10.0.0.3 pod\n";
  EXPECT_EQ(canonical_name(kHosts, "pod"), "pod.jobs.svc");
  EXPECT_EQ(canonical_name(kHosts, "pods"), "");
  EXPECT_EQ(canonical_name("", "pod"), "");
}

TEST(HostNamesTest, AreThoseOfThisMachine) {
  const HostNames host = read_host_names();
  std::array<char, 256> name{};
  ASSERT_EQ(::gethostname(name.data(), name.size() - 1), 0);
  const std::string full = name.data();
  const auto has = [](const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
  };
  EXPECT_TRUE(has(host.names, full.substr(0, full.find('.'))));
  EXPECT_TRUE(has(host.addresses, "127.0.0.1"));
}

} // namespace
} // namespace dind::daemon
