#include <daemon/command.hpp>

#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

namespace dind::daemon {
namespace {

using Words = std::vector<std::string>;

struct CommandCase {
  const char* name;
  Words arguments;
  Words environment;
  CommandFacts facts;
  Words argv;
  Words added; // to the environment
};

class CommandTest : public testing::TestWithParam<CommandCase> {};

TEST_P(CommandTest, IsWhatTheStockScriptRuns) {
  const CommandCase& row = GetParam();
  const Command command = make_command(row.arguments, row.environment, row.facts);
  EXPECT_EQ(command.argv, row.argv);
  Words expected = row.environment;
  std::erase(expected, "DOCKER_HOST=");
  expected.insert(expected.end(), row.added.begin(), row.added.end());
  EXPECT_EQ(command.environment, expected);
}

constexpr const char* kHostVariable = "DOCKER_HOST=unix:///var/run/docker.sock";

const CommandCase kCommands[] = {
    {"PlainCommand", {"echo", "Hello"}, {}, {.socket = true}, {"echo", "Hello"}, {kHostVariable}},
    {"VerbOfDocker",
     {"ps", "-a"},
     {},
     {.docker_knows_verb = true, .socket = true},
     {"docker", "ps", "-a"},
     {kHostVariable}},
    {"FlagOfDocker", {"--version"}, {}, {.socket = true}, {"docker", "--version"}, {kHostVariable}},
    {"HostOfTheUser", {"sh"}, {"DOCKER_HOST=tcp://other:1"}, {.socket = true}, {"sh"}, {}},
    {"EmptyHostIsUnset", {"sh"}, {"DOCKER_HOST="}, {.socket = true}, {"sh"}, {kHostVariable}},
    {"SocketOfTheUser",
     {"sh"},
     {"XDG_RUNTIME_DIR=/run/user/1"},
     {.user_socket = true},
     {"sh"},
     {"DOCKER_HOST=unix:///run/user/1/docker.sock"}},
    {"NeighbourWithoutTls", {"sh"}, {}, {}, {"sh"}, {"DOCKER_HOST=tcp://docker:2375"}},
    {"NeighbourWithCertificates",
     {"sh"},
     {"DOCKER_TLS_CERTDIR=/certs"},
     {.client_certificates = true},
     {"sh"},
     {"DOCKER_HOST=tcp://docker:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/certs/client"}},
    {"NeighbourThatMustBeVerified",
     {"sh"},
     {"DOCKER_TLS_VERIFY=1"},
     {},
     {"sh"},
     {"DOCKER_HOST=tcp://docker:2376"}},
    {"HostOfTheUserGetsTheCertificates",
     {"sh"},
     {"DOCKER_HOST=tcp://other:2376", "DOCKER_TLS_CERTDIR=/certs"},
     {.client_certificates = true},
     {"sh"},
     {"DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/certs/client"}},
    {"CertificatesOfTheUser",
     {"sh"},
     {"DOCKER_HOST=tcp://other:2376", "DOCKER_CERT_PATH=/mine", "DOCKER_TLS_CERTDIR=/certs"},
     {.client_certificates = true},
     {"sh"},
     {}},
};

INSTANTIATE_TEST_SUITE_P(Every, CommandTest, testing::ValuesIn(kCommands),
                         [](const auto& row) { return row.param.name; });

TEST(CommandFactsTest, NeedAllThreeFilesOfTheClient) {
  const test::TempDir certs;
  const Words environment = {"DOCKER_TLS_CERTDIR=" + certs.path().native()};
  const Words arguments = {"-"};
  certs.write("client/ca.pem", "x");
  certs.write("client/cert.pem", "x");
  certs.write("client/key.pem", "");
  EXPECT_FALSE(look_for_command(arguments, environment).client_certificates);
  certs.write("client/key.pem", "x");
  EXPECT_TRUE(look_for_command(arguments, environment).client_certificates);
  EXPECT_FALSE(look_for_command(arguments, {}).client_certificates);
}

} // namespace
} // namespace dind::daemon
