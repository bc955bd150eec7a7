#include <boot/key_making.hpp>

#include <support/child.hpp>
#include <support/expect.hpp>
#include <support/temp_dir.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

namespace dind::boot {
namespace {

using test::ok;
using test::TempDir;

void make_keys(const TempDir& dir) {
  KeyMaking keys(dir.path().native(), config::TlsKey::p256, "", [] { return false; });
  EXPECT_TRUE(ok(keys.finish()));
  for (const std::string file : {"ca/cert.pem", "server/key.pem", "client/cert.pem"}) {
    EXPECT_TRUE(dir.has(file)) << file;
  }
}

TEST(KeyMakingTest, MakesKeysOnAThread) {
  const TempDir dir;
  make_keys(dir);
}

TEST(KeyMakingTest, MakesThemItselfWhereNoThreadCanBeHad) {
  NEEDS(::geteuid() == 0, "root");
  const TempDir dir;
  EXPECT_TRUE(test::holds_without_threads([&] { make_keys(dir); }));
}

} // namespace
} // namespace dind::boot
