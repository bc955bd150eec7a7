#include <cache/reference.hpp>

#include <support/expect.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::cache {
namespace {

using test::fails_saying;
using test::ok;

const std::string kHex(64, 'a');

struct Rule {
  const char* text;
  const char* repository;
  const char* familiar;
};

class ReferenceTest : public testing::TestWithParam<Rule> {};

TEST_P(ReferenceTest, IsNormalisedAsDockerDoes) {
  const auto reference = parse_reference(GetParam().text);
  ASSERT_TRUE(ok(reference));
  EXPECT_EQ(reference->repository(), GetParam().repository);
  EXPECT_EQ(reference->familiar_tagged(), GetParam().familiar);
}

INSTANTIATE_TEST_SUITE_P(
    Every, ReferenceTest,
    testing::Values(Rule{"alpine", "docker.io/library/alpine", "alpine:latest"},
                    Rule{"alpine:3.20", "docker.io/library/alpine", "alpine:3.20"},
                    Rule{"docker.io/alpine:3", "docker.io/library/alpine", "alpine:3"},
                    Rule{"docker.io/library/alpine:3", "docker.io/library/alpine", "alpine:3"},
                    Rule{"index.docker.io/u/app:1", "docker.io/u/app", "u/app:1"},
                    Rule{"u/app", "docker.io/u/app", "u/app:latest"},
                    Rule{"library/a/b:1", "docker.io/library/a/b", "library/a/b:1"},
                    Rule{"127.0.0.1:5000/app:1", "127.0.0.1:5000/app", "127.0.0.1:5000/app:1"},
                    Rule{"localhost/app:1", "localhost/app", "localhost/app:1"},
                    Rule{"[::1]:5000/app:1", "[::1]:5000/app", "[::1]:5000/app:1"},
                    Rule{"ghcr.io/a/b_c/d--e:v1.0_x-y", "ghcr.io/a/b_c/d--e",
                         "ghcr.io/a/b_c/d--e:v1.0_x-y"}));

TEST(ReferenceTest, KeepsADigestAndAddsNoTagToIt) {
  const auto reference = parse_reference("alpine@sha256:" + kHex);
  ASSERT_TRUE(ok(reference));
  EXPECT_EQ(reference->tag, "");
  EXPECT_EQ(reference->familiar_digested(*reference->digest), "alpine@sha256:" + kHex);
}

TEST(ReferenceTest, RefusesWhatTheGrammarDoesNotHave) {
  for (const std::string& text :
       {std::string(), std::string("App"), std::string("a//b"), std::string("/a"),
        std::string("a/"), std::string("a:"), std::string("a b"), std::string("a___b"),
        std::string("-a"), std::string("a@sha256:12"), std::string("a/../b"),
        "a:" + std::string(129, 'x'), std::string(256, 'a'), std::string("a:tag\n"),
        std::string("host:port/a:1")}) {
    EXPECT_TRUE(fails_saying("not an image reference", parse_reference(text))) << text;
  }
}

} // namespace
} // namespace dind::cache
