#include <registry/answer.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::registry {
namespace {

Digest digest_of(const std::string& text) {
  return archive::sha256_of(text);
}

cache::Image image(const std::string& id, std::vector<std::string> names,
                   std::vector<Digest> layers) {
  return {.id = digest_of(id),
          .names = std::move(names),
          .config_bytes = 7,
          .layers = std::move(layers)};
}

class AnswerTest : public testing::Test {
protected:
  AnswerTest() {
    cache::Manifest manifest;
    manifest.layers = {{.diff_id = digest_of("base"), .tar_bytes = 1024},
                       {.diff_id = digest_of("top"), .tar_bytes = 100}};
    manifest.images = {image("one", {"alpine:3.20", "alpine:latest"}, {digest_of("base")}),
                       image("two", {"ghcr.io/a/b:1"}, {digest_of("base"), digest_of("top")})};
    catalogue_.add(manifest);
  }

  Answer get(const std::string& target, const std::string& range = "") const {
    return answer(catalogue_, {Method::get, target, range});
  }
  std::string blob(const std::string& content) const {
    return "/v2/a/blobs/" + digest_of(content).text();
  }

  Catalogue catalogue_;
};

TEST_F(AnswerTest, AManifestIsTheSameByTagAndByItsDigest) {
  const Answer by_tag = get("/v2/library/alpine/manifests/3.20");
  EXPECT_EQ(by_tag.status, 200);
  const std::string digest = digest_of(by_tag.text).text();
  EXPECT_NE(by_tag.header.find("Docker-Content-Digest: " + digest + "\r\n"), std::string::npos);
  EXPECT_NE(by_tag.header.find("application/vnd.docker.distribution.manifest.v2+json"),
            std::string::npos);
  EXPECT_EQ(get("/v2/library/alpine/manifests/" + digest).text, by_tag.text);
  EXPECT_EQ(get("/v2/alpine/manifests/latest?ns=docker.io").text, by_tag.text);
  EXPECT_EQ(by_tag.found, "alpine:3.20");
  EXPECT_EQ(get("/v2/alpine/manifests/" + digest).found, "alpine@" + digest);
  EXPECT_EQ(get(blob("base")).found, "") << "a client that has it asks for many of an image";
  EXPECT_NE(by_tag.text.find(digest_of("one").text()), std::string::npos);
  EXPECT_NE(by_tag.text.find(digest_of("base").text()), std::string::npos);
}

TEST_F(AnswerTest, HeadIsGetWithoutItsBody) {
  for (const std::string& target :
       {std::string("/v2/alpine/manifests/latest"), blob("base"), std::string("/v2/")}) {
    const Answer whole = get(target);
    const Answer head = answer(catalogue_, {Method::head, target, ""});
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header, whole.header);
    EXPECT_EQ(head.length, whole.length);
    EXPECT_TRUE(head.text.empty() && !head.body) << target;
  }
}

TEST_F(AnswerTest, ABlobIsSentWholeOrInPart) {
  const Answer whole = get(blob("base"));
  EXPECT_EQ(whole.status, 200);
  ASSERT_TRUE(whole.body);
  EXPECT_EQ(whole.body->part, (Part{0, 1024}));
  EXPECT_NE(whole.header.find("Accept-Ranges: bytes\r\n"), std::string::npos);

  const Answer part = get(blob("base"), "bytes=10-19");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body->part, (Part{10, 10}));
  EXPECT_EQ(part.length, 10U);
  EXPECT_NE(part.header.find("Content-Range: bytes 10-19/1024\r\n"), std::string::npos);

  const Answer beyond = get(blob("base"), "bytes=1024-");
  EXPECT_EQ(beyond.status, 416);
  EXPECT_NE(beyond.header.find("Content-Range: bytes */1024\r\n"), std::string::npos);
  EXPECT_EQ(get(blob("one")).length, 7U) << "a configuration";
}

TEST_F(AnswerTest, WhatIsNotThereIs404WithTheSpecificationsCode) {
  const auto code_of = [](const Answer& made) {
    const auto body = json::parse(made.text).value();
    return std::string(body.at("errors").at(0).at("code").as_string());
  };
  const Answer tag = get("/v2/alpine/manifests/3.21");
  EXPECT_EQ(tag.status, 404);
  EXPECT_EQ(code_of(tag), "MANIFEST_UNKNOWN");
  EXPECT_EQ(tag.missed, "alpine:3.21");
  EXPECT_EQ(tag.found, "");
  EXPECT_EQ(get("/v2/c/manifests/1?ns=ghcr.io").missed, "ghcr.io/c:1");
  const std::string digest = digest_of("x").text();
  EXPECT_EQ(get("/v2/alpine/manifests/" + digest).missed, "alpine@" + digest);
  EXPECT_EQ(code_of(get(blob("x"))), "BLOB_UNKNOWN");
  EXPECT_EQ(get(blob("x")).missed, "");
  EXPECT_EQ(code_of(get("/v2/x/tags/list")), "NAME_UNKNOWN");
  // Neither is what the other is.
  EXPECT_EQ(get("/v2/alpine/manifests/" + digest_of("base").text()).status, 404);
  const std::string manifest = digest_of(get("/v2/alpine/manifests/latest").text).text();
  EXPECT_EQ(get("/v2/alpine/blobs/" + manifest).status, 404);
}

TEST_F(AnswerTest, ListsAreSortedAndHavePages) {
  EXPECT_EQ(get("/v2/library/alpine/tags/list").text,
            R"({"name":"library/alpine","tags":["3.20","latest"]})");
  EXPECT_EQ(get("/v2/_catalog").text, R"({"repositories":["library/alpine","ghcr.io/a/b"]})");
  const Answer first = get("/v2/_catalog?n=1");
  EXPECT_EQ(first.text, R"({"repositories":["library/alpine"]})");
  EXPECT_NE(first.header.find("Link: </v2/_catalog?n=1&last=library/alpine>; rel=\"next\"\r\n"),
            std::string::npos);
  const Answer second = get("/v2/_catalog?n=1&last=library/alpine");
  EXPECT_EQ(second.text, R"({"repositories":["ghcr.io/a/b"]})");
  EXPECT_EQ(second.header.find("Link"), std::string::npos);
  EXPECT_EQ(get("/v2/b/tags/list?ns=ghcr.io").status, 404);
  EXPECT_EQ(get("/v2/a/b/tags/list?ns=ghcr.io").text, R"({"name":"a/b","tags":["1"]})");
  EXPECT_EQ(get("/v2/_catalog?n=0").text, R"({"repositories":[]})");
}

TEST_F(AnswerTest, NothingIsWritten) {
  for (const char* const target :
       {"/v2/a/blobs/uploads/", "/v2/a/manifests/1", "/v2/", "/elsewhere"}) {
    const Answer refused = answer(catalogue_, {Method::other, target, ""});
    EXPECT_EQ(refused.status, 405);
    EXPECT_NE(refused.header.find("Allow: GET, HEAD\r\n"), std::string::npos);
  }
}

TEST_F(AnswerTest, TheFirstCacheCounts) {
  const std::string before = get("/v2/alpine/manifests/latest").text;
  cache::Manifest other;
  other.layers = {{.diff_id = digest_of("other"), .tar_bytes = 5}};
  other.images = {image("three", {"alpine:latest", "alpine:edge"}, {digest_of("other")})};
  catalogue_.add(other);
  EXPECT_EQ(get("/v2/alpine/manifests/latest").text, before);
  EXPECT_EQ(get("/v2/alpine/manifests/edge").status, 200);
  EXPECT_EQ(get(blob("other")).body->content.cache, 1U);
}

TEST_F(AnswerTest, TheHeadSaysWhatFollows) {
  EXPECT_EQ(print_head(get("/v2/"), Afterwards::close),
            "HTTP/1.1 200 OK\r\nDocker-Distribution-Api-Version: registry/2.0\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
}

} // namespace
} // namespace dind::registry
