#include <daemon/tls.hpp>

#include <daemon/certificates.hpp>

#include <support/expect.hpp>
#include <support/temp_dir.hpp>
#include <sys/spawn.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace dind::daemon {
namespace {

using test::fails_saying;
using test::fails_with;
using test::ok;
using test::TempDir;

constexpr const char* kNames = "DNS:docker,DNS:localhost,IP:127.0.0.1,IP:fe80::1";

struct Row {
  bool ca_key, ca_certificate, server;
  TlsTask expected;
};

TEST(JudgeTlsTest, FollowsTheStockRules) {
  const Row rows[] = {
      {false, false, false, TlsTask::make},      // T2: nothing there
      {true, false, false, TlsTask::make},       // T2: the key alone
      {true, true, false, TlsTask::make},        // T2
      {true, true, true, TlsTask::make},         // T2: a second start
      {true, false, true, TlsTask::make},        // T2
      {false, false, true, TlsTask::check},      // T1: a server's files of the user's own
      {false, true, true, TlsTask::check},       // T1: with the CA's certificate
      {false, true, false, TlsTask::impossible}, // T3: a CA that cannot sign
  };
  for (const Row& row : rows) {
    EXPECT_EQ(judge_tls({row.ca_key, row.ca_certificate, row.server}), row.expected)
        << row.ca_key << row.ca_certificate << row.server;
  }
}

class TlsTest : public testing::Test {
protected:
  Result<void> prepare(const std::string& names = kNames,
                       config::TlsKey kind = config::TlsKey::p256) const {
    return prepare_tls({certs_.path(), kind, names, []() { return false; }});
  }

  // What the openssl command line says, or its failure.
  std::string openssl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "openssl");
    const auto finished = sys::run(arguments);
    EXPECT_TRUE(ok(finished));
    return finished && finished->status.code == 0 ? finished->output
                                                  : "FAILED: " + finished->output;
  }
  std::string path(const char* name) const { return (certs_ / name).native(); }
  std::string show(const char* name, const char* what) const {
    return openssl({"x509", "-noout", "-in", path(name), what});
  }
  std::string extension(const char* name, const char* which) const {
    return openssl({"x509", "-noout", "-in", path(name), "-ext", which});
  }
  unsigned mode_of(const char* name) const { return test::stat_of(certs_ / name).st_mode & 07777U; }

  TempDir certs_;
};

TEST_F(TlsTest, T4MakesTheStockFiles) {
  ASSERT_TRUE(ok(prepare()));
  for (const char* name :
       {"ca/key.pem", "ca/cert.pem", "server/key.pem", "server/csr.pem", "server/cert.pem",
        "server/ca.pem", "server/openssl.cnf", "client/key.pem", "client/csr.pem",
        "client/cert.pem", "client/ca.pem", "client/openssl.cnf"}) {
    EXPECT_TRUE(certs_.has(name)) << name;
  }
  EXPECT_FALSE(certs_.has("client.new"));
}

TEST_F(TlsTest, T5GivesTheStockModesWhateverTheUmask) {
  const mode_t before = ::umask(077);
  ASSERT_TRUE(ok(prepare()));
  ::umask(before);
  EXPECT_EQ(mode_of("ca/key.pem"), 0600U);
  EXPECT_EQ(mode_of("server/key.pem"), 0600U);
  EXPECT_EQ(mode_of("client/key.pem"), 0644U);
  EXPECT_EQ(mode_of("client/ca.pem"), 0644U);
  EXPECT_EQ(mode_of("server/cert.pem"), 0644U);
  EXPECT_EQ(mode_of("client"), 0755U);
}

TEST_F(TlsTest, T6T7T8AreWhatOpensslAndClientsExpect) {
  ASSERT_TRUE(ok(prepare()));
  EXPECT_EQ(show("ca/cert.pem", "-subject"), "subject=CN = docker:dind CA\n");
  EXPECT_EQ(show("server/cert.pem", "-subject"), "subject=CN = docker:dind server\n");
  EXPECT_EQ(show("client/cert.pem", "-subject"), "subject=CN = docker:dind client\n");
  EXPECT_NE(extension("ca/cert.pem", "basicConstraints").find("CA:TRUE"), std::string::npos);
  EXPECT_NE(extension("ca/cert.pem", "keyUsage")
                .find("critical\n    Digital Signature, Certificate Sign"),
            std::string::npos);
  EXPECT_NE(extension("server/cert.pem", "extendedKeyUsage").find("TLS Web Server"),
            std::string::npos);
  EXPECT_NE(extension("client/cert.pem", "extendedKeyUsage").find("TLS Web Client"),
            std::string::npos);
  EXPECT_NE(
      extension("server/cert.pem", "subjectAltName")
          .find("DNS:docker, DNS:localhost, IP Address:127.0.0.1, IP Address:FE80:0:0:0:0:0:0:1"),
      std::string::npos);
  for (const char* side : {"server", "client"}) {
    const std::string ca = path(side) + "/ca.pem";
    EXPECT_EQ(certs_.read(std::string(side) + "/ca.pem"), certs_.read("ca/cert.pem"));
    const std::string role = std::string("ssl") + side;
    EXPECT_EQ(openssl({"verify", "-x509_strict", "-purpose", role, "-CAfile", ca,
                       path(side) + "/cert.pem"}),
              path(side) + "/cert.pem: OK\n");
  }
  EXPECT_EQ(openssl({"verify", "-verify_hostname", "docker", "-CAfile", path("client/ca.pem"),
                     path("server/cert.pem")}),
            path("server/cert.pem") + ": OK\n");
}

TEST_F(TlsTest, T6HoldsFor825Days) {
  ASSERT_TRUE(ok(prepare()));
  const std::string day = std::to_string(24 * 60 * 60);
  const auto holds_for = [&](int days) {
    return openssl({"x509", "-noout", "-in", path("server/cert.pem"), "-checkend",
                    std::to_string(days * 24 * 60 * 60)})
        .starts_with("Certificate will not expire");
  };
  EXPECT_TRUE(holds_for(824));
  EXPECT_FALSE(holds_for(825));
}

TEST_F(TlsTest, T9KeepsKeysAndAnOldClientStaysValid) {
  ASSERT_TRUE(ok(prepare()));
  const TempDir old;
  const auto kept = [&](const char* name) { return certs_.read(name); };
  const std::string keys = kept("ca/key.pem") + kept("server/key.pem") + kept("client/key.pem");
  const auto old_client = old.write("client.pem", kept("client/cert.pem"));
  const auto old_ca = old.write("ca.pem", kept("client/ca.pem"));
  ASSERT_TRUE(ok(prepare("DNS:renamed")));
  EXPECT_EQ(kept("ca/key.pem") + kept("server/key.pem") + kept("client/key.pem"), keys);
  EXPECT_NE(kept("client/cert.pem"), old.read("client.pem"));
  EXPECT_TRUE(openssl({"verify", "-CAfile", path("server/ca.pem"), old_client.native()})
                  .ends_with(": OK\n"));
  EXPECT_TRUE(openssl({"verify", "-verify_hostname", "renamed", "-CAfile", old_ca.native(),
                       path("server/cert.pem")})
                  .ends_with(": OK\n"));
}

TEST_F(TlsTest, KeepsAnRsaKeyAndSignsWithIt) {
  certs_.make_dir("ca");
  openssl({"genrsa", "-traditional", "-out", path("ca/key.pem"), "2048"});
  ::chmod(path("ca/key.pem").c_str(), 0600);
  const std::string before = certs_.read("ca/key.pem");
  ASSERT_TRUE(ok(prepare()));
  EXPECT_EQ(certs_.read("ca/key.pem"), before);
  EXPECT_TRUE(openssl({"verify", "-CAfile", path("client/ca.pem"), path("server/cert.pem")})
                  .ends_with(": OK\n"));
}

TEST_F(TlsTest, MakesRsaKeysIfAsked) {
  const auto key = make_key(config::TlsKey::rsa4096, []() { return false; });
  ASSERT_TRUE(ok(key));
  const auto file = certs_.write("key.pem", *key);
  EXPECT_NE(openssl({"pkey", "-noout", "-text", "-in", file.native()}).find("4096 bit"),
            std::string::npos);
}

TEST_F(TlsTest, EndsTheSearchForPrimesWhenStopped) {
  EXPECT_TRUE(fails_with(ECANCELED, make_key(config::TlsKey::rsa4096, []() { return true; })));
}

TEST_F(TlsTest, T1TouchesNothingOfTheUsers) {
  ASSERT_TRUE(ok(prepare()));
  ASSERT_EQ(::unlink(path("ca/key.pem").c_str()), 0);
  const std::string before = certs_.read("server/cert.pem") + certs_.read("client/cert.pem");
  ASSERT_TRUE(ok(prepare("DNS:other")));
  EXPECT_EQ(certs_.read("server/cert.pem") + certs_.read("client/cert.pem"), before);
}

TEST_F(TlsTest, T1RefusesACertificateOfAnotherCa) {
  ASSERT_TRUE(ok(prepare()));
  const std::string first = certs_.read("server/ca.pem");
  ASSERT_EQ(::unlink(path("ca/key.pem").c_str()), 0);
  const auto other = make_ca(make_key(config::TlsKey::p256, []() { return false; }).value());
  certs_.write("server/ca.pem", other.value());
  EXPECT_TRUE(fails_saying("server/cert.pem: ", prepare()));
  certs_.write("server/ca.pem", first);
  certs_.write("server/key.pem", make_key(config::TlsKey::p256, []() { return false; }).value());
  EXPECT_TRUE(fails_saying("of another key", prepare()));
}

TEST_F(TlsTest, T1FollowsALinkOfOursAsKubernetesMountsSecrets) {
  ASSERT_TRUE(ok(prepare()));
  ASSERT_EQ(::unlink(path("ca/key.pem").c_str()), 0);
  certs_.write("data/key.pem", certs_.read("server/key.pem"));
  ASSERT_EQ(::unlink(path("server/key.pem").c_str()), 0);
  ASSERT_EQ(::symlink("../data/key.pem", path("server/key.pem").c_str()), 0);
  EXPECT_TRUE(ok(prepare()));
}

TEST_F(TlsTest, T3NeedsAKeyOrAServersFiles) {
  certs_.write("ca/cert.pem", "a certificate");
  EXPECT_TRUE(fails_saying("neither its key", prepare()));
  EXPECT_FALSE(certs_.has("server"));
}

TEST_F(TlsTest, RefusesAKeyThatOthersCouldHaveChanged) {
  for (const char* name : {"ca/key.pem", "server/key.pem"}) {
    ASSERT_TRUE(ok(prepare()));
    ::chmod(path(name).c_str(), 0620);
    EXPECT_TRUE(fails_with(EPERM, prepare())) << name;
    ::chmod(path(name).c_str(), 0600);
    if (::geteuid() == 0) {
      ASSERT_EQ(::chown(path(name).c_str(), 1234, 0), 0);
      EXPECT_TRUE(fails_with(EPERM, prepare())) << name;
      ASSERT_EQ(::chown(path(name).c_str(), 0, 0), 0);
    }
    ASSERT_TRUE(ok(prepare()));
  }
}

TEST_F(TlsTest, SaysWhatToSetWhereAPodsFsGroupLetsItsGroupWrite) {
  NEEDS(::geteuid() == 0, "root");
  ASSERT_TRUE(ok(prepare()));
  ASSERT_EQ(::chown(path("ca").c_str(), 0, 1000), 0);
  ::chmod(path("ca").c_str(), 02775);
  EXPECT_TRUE(fails_saying("group 1000 and mode 2775: chmod go-w. If a pod's fsGroup did it, set "
                           "fsGroupChangePolicy: OnRootMismatch",
                           prepare()));
  ::chmod(path("ca").c_str(), 02755);
  ASSERT_EQ(::chown(path("ca/key.pem").c_str(), 0, 1000), 0);
  ::chmod(path("ca/key.pem").c_str(), 0660);
  EXPECT_TRUE(fails_saying("ca/key.pem must be owned by root", prepare()));
  ::chmod(path("ca/key.pem").c_str(), 0640);
  EXPECT_TRUE(ok(prepare()));
}

TEST_F(TlsTest, RefusesAKeyThatIsNoRegularFile) {
  certs_.make_dir("ca");
  ASSERT_EQ(::mkfifo(path("ca/key.pem").c_str(), 0600), 0);
  EXPECT_TRUE(fails_with(EPERM, prepare()));
}

TEST_F(TlsTest, RefusesAKeyThatCannotBeRead) {
  certs_.write("ca/key.pem", "nonsense");
  ::chmod(path("ca/key.pem").c_str(), 0600);
  EXPECT_TRUE(fails_saying("ca/key.pem: read the private key", prepare()));
  EXPECT_EQ(certs_.read("ca/key.pem"), "nonsense");
}

TEST_F(TlsTest, MakesAnEmptyKeyAnew) {
  certs_.write("ca/key.pem", "");
  EXPECT_TRUE(ok(prepare()));
  EXPECT_NE(certs_.read("ca/key.pem"), "");
}

TEST_F(TlsTest, RefusesFoldersThatLeadElsewhereOrThatOthersCanChange) {
  const TempDir elsewhere;
  for (const char* name : {"ca", "server", "client"}) {
    ASSERT_EQ(::symlink(elsewhere.path().c_str(), path(name).c_str()), 0);
    EXPECT_FALSE(prepare()) << name;
    ASSERT_EQ(::unlink(path(name).c_str()), 0);
  }
  EXPECT_FALSE(elsewhere.has("key.pem"));
  certs_.make_dir("ca");
  ::chmod(path("ca").c_str(), 0777);
  EXPECT_TRUE(fails_with(EPERM, prepare()));
  ::chmod(path("ca").c_str(), 01777); // as Kubernetes mounts secrets
  EXPECT_TRUE(ok(prepare()));
}

TEST_F(TlsTest, FillsAClientFolderThatIsThereAndKeepsWhatElseIsInIt) {
  certs_.write("client/other", "kept");
  ::chmod(path("client").c_str(), 01777);
  ASSERT_TRUE(ok(prepare()));
  EXPECT_EQ(certs_.read("client/other"), "kept");
  EXPECT_EQ(mode_of("client"), 01777U);
  EXPECT_TRUE(ok(check_certificate(certs_.read("client/cert.pem"), certs_.read("client/ca.pem"),
                                   certs_.read("client/key.pem"))));
}

// Clients may be root in their containers, and the folder may outlive them.
TEST_F(TlsTest, PublishesNoKeyThatALinkOfAClientLeadsTo) {
  ASSERT_TRUE(ok(prepare()));
  const std::string ca = certs_.read("ca/key.pem");
  for (const char* target : {"../ca/key.pem", "../server/key.pem", "fifo"}) {
    ASSERT_EQ(::unlink(path("client/key.pem").c_str()), 0);
    ASSERT_EQ(::symlink(target, path("client/key.pem").c_str()), 0);
    ASSERT_TRUE(ok(prepare())) << target;
    EXPECT_TRUE(S_ISREG(test::stat_of(path("client/key.pem")).st_mode));
    EXPECT_NE(certs_.read("client/key.pem"), ca);
    EXPECT_NE(certs_.read("client/key.pem"), certs_.read("server/key.pem"));
  }
  ASSERT_EQ(::unlink(path("client/key.pem").c_str()), 0);
  ASSERT_EQ(::mkfifo(path("client/key.pem").c_str(), 0600), 0);
  ASSERT_TRUE(ok(prepare()));
  EXPECT_TRUE(S_ISREG(test::stat_of(path("client/key.pem")).st_mode));
  EXPECT_EQ(certs_.read("ca/key.pem"), ca);
}

TEST_F(TlsTest, HasNoClientFolderUntilItIsComplete) {
  certs_.make_dir("client.new/left/over"); // by a start that was killed
  ASSERT_TRUE(ok(prepare()));
  EXPECT_TRUE(certs_.has("client/ca.pem"));
  EXPECT_FALSE(certs_.has("client/left"));
}

TEST_F(TlsTest, ReplacesAClientOfAnotherCa) {
  ASSERT_TRUE(ok(prepare()));
  ASSERT_EQ(::unlink(path("ca/key.pem").c_str()), 0);
  ASSERT_EQ(::unlink(path("ca/cert.pem").c_str()), 0);
  ASSERT_EQ(::unlink(path("server/key.pem").c_str()), 0);
  ASSERT_TRUE(ok(prepare()));
  EXPECT_TRUE(ok(check_certificate(certs_.read("client/cert.pem"), certs_.read("server/ca.pem"),
                                   certs_.read("client/key.pem"))));
}

TEST_F(TlsTest, SaysWhichNameIsWrong) {
  EXPECT_TRUE(
      fails_saying("server/cert.pem: subjectAltName = ", prepare("DNS:docker,IP:nonsense")));
  EXPECT_FALSE(certs_.has("client"));
}

} // namespace
} // namespace dind::daemon
