#include <registry/request.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace dind::registry {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

// "what repository:tag@digest", or the refusal.
std::string told(const std::string& text) {
  const auto target = parse_target(text);
  if (!target) {
    return std::to_string(target.error().status) + " " + std::string(target.error().code);
  }
  constexpr std::array<const char*, 5> kNames = {"version", "manifest", "blob", "tags",
                                                 "repositories"};
  std::string said = kNames[static_cast<std::size_t>(target->what)];
  if (!target->reference.path.empty()) {
    said += " " + target->reference.repository() + ":" + target->reference.tag;
    said += target->reference.digest ? "@" + target->reference.digest->text() : "";
  }
  return said;
}

TEST(RequestTargetTest, IsWhatTheSpecificationSays) {
  const std::string hex(64, 'a');
  EXPECT_EQ(told("/v2/"), "version");
  EXPECT_EQ(told("/v2"), "version");
  EXPECT_EQ(told("/v2/_catalog"), "repositories");
  EXPECT_EQ(told("/v2/library/alpine/tags/list"), "tags docker.io/library/alpine:latest");
  EXPECT_EQ(told("/v2/library/alpine/manifests/3.20"), "manifest docker.io/library/alpine:3.20");
  EXPECT_EQ(told("/v2/library/alpine/manifests/" + kDigest),
            "manifest docker.io/library/alpine:@" + kDigest);
  EXPECT_EQ(told("/v2/a/b/c/blobs/" + kDigest), "blob docker.io/a/b/c:@" + kDigest);
}

// A repository may have the names of the paths themselves.
TEST(RequestTargetTest, ReadsPathsFromTheirEnd) {
  EXPECT_EQ(told("/v2/manifests/manifests/list"), "manifest docker.io/library/manifests:list");
  EXPECT_EQ(told("/v2/a/tags/list/tags/list"), "tags docker.io/a/tags/list:latest");
  EXPECT_EQ(told("/v2/blobs/manifests/tags/list"), "tags docker.io/blobs/manifests:latest");
}

TEST(RequestTargetTest, ARegistryIsNamedByTheQueryOrTheNameOrIsDockers) {
  EXPECT_EQ(told("/v2/alpine/manifests/1"), "manifest docker.io/library/alpine:1");
  EXPECT_EQ(told("/v2/docker.io/alpine/manifests/1"), "manifest docker.io/library/alpine:1");
  EXPECT_EQ(told("/v2/alpine/manifests/1?ns=docker.io"), "manifest docker.io/library/alpine:1");
  EXPECT_EQ(told("/v2/library/alpine/manifests/1?ns=registry-1.docker.io"),
            "manifest docker.io/library/alpine:1");
  EXPECT_EQ(told("/v2/a/b/manifests/1?ns=ghcr.io"), "manifest ghcr.io/a/b:1");
  EXPECT_EQ(told("/v2/ghcr.io/a/b/manifests/1"), "manifest ghcr.io/a/b:1");
  EXPECT_EQ(told("/v2/b/manifests/1?x=y&ns=registry.example%3A5000"),
            "manifest registry.example:5000/b:1");
  EXPECT_EQ(told("/v2/b/manifests/1?ns="), "manifest docker.io/library/b:1");
  EXPECT_EQ(told("/v2/b/manifests/1?ns=nodots"), "400 NAME_INVALID");
  EXPECT_EQ(told("/v2/b/manifests/1?ns=ghcr.io/a"), "400 NAME_INVALID");
  EXPECT_EQ(told("/v2/b/manifests/1?ns=%2e%2e%2f"), "400 NAME_INVALID");
}

TEST(RequestTargetTest, WhatIsNoNameNoTagAndNoDigestIsRefused) {
  for (const char* const name :
       {"..", "a/../b", "A", "a//b", "a%2Fb", "%2e%2e", "a:1", "a@b", "-a", "a_", "./a", "a/."}) {
    EXPECT_EQ(told(std::string("/v2/") + name + "/manifests/1"), "400 NAME_INVALID") << name;
  }
  EXPECT_EQ(told("/v2//manifests/1"), "400 NAME_INVALID");
  EXPECT_EQ(told("/v2/" + std::string(300, 'a') + "/manifests/1"), "400 NAME_INVALID");
  EXPECT_EQ(told("/v2/a/manifests/.hidden"), "404 MANIFEST_UNKNOWN");
  EXPECT_EQ(told("/v2/a/manifests/" + std::string(129, 'a')), "404 MANIFEST_UNKNOWN");
  EXPECT_EQ(told("/v2/a/manifests/sha256:ab"), "400 DIGEST_INVALID");
  EXPECT_EQ(told("/v2/a/manifests/sha512:" + std::string(128, 'a')), "400 DIGEST_INVALID");
  EXPECT_EQ(told("/v2/a/blobs/sha256:" + std::string(64, 'A')), "400 DIGEST_INVALID");
  EXPECT_EQ(told("/v2/a/blobs/latest"), "400 DIGEST_INVALID");
  EXPECT_EQ(told("/v2/a/blobs/" + kDigest + "%00"), "400 DIGEST_INVALID");
}

TEST(RequestTargetTest, OtherPathsAreNotThere) {
  for (const char* const path :
       {"", "/", "/v1/", "/v2x", "v2/", "/v2/a", "/v2/a/b", "/v2/a/tags", "/v2/a/manifests/",
        "/v2/a/blobs/uploads/1", "/v2/_catalog/", "http://host/v2/", "*", "/etc/passwd",
        "/v2/../etc/passwd", "/v2/a/referrers/x"}) {
    EXPECT_TRUE(told(path).starts_with("404")) << path << ": " << told(path);
  }
}

TEST(RequestTargetTest, AListHasPages) {
  const auto target = parse_target("/v2/a/tags/list?n=10&last=3.19%2B1");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->page.most, 10U);
  EXPECT_EQ(target->page.last, "3.19+1");
  EXPECT_EQ(told("/v2/_catalog?n=-1"), "400 UNSUPPORTED");
  EXPECT_EQ(told("/v2/_catalog?n=x"), "400 UNSUPPORTED");
  EXPECT_EQ(told("/v2/_catalog?n=99999999999999999999999"), "repositories");
}

TEST(RequestRangeTest, IsAPartThatIsThere) {
  const WantedPart whole = WholeContent();
  const WantedPart none = NoSuchPart();
  const struct {
    const char* header;
    WantedPart wanted;
  } cases[] = {
      {"", whole},
      {"bytes=0-0", Part{0, 1}},
      {"bytes=0-99", Part{0, 100}},
      {"bytes=10-", Part{10, 90}},
      {"bytes=-10", Part{90, 10}},
      {"bytes=-1000", Part{0, 100}},
      {"bytes=99-1000", Part{99, 1}},
      {"bytes=0-99999999999999999999999999", Part{0, 100}},
      {"bytes=100-", none},
      {"bytes=100-200", none},
      {"bytes=99999999999999999999999999-", none},
      {"bytes=-0", none},
      {"bytes=5-4", whole},
      {"bytes=0-1,3-4", whole},
      {"bytes=-", whole},
      {"bytes=", whole},
      {"bytes=a-b", whole},
      {"bytes=+1-2", whole},
      {"bytes= 1-2", whole},
      {"bytes=1-2 ", whole},
      {"bytes=0x1-2", whole},
      {"bytes=--5", whole},
      {"lines=1-2", whole},
  };
  for (const auto& one : cases) {
    EXPECT_TRUE(parse_range(one.header, 100) == one.wanted) << one.header;
  }
  EXPECT_TRUE(parse_range("bytes=0-", 0) == none);
  EXPECT_TRUE(parse_range("bytes=-1", 0) == none);
}

} // namespace
} // namespace dind::registry
