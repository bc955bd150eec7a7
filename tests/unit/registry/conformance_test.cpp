#include <registry/http_server.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <support/served_cache.hpp>
#include <support/tar_builder.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

// What the distribution specification, 1.1, asks of a registry that is only pulled from, and
// RFC 9110 of its ranges.

namespace dind::registry {
namespace {

using test::Reply;
using test::TarBuilder;

constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kBytes = "application/octet-stream";

// "" where it is not there.
std::string header_of(const Reply& reply, const std::string& name) {
  const std::string line = "\r\n" + name + ": ";
  const std::size_t at = reply.head.find(line);
  const std::size_t begin = at + line.size();
  return at == std::string::npos ? ""
                                 : reply.head.substr(begin, reply.head.find("\r\n", begin) - begin);
}

std::string code_of(const Reply& reply) {
  const auto body = json::parse(reply.body);
  return body ? std::string(body->at("errors").at(0).at("code").as_string()) : "no JSON";
}

std::vector<std::string> tags_of(const Reply& reply) {
  const auto body = json::parse(reply.body).value();
  std::vector<std::string> tags;
  for (const json::value& tag : body.at("tags").as_array()) {
    tags.emplace_back(tag.as_string());
  }
  return tags;
}

// An image that is served by a made manifest, and one that is served as it came.
class ConformanceTest : public test::ServedCacheTest {
protected:
  using Names = std::vector<std::string>;

  ConformanceTest() {
    tar_ = TarBuilder().file("small", "small").file("large", std::string(200'000, 'x')).finish();
    layer_ = cache_.add_layer(tar_);
    made_ = cache_.add_image("alpine:3.20", {*layer_});
    for (const char* const tag : {"latest", "edge", "Edge", "Alpha"}) {
      cache_.manifest().images[0].names.push_back(std::string("alpine:") + tag);
    }
    const Digest other = cache_.add_layer(TarBuilder().file("a", "a").finish());
    const Digest came = cache_.add_image("ghcr.io/a/app:1", {other});
    cache_.came_from_registry(came, test::CacheBuilder::Compressed::carried);
    index_ = cache_.manifest().images[1].index;
    manifest_ = cache_.manifest().images[1].manifest;
    blob_ = cache_.manifest().layers[1].blobs.at(0).digest;
    cache_.finish();
  }

  Reply ask(const std::string& method, const std::string& target,
            const std::string& more = "") const {
    return exchange(method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + more +
                    "\r\n");
  }

  std::string tar_;
  std::optional<Digest> layer_; // of the made image, whose configuration is `made_`
  std::optional<Digest> made_;
  std::optional<Digest> index_; // of the other image
  std::optional<Digest> manifest_;
  std::optional<Digest> blob_;
};

// GET gives the bytes of the digest that the header has, with their length and type, and HEAD the
// same without the bytes.
TEST_F(ConformanceTest, WhatIsThereIsFoundByGetAndByHead) {
  serve();
  const Digest made_manifest = archive::sha256_of(get("/v2/alpine/manifests/3.20").body);
  const struct {
    std::string target;
    Digest digest;
    const char* type;
  } cases[] = {
      {"/v2/alpine/manifests/3.20", made_manifest, kDockerManifest},
      {"/v2/library/alpine/manifests/latest", made_manifest, kDockerManifest},
      {"/v2/alpine/manifests/" + made_manifest.text(), made_manifest, kDockerManifest},
      {"/v2/alpine/manifests/3.20?ns=docker.io", made_manifest, kDockerManifest},
      {"/v2/alpine/blobs/" + made_->text(), *made_, kBytes},
      {"/v2/alpine/blobs/" + layer_->text(), *layer_, kBytes},
      {"/v2/a/app/manifests/1?ns=ghcr.io", *index_, kOciIndex},
      {"/v2/ghcr.io/a/app/manifests/1", *index_, kOciIndex},
      {"/v2/a/app/manifests/" + index_->text() + "?ns=ghcr.io", *index_, kOciIndex},
      {"/v2/a/app/manifests/" + manifest_->text() + "?ns=ghcr.io", *manifest_, kOciManifest},
      {"/v2/a/app/blobs/" + blob_->text() + "?ns=ghcr.io", *blob_, kBytes},
  };
  for (const auto& one : cases) {
    const Reply got = ask("GET", one.target);
    EXPECT_EQ(got.status, 200) << one.target;
    EXPECT_TRUE(got.is_whole) << one.target;
    EXPECT_EQ(archive::sha256_of(got.body), one.digest) << one.target;
    EXPECT_EQ(header_of(got, "Docker-Content-Digest"), one.digest.text()) << one.target;
    EXPECT_EQ(header_of(got, "Content-Type"), one.type) << one.target;
    EXPECT_EQ(header_of(got, "Docker-Distribution-Api-Version"), "registry/2.0");
    const Reply head = ask("HEAD", one.target);
    EXPECT_EQ(head.head, got.head) << one.target;
    EXPECT_EQ(head.body, "") << one.target;
  }
}

// A client says which types it knows, and is told which one there is.
TEST_F(ConformanceTest, AManifestHasItsTypeWhateverIsAccepted) {
  serve();
  for (const std::string& accepted :
       {std::string("*/*"), std::string(kOciIndex), std::string(kOciManifest),
        std::string(kDockerManifest) + ", " + kOciIndex + ";q=0.5", std::string("text/html")}) {
    const std::string header = "Accept: " + accepted + "\r\n";
    const Reply made = ask("GET", "/v2/alpine/manifests/3.20", header);
    EXPECT_EQ(made.status, 200) << accepted;
    EXPECT_EQ(header_of(made, "Content-Type"), kDockerManifest) << accepted;
    const Reply index = ask("GET", "/v2/ghcr.io/a/app/manifests/1", header);
    EXPECT_EQ(archive::sha256_of(index.body), *index_) << accepted;
    EXPECT_EQ(header_of(index, "Content-Type"), kOciIndex) << accepted;
  }
}

TEST_F(ConformanceTest, WhatIsRefusedHasTheSpecificationsCode) {
  serve();
  const std::string absent = archive::sha256_of("absent").text();
  const struct {
    const char* method;
    std::string target;
    int status;
    const char* code;
  } cases[] = {
      {"GET", "/v2/alpine/manifests/absent", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/alpine/manifests/" + absent, 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/alpine/manifests/.INVALID_MANIFEST_NAME", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/alpine/manifests/" + layer_->text(), 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/alpine/manifests/3.20?ns=ghcr.io", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/absent/manifests/1", 404, "MANIFEST_UNKNOWN"},
      {"GET", "/v2/alpine/blobs/" + absent, 404, "BLOB_UNKNOWN"},
      {"GET", "/v2/absent/tags/list", 404, "NAME_UNKNOWN"},
      {"GET", "/v2/alpine/tags/list?n=few", 400, "UNSUPPORTED"},
      {"GET", "/v2/ALPINE/manifests/1", 400, "NAME_INVALID"},
      {"GET", "/v2/alpine/blobs/sha256:abc", 400, "DIGEST_INVALID"},
      // Referrers: a registry that does not know them says so, and clients look for a tag.
      {"GET", "/v2/alpine/referrers/" + made_->text(), 404, "UNSUPPORTED"},
      {"GET", "/v2/alpine/referrers/" + absent + "?artifactType=a", 404, "UNSUPPORTED"},
      // What pushes, mounts and deletes.
      {"POST", "/v2/alpine/blobs/uploads/", 405, "UNSUPPORTED"},
      {"POST", "/v2/alpine/blobs/uploads/?mount=" + layer_->text() + "&from=a", 405, "UNSUPPORTED"},
      {"PATCH", "/v2/alpine/blobs/uploads/1", 405, "UNSUPPORTED"},
      {"PUT", "/v2/alpine/blobs/uploads/1?digest=" + absent, 405, "UNSUPPORTED"},
      {"PUT", "/v2/alpine/manifests/new", 405, "UNSUPPORTED"},
      {"DELETE", "/v2/alpine/manifests/3.20", 405, "UNSUPPORTED"},
      {"DELETE", "/v2/alpine/blobs/" + layer_->text(), 405, "UNSUPPORTED"},
  };
  for (const auto& one : cases) {
    const Reply refused = ask(one.method, one.target);
    EXPECT_EQ(refused.status, one.status) << one.method << " " << one.target;
    EXPECT_EQ(code_of(refused), one.code) << one.method << " " << one.target;
    EXPECT_EQ(header_of(refused, "Content-Type"), "application/json");
    EXPECT_TRUE(refused.is_whole);
    if (std::string(one.method) == "GET") {
      const Reply head = ask("HEAD", one.target);
      EXPECT_EQ(head.status, one.status) << one.target;
      EXPECT_EQ(head.body, "") << one.target;
    }
  }
}

TEST_F(ConformanceTest, ABlobIsSentInPartsByGetAlone) {
  serve();
  const std::string target = "/v2/alpine/blobs/" + layer_->text();
  const std::string size = std::to_string(tar_.size());
  const struct {
    std::string range;
    int status;
    std::string content_range;
    std::string body;
  } cases[] = {
      {"bytes=0-0", 206, "bytes 0-0/" + size, tar_.substr(0, 1)},
      {"bytes=100-70000", 206, "bytes 100-70000/" + size, tar_.substr(100, 69'901)},
      {"bytes=150000-", 206, "bytes 150000-" + std::to_string(tar_.size() - 1) + "/" + size,
       tar_.substr(150'000)},
      {"bytes=1-99999999", 206, "bytes 1-" + std::to_string(tar_.size() - 1) + "/" + size,
       tar_.substr(1)},
      {"bytes=-512", 206,
       "bytes " + std::to_string(tar_.size() - 512) + "-" + std::to_string(tar_.size() - 1) + "/" +
           size,
       tar_.substr(tar_.size() - 512)},
      {"bytes=" + size + "-", 416, "bytes */" + size, ""},
      {"bytes=-0", 416, "bytes */" + size, ""},
      // Not understood, or several: the whole, as RFC 9110 has it.
      {"bytes=9-1", 200, "", tar_},
      {"bytes=0-1,4-5", 200, "", tar_},
      {"items=0-1", 200, "", tar_},
  };
  for (const auto& one : cases) {
    const std::string header = "Range: " + one.range + "\r\n";
    const Reply got = ask("GET", target, header);
    EXPECT_EQ(got.status, one.status) << one.range;
    EXPECT_EQ(header_of(got, "Content-Range"), one.content_range) << one.range;
    EXPECT_TRUE(got.is_whole) << one.range;
    if (one.status != 416) {
      EXPECT_TRUE(got.body == one.body) << one.range;
      EXPECT_EQ(header_of(got, "Docker-Content-Digest"), layer_->text()) << "of the whole";
    }
    const Reply head = ask("HEAD", target, header);
    EXPECT_EQ(head.status, 200) << one.range;
    EXPECT_EQ(header_of(head, "Content-Length"), size) << one.range;
    EXPECT_EQ(header_of(head, "Accept-Ranges"), "bytes");
  }
}

// In lexical order, "i.e. case-insensitive alphanumeric order".
TEST_F(ConformanceTest, TagsAreListedInOrderAndInPages) {
  serve();
  const std::string list = "/v2/library/alpine/tags/list";
  const Names all = {"3.20", "Alpha", "Edge", "edge", "latest"};
  const struct {
    const char* query;
    Names tags;
    bool has_more;
  } cases[] = {
      {"", all, false},
      {"?n=100", all, false},
      {"?n=5", all, false},
      {"?n=2", {"3.20", "Alpha"}, true},
      {"?n=0", {}, false},
      {"?last=Alpha", {"Edge", "edge", "latest"}, false},
      {"?n=1&last=Edge", {"edge"}, true},
      {"?last=alpha-2", {"Edge", "edge", "latest"}, false}, // need not be a tag that is there
      {"?last=latest", {}, false},
      {"?n=2&last=zzz", {}, false},
  };
  for (const auto& one : cases) {
    const Reply page = get(list + one.query);
    EXPECT_EQ(page.status, 200) << one.query;
    EXPECT_EQ(header_of(page, "Content-Type"), "application/json");
    EXPECT_EQ(json::parse(page.body).value().at("name"), "library/alpine");
    EXPECT_EQ(tags_of(page), one.tags) << one.query;
    EXPECT_EQ(header_of(page, "Link") != "", one.has_more) << one.query;
  }
  Names followed;
  for (std::string next = list + "?n=2"; !next.empty();) {
    const Reply page = get(next);
    for (const std::string& tag : tags_of(page)) {
      followed.push_back(tag);
    }
    const std::string link = header_of(page, "Link");
    EXPECT_TRUE(link.empty() || link.ends_with(">; rel=\"next\"")) << link;
    next = link.substr(std::min<std::size_t>(1, link.size()), link.find('>') - 1);
    ASSERT_LE(followed.size(), all.size());
  }
  EXPECT_EQ(followed, all);
}

TEST_F(ConformanceTest, TheVersionIsKnown) {
  serve();
  for (const char* const method : {"GET", "HEAD"}) {
    const Reply version = ask(method, "/v2/");
    EXPECT_EQ(version.status, 200);
    EXPECT_EQ(header_of(version, "Docker-Distribution-Api-Version"), "registry/2.0");
  }
}

} // namespace
} // namespace dind::registry
