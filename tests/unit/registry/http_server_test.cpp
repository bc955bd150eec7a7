#include <registry/http_server.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <support/served_cache.hpp>
#include <support/tar_builder.hpp>

#include <boost/filesystem/operations.hpp>

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace dind::registry {
namespace {

using test::Reply;
using test::TarBuilder;

// In KiB. A sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kMostMemory = 256U << 10U;
#else
constexpr std::size_t kMostMemory = 32U << 10U;
#endif

std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1'664'525 + 1'013'904'223;
    byte = static_cast<char>(state >> 24U);
  }
  return bytes;
}

class HttpServerTest : public test::ServedCacheTest {
protected:
  HttpServerTest() {
    TarBuilder tar;
    tar.directory("d").file("d/small", "small").file("large", noise(3'000'000)).file("z", "end");
    tar_ = tar.finish();
    diff_id_ = cache_.add_layer(tar_);
    image_ = cache_.add_image("alpine:3.20", {*diff_id_});
    cache_.finish();
  }
  std::string blob() const { return "/v2/library/alpine/blobs/" + diff_id_->text(); }

  std::string tar_;
  std::optional<Digest> diff_id_;
  std::optional<Digest> image_;
};

TEST_F(HttpServerTest, AnImageIsPulled) {
  serve();
  EXPECT_EQ(get("/v2/").status, 200);
  const Reply manifest = get("/v2/library/alpine/manifests/3.20");
  ASSERT_EQ(manifest.status, 200);
  const auto document = json::parse(manifest.body).value();
  const std::string config(document.at("config").at("digest").as_string());
  EXPECT_EQ(config, image_->text());
  EXPECT_EQ(archive::sha256_of(get("/v2/alpine/blobs/" + config).body), *image_);
  const std::string layer(document.at("layers").at(0).at("digest").as_string());
  const Reply whole = get("/v2/alpine/blobs/" + layer);
  EXPECT_TRUE(whole.is_whole);
  EXPECT_TRUE(whole.body == tar_);
  const std::string digest = archive::sha256_of(manifest.body).text();
  EXPECT_EQ(get("/v2/alpine/manifests/" + digest).body, manifest.body);
}

// An image whose compressed layers are carried is served as its registry would.
TEST_F(HttpServerTest, AnImageIsPulledAsItCame) {
  cache_.came_from_registry(*image_, test::CacheBuilder::Compressed::carried);
  cache_.finish();
  serve();
  const cache::Image& image = cache_.manifest().images.at(0);
  const Reply by_tag = get("/v2/library/alpine/manifests/3.20");
  EXPECT_EQ(archive::sha256_of(by_tag.body), image.index);
  EXPECT_NE(by_tag.head.find("application/vnd.oci.image.index.v1+json"), std::string::npos);
  const Reply manifest = get("/v2/library/alpine/manifests/" + image.manifest->text());
  EXPECT_EQ(archive::sha256_of(manifest.body), image.manifest);
  const Digest& blob = cache_.manifest().layers.at(0).blobs.at(0).digest;
  EXPECT_NE(manifest.body.find(blob.text()), std::string::npos);
  EXPECT_EQ(archive::sha256_of(get("/v2/library/alpine/blobs/" + blob.text()).body), blob);
}

// Its tag leads to blobs that are here, and its own digest to what is known of it.
TEST_F(HttpServerTest, AnImageWhoseBlobsAreLeftOutIsMadeByItsTag) {
  cache_.came_from_registry(*image_, test::CacheBuilder::Compressed::left_out);
  cache_.finish();
  serve();
  const cache::Image& image = cache_.manifest().images.at(0);
  EXPECT_NE(get("/v2/library/alpine/manifests/3.20").body.find(diff_id_->text()),
            std::string::npos);
  const Reply original = get("/v2/library/alpine/manifests/" + image.index->text());
  EXPECT_EQ(archive::sha256_of(original.body), image.index);
  const Digest& blob = cache_.manifest().layers.at(0).blobs.at(0).digest;
  EXPECT_EQ(get("/v2/library/alpine/blobs/" + blob.text()).status, 404);
}

TEST_F(HttpServerTest, APartIsThePart) {
  serve();
  const Reply part = get(blob(), "Range: bytes=1000000-1999999\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_TRUE(part.body == tar_.substr(1'000'000, 1'000'000));
  EXPECT_TRUE(get(blob(), "Range: bytes=-5\r\n").body == tar_.substr(tar_.size() - 5));
  EXPECT_EQ(get(blob(), "Range: bytes=99999999-\r\n").status, 416);
  for (const char* const header :
       {"Range: bytes=5-2\r\n", "Range: bytes=0-1,3-4\r\n", "Range: bytes=0-1\r\nIf-Range: x\r\n",
        "Range: bytes=0-1\r\nRange: bytes=2-3\r\n"}) {
    const Reply whole = get(blob(), header);
    EXPECT_EQ(whole.status, 200) << header;
    EXPECT_TRUE(whole.body == tar_) << header;
  }
}

TEST_F(HttpServerTest, AConnectionServesOneRequestAfterTheOther) {
  serve();
  const Fd fd = connect();
  send(fd, "HEAD " + blob() +
               " HTTP/1.1\r\nHost: x\r\n\r\n"
               "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
               "GET /v2/_catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::string all = receive_all(fd);
  EXPECT_NE(all.find("Content-Length: " + std::to_string(tar_.size()) + "\r\n\r\nHTTP/1.1 200"),
            std::string::npos);
  EXPECT_TRUE(all.ends_with(R"({"repositories":["library/alpine"]})"));
}

TEST_F(HttpServerTest, WhatIsMissedIsListed) {
  serve();
  EXPECT_EQ(get("/v2/library/busybox/manifests/1").status, 404);
  EXPECT_EQ(missed_.read("missed"), "busybox:1\n");
}

// All that come within a second are told at once.
TEST_F(HttpServerTest, HitsAndMissesAreCounted) {
  serve();
  EXPECT_EQ(get("/v2/alpine/manifests/3.20").status, 200);
  EXPECT_EQ(get("/v2/alpine/manifests/3.21").status, 404);
  EXPECT_EQ(get("/v2/alpine/manifests/3.21").status, 404);
  EXPECT_EQ(get("/v2/").status, 200);
  EXPECT_EQ(get(blob()).status, 200);
  const Counts expected = {.hits = 1, .misses = 2};
  Counts heard;
  while (heard.hits + heard.misses < 3) {
    pollfd waiting{tally_.readable().get(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 60'000), 1);
    const Counts more = tally_.receive();
    heard = {heard.hits + more.hits, heard.misses + more.misses};
  }
  EXPECT_EQ(heard, expected);
}

// A damaged layer's client sees that it has not got all.
TEST_F(HttpServerTest, DamageIsNeverServedWhole) {
  const std::string path = cache::tree_dir(*diff_id_) + "/d/small";
  cache_.dir().write(path, "other");
  serve();
  const Reply layer = get(blob());
  EXPECT_FALSE(layer.is_whole);
  boost::filesystem::remove(cache_.dir() / cache::config_file(*image_));
  const Reply config = get("/v2/alpine/blobs/" + image_->text());
  EXPECT_FALSE(config.is_whole);
  EXPECT_EQ(config.body, "");
  EXPECT_EQ(get("/v2/").status, 200);
}

TEST_F(HttpServerTest, AFileThatHasOtherBytesIsCutBeforeItsLast) {
  std::string config = cache_.dir().read(cache::config_file(*image_));
  config.back() = ' ';
  cache_.dir().write(cache::config_file(*image_), config);
  serve();
  EXPECT_FALSE(get("/v2/alpine/blobs/" + image_->text()).is_whole);
}

TEST_F(HttpServerTest, ManyPullAtOnce) {
  serve();
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> clients;
  for (int client = 0; client < 200; ++client) {
    clients.emplace_back([&] { wrong += get(blob()).body == tar_ ? 0 : 1; });
  }
  clients.clear();
  EXPECT_EQ(wrong, 0);
  EXPECT_LE(grown(), kMostMemory);
}

// More of them than may read from the cache at a time.
TEST_F(HttpServerTest, ClientsThatTakeNothingHoldNoOtherUp) {
  serve();
  std::vector<Fd> slow;
  for (int client = 0; client < 40; ++client) {
    Fd fd = connect();
    set_buffer(fd, 4096);
    send(fd, "GET " + blob() + " HTTP/1.1\r\nHost: x\r\n\r\n");
    slow.push_back(std::move(fd));
  }
  for (const Fd& fd : slow) { // they have been answered, and stand
    char byte = 0;
    EXPECT_EQ(::recv(fd.get(), &byte, 1, MSG_PEEK), 1);
  }
  EXPECT_TRUE(get(blob()).body == tar_);
  const Fd last = std::move(slow.back());
  set_buffer(last, 1 << 20);
  ::shutdown(last.get(), SHUT_WR);
  EXPECT_TRUE(parse(receive_all(last)).body == tar_) << "a slow one gets all, too";
}

class HostileRequestTest : public HttpServerTest {};

// None has anything but an error, and the next client is served.
TEST_F(HostileRequestTest, IsRefused) {
  serve();
  const std::string name(1000, 'a');
  const std::string digest = diff_id_->text();
  const auto wrapped = [](const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  };
  std::vector<std::string> requests;
  for (const std::string& target : {std::string("/v2/../../etc/passwd"),
                                    std::string("/v2/%2e%2e/%2e%2e/etc/passwd"),
                                    std::string("/v2/..%2f..%2fetc/manifests/1"),
                                    std::string("/v2/../manifests/1"),
                                    std::string("/v2/a/../b/manifests/1"),
                                    std::string("/v2/a/manifests/.."),
                                    std::string("/v2/a/manifests/../../../cache.json"),
                                    std::string("/v2/a/blobs/../../cache.json"),
                                    std::string("/v2/a/blobs/.."),
                                    std::string("/v2/a/blobs/sha256:../../cache.json"),
                                    "/v2/a/blobs/" + digest + "/../../cache.json",
                                    "/v2/a/blobs/" + digest + "%00",
                                    "/v2/a/blobs/" + digest + "%2f",
                                    "/v2/a/blobs/" + digest + "a",
                                    "/v2/a/blobs/" + digest.substr(0, 70),
                                    std::string("/v2/a/blobs/sha256:"),
                                    "/v2/a/blobs/SHA256:" + digest.substr(7),
                                    "/v2/a/blobs/sha512:" + digest.substr(7),
                                    "/v2/a/blobs/" + digest.substr(7),
                                    "/v2//blobs/" + digest,
                                    "/v2/ALPINE/blobs/" + digest,
                                    "/v2/a%2fb/blobs/" + digest,
                                    "/v2/./blobs/" + digest,
                                    "/v2/a//b/blobs/" + digest,
                                    "/v2/a:1/blobs/" + digest,
                                    "/v2/a@b/blobs/" + digest,
                                    "/v2/" + name + "/blobs/" + digest,
                                    "/v2/a/manifests/" + digest,
                                    "/v2/a/manifests/" + name,
                                    std::string("/v2/a/manifests/"),
                                    std::string("/v2/a/manifests/a%20b"),
                                    std::string("/v2/a/manifests/@"),
                                    std::string("/v2/a/manifests/:"),
                                    std::string("//v2/"),
                                    std::string("/V2/"),
                                    std::string("/v2/a/blobs/uploads/"),
                                    std::string("/v2/_catalog?n=-5"),
                                    std::string("/v2/a/tags/list?n=1e9"),
                                    std::string("/v2/x/manifests/1?ns=../../etc"),
                                    std::string("/v2/x/manifests/1?ns=a%0d%0aSet-Cookie:b"),
                                    std::string("/etc/passwd"),
                                    std::string("http://127.0.0.1/v2/"),
                                    std::string("*"),
                                    std::string("file:///etc/passwd"),
                                    std::string("/v2/_catalog/../../etc"),
                                    std::string("/v2/" + name + "/" + name)}) {
    requests.push_back(wrapped(target));
  }
  const std::string get = "GET /v2/ HTTP/1.1\r\n";
  const std::string host = "Host: x\r\n";
  requests.insert(requests.end(),
                  {get + "\r\n",               // no host
                   get + host + host + "\r\n", // two
                   get + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   get + host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
                   get + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
                   get + host + "Content-Length: -1\r\n\r\n",
                   get + host + "Content-Length: 99999999999999999999\r\n\r\n",
                   get + host + "Content-Length : 5\r\n\r\n",
                   get + host + "X: " + std::string(20'000, 'x') + "\r\n\r\n",
                   get + std::string(3000, '\n') + "\r\n",
                   "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n",
                   "GET /v2/ HTTP/9.9\r\n" + host + "\r\n",
                   "GET /v2/\r\n\r\n",
                   "GET  HTTP/1.1\r\n\r\n",
                   std::string("\0\0\0\0\r\n\r\n", 8),
                   "\x16\x03\x01\x02 a TLS hello\r\n\r\n",
                   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                   "CONNECT evil:80 HTTP/1.1\r\n" + host + "\r\n",
                   "PUT /v2/a/manifests/1 HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n{}",
                   "POST /v2/a/blobs/uploads/ HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n",
                   "DELETE /v2/a/blobs/" + digest + " HTTP/1.1\r\n" + host + "\r\n"});
  EXPECT_GE(requests.size(), 60U);
  for (const std::string& request : requests) {
    const Reply reply = exchange(request);
    // One that is not even understood may be hung up on.
    EXPECT_TRUE(reply.status == 0 || reply.status >= 400)
        << reply.status << " to " << request.substr(0, 120);
    EXPECT_EQ(reply.body.find("root:"), std::string::npos) << request.substr(0, 120);
    EXPECT_EQ(reply.head.find("Set-Cookie"), std::string::npos);
  }
  EXPECT_EQ(HttpServerTest::get("/v2/").status, 200);
  EXPECT_LE(grown(), kMostMemory);
}

// What follows a request with a body is not taken for another request.
TEST_F(HostileRequestTest, ABodyIsNotARequest) {
  serve();
  const Fd fd = connect();
  send(fd, "GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
           "GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(receive_all(fd).find("repositories"), std::string::npos);
}

// Its coding is not known, so that it is not known where it ends.
TEST_F(HostileRequestTest, ABodyInAnotherCodingIsNotARequest) {
  serve();
  for (const char* const coding : {"gzip", "identity", "chunked, gzip", "xchunked"}) {
    const Fd fd = connect();
    send(fd, std::string("GET /v2/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ") + coding +
                 "\r\n\r\nGET /v2/_catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(receive_all(fd).find("repositories"), std::string::npos) << coding;
  }
}

// More of them than are taken at a time: in their turn all of them go.
TEST_F(HostileRequestTest, SilentClientsKeepNoOtherOut) {
  serve();
  std::vector<Fd> silent;
  for (int client = 0; client < 700; ++client) {
    silent.push_back(connect());
  }
  const Fd fd = connect();
  const timeval patience{25, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  send(fd, "GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(parse(receive_all(fd)).status, 200);
}

// Half a request, and silence: others are served meanwhile.
TEST_F(HostileRequestTest, HalfARequestHoldsNoOtherUp) {
  serve();
  std::vector<Fd> halves;
  for (int client = 0; client < 100; ++client) {
    halves.push_back(connect());
    send(halves.back(), "GET /v2/ HT");
  }
  EXPECT_EQ(get("/v2/").status, 200);
}

} // namespace
} // namespace dind::registry
