#include <daemon/rootless.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using Words = std::vector<std::string>;

RootlessFacts all_there() {
  RootlessFacts facts;
  facts.uid = 1000;
  facts.home = "/home/rootless";
  facts.runtime_dir = "/run/user/1000";
  facts.has_rootlesskit = true;
  facts.has_subordinate_ids = true;
  facts.has_writable_dirs = true;
  return facts;
}

TEST(RootlessTest, IsRefusedInTheStockOrderAndWords) {
  RootlessFacts facts = all_there();
  EXPECT_FALSE(rootless_objection(facts));
  facts.unprivileged_clone = "1";
  facts.max_user_namespaces = "100";
  EXPECT_FALSE(rootless_objection(facts));
  facts.max_user_namespaces = "0";
  EXPECT_EQ(rootless_objection(facts).value().why,
            "error: attempting to run rootless dockerd but need 'user.max_user_namespaces' "
            "(/proc/sys/user/max_user_namespaces) set to a sufficiently large value");
  facts.unprivileged_clone = "0";
  EXPECT_EQ(rootless_objection(facts).value().why,
            "error: attempting to run rootless dockerd but need 'kernel.unprivileged_userns_clone' "
            "(/proc/sys/kernel/unprivileged_userns_clone) set to 1");
  facts.has_writable_dirs = false;
  EXPECT_EQ(rootless_objection(facts).value().why,
            "error: attempting to run rootless dockerd but need writable HOME (/home/rootless) and "
            "XDG_RUNTIME_DIR (/run/user/1000) for user 1000");
  facts.has_subordinate_ids = false;
  EXPECT_EQ(rootless_objection(facts).value().why,
            "error: attempting to run rootless dockerd but missing necessary entries in "
            "/etc/subuid and/or /etc/subgid for 1000");
  facts.has_rootlesskit = false;
  EXPECT_EQ(rootless_objection(facts).value().why,
            "error: attempting to run rootless dockerd but missing 'rootlesskit' (perhaps the "
            "'docker:dind-rootless' image variant is intended?)");
}

TEST(RootlessTest, RunsThisProgramAgainBelowRootlesskit) {
  const auto command = rootless_command("/bin/dind-init", Words{"--debug"},
                                        Words{"HOME=/home/rootless", "DOCKER_TLS_CERTDIR=/certs"},
                                        all_there(), TcpPort::published);
  EXPECT_EQ(command.argv,
            (Words{"rootlesskit", "--net=slirp4netns", "--mtu=1500", "--disable-host-loopback",
                   "--port-driver=builtin", "--copy-up=/etc", "--copy-up=/run", "-p",
                   "0.0.0.0:2376:2376/tcp", "/bin/dind-init", "--debug"}));
  EXPECT_EQ(command.environment, (Words{"HOME=/home/rootless", "DOCKER_TLS_CERTDIR=/certs",
                                        "XDG_RUNTIME_DIR=/run/user/1000",
                                        "DOCKER_HOST=unix:///run/user/1000/docker.sock"}));
}

TEST(RootlessTest, TakesItsVariablesAndOpensNoPortForDockerdAsWritten) {
  const auto command = rootless_command(
      "/d", Words{"dockerd", "-H", "unix:///x"},
      Words{"DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta", "DOCKERD_ROOTLESS_ROOTLESSKIT_MTU=1400",
            "DOCKERD_ROOTLESS_ROOTLESSKIT_FLAGS=--ipv6  -p 1:1/tcp", "DOCKER_HOST=unix:///mine"},
      all_there(), TcpPort::closed);
  EXPECT_EQ(command.argv,
            (Words{"rootlesskit", "--net=pasta", "--mtu=1400", "--disable-host-loopback",
                   "--port-driver=builtin", "--copy-up=/etc", "--copy-up=/run", "--ipv6", "-p",
                   "1:1/tcp", "/d", "dockerd", "-H", "unix:///x"}));
  EXPECT_EQ(find_variable(command.environment, "DOCKER_HOST"), "unix:///mine");
}

TEST(RootlessTest, PassesOnTheAddressesThatClientsKnow) {
  RootlessFacts facts = all_there();
  facts.addresses = {"172.17.0.2", "fd00::2"};
  const auto names_of = [&](const Words& environment) {
    return find_variable(
        rootless_command("/d", {}, environment, facts, TcpPort::published).environment,
        "DOCKER_TLS_SAN");
  };
  EXPECT_EQ(names_of({}), "IP:172.17.0.2,IP:fd00::2");
  EXPECT_EQ(names_of({"DOCKER_TLS_SAN=DNS:mine"}), "DNS:mine,IP:172.17.0.2,IP:fd00::2");
}

TEST(RootlessTest, HasItsPlacesWhereDockerdLooks) {
  EXPECT_FALSE(rootless_places(Words{"HOME=/home/x"}));
  const auto places = rootless_places(
      Words{"HOME=/home/x", "ROOTLESSKIT_STATE_DIR=/tmp/r", "XDG_RUNTIME_DIR=/run/user/7"});
  ASSERT_TRUE(places);
  EXPECT_EQ(places->data_root, "/home/x/.local/share/docker");
  EXPECT_EQ(places->daemon_json, "/home/x/.config/docker/daemon.json");
  EXPECT_EQ(places->runtime_dir, "/run/user/7/dind-init");
  EXPECT_EQ(rootless_places(Words{"ROOTLESSKIT_STATE_DIR=/tmp/r", "XDG_DATA_HOME=/d"})->data_root,
            "/d/docker");
}

} // namespace
} // namespace dind::daemon
