#include <blobs/layer_blob.hpp>

#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <base/base64.hpp>
#include <cache/reader.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <thread>

namespace dind::blobs {
namespace {

using test::fails_saying;
using test::ok;
using test::TarBuilder;

// Bytes [offset, offset + size) of a blob.
Result<std::string> read_range(LayerBlob& blob, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  bytes.resize(TRY(blob.read(offset, std::as_writable_bytes(std::span(bytes)))));
  return bytes;
}

Result<std::string> read_whole(LayerBlob& blob, std::size_t piece) {
  std::string all;
  for (;;) {
    const std::string next = TRY(read_range(blob, all.size(), piece));
    if (next.empty()) {
      return all;
    }
    all += next;
  }
}

std::string noise(std::size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
  return bytes;
}

// One of each kind, and more behind the end than the end needs.
std::string tar_of_all_kinds() {
  const std::string long_name = std::string(120, 'd') + "/" + std::string(150, 'n');
  TarBuilder tar;
  tar.directory("etc").file("etc/empty", "").file("etc/one", "1").file("etc/block", noise(512, 1));
  tar.file("etc/more", noise(513, 2)).hard_link("etc/again", "etc/more").symlink("link", "etc/one");
  tar.long_name(std::string(130, 'g')).file("cut", "named by GNU tar");
  tar.add({.name = "cut", .content = "named by PAX", .pax = {{"path", long_name}}});
  tar.add({.name = "GNUSparseFile.1/x",
           .content = "abcd",
           .pax = {{"GNU.sparse.size", "900000"},
                   {"GNU.sparse.numblocks", "2"},
                   {"GNU.sparse.map", "0,2,500000,2"},
                   {"GNU.sparse.name", "sparse"}}});
  tar.whiteout("etc/gone").opaque("opt").file("large", noise(1'500'000, 3));
  tar.pax({{"comment", "for all"}}, 'g').file("last", "the end");
  return tar.finish() + std::string(9000, '\0');
}

class LayerBlobTest : public testing::Test {
protected:
  Result<std::unique_ptr<LayerBlob>> open() const {
    return LayerBlob::open(cache_.dir().fd(), diff_id_, tar_.size());
  }
  std::string in_tree(const std::string& path) const {
    return cache::tree_dir(diff_id_) + "/" + path;
  }
  boost::filesystem::path path_in_tree(const std::string& path) const {
    return cache_.dir() / in_tree(path);
  }
  std::string tar_split() const { return cache_.dir().read(cache::tar_split_file(diff_id_)); }
  void replace_tar_split(std::string_view bytes) const {
    cache_.dir().write(cache::tar_split_file(diff_id_), bytes);
  }
  // All of the blob, read in order by a new one.
  Result<std::string> read_in_order() const {
    const auto blob = TRY(open());
    return read_whole(*blob, 100'000);
  }

  test::CacheBuilder cache_;
  const std::string tar_ = tar_of_all_kinds();
  const Digest diff_id_ = cache_.add_layer(tar_);
};

TEST_F(LayerBlobTest, IsTheTarWhateverThePieces) {
  for (const std::size_t piece : {1000U, 4096U, 131'072U, 10'000'000U}) {
    const auto blob = open();
    ASSERT_TRUE(ok(blob));
    const auto whole = read_whole(**blob, piece);
    ASSERT_TRUE(ok(whole));
    EXPECT_TRUE(*whole == tar_) << piece;
  }
}

TEST_F(LayerBlobTest, IsTheTarOfTheSequentialSource) {
  const std::string gzip = tar_split();
  archive::MemorySource source(gzip);
  const auto json = archive::decompress(source);
  ASSERT_TRUE(ok(json));
  const auto text = test::read_whole(*json->source);
  ASSERT_TRUE(ok(text));
  const Fd tree = sys::open_dir(path_in_tree("")).value();
  EXPECT_TRUE(read_in_order().value() == test::make_again(*text, tree).value());
}

TEST_F(LayerBlobTest, HasEveryRange) {
  const auto blob = open();
  ASSERT_TRUE(ok(blob));
  std::minstd_rand random(7);
  for (int i = 0; i < 10'000; ++i) {
    const std::size_t offset = random() % tar_.size();
    const std::size_t size = random() % (i % 100 == 0 ? 200'000 : 3000);
    const auto range = read_range(**blob, offset, size);
    ASSERT_TRUE(ok(range));
    ASSERT_TRUE(*range == tar_.substr(offset, size)) << offset << " " << size;
  }
}

TEST_F(LayerBlobTest, EndsWhereTheTarDoes) {
  const auto blob = open();
  ASSERT_TRUE(ok(blob));
  EXPECT_EQ(read_range(**blob, tar_.size() - 3, 10).value(), std::string(3, '\0'));
  EXPECT_EQ(read_range(**blob, tar_.size(), 10).value(), "");
  EXPECT_EQ(read_range(**blob, UINT64_MAX, 10).value(), "");
}

TEST_F(LayerBlobTest, IsReadByManyAtOnce) {
  const auto blob = open();
  ASSERT_TRUE(ok(blob));
  std::vector<std::jthread> readers;
  std::atomic<int> right = 0;
  for (std::size_t reader = 0; reader < 8; ++reader) {
    readers.emplace_back([&, reader] {
      const auto whole = read_whole(**blob, 1000 + 7777 * reader);
      right += whole && *whole == tar_ ? 1 : 0;
    });
  }
  readers.clear();
  EXPECT_EQ(right, 8);
}

TEST_F(LayerBlobTest, FailsWhereAFileIsNotWhatItWas) {
  const struct {
    const char* name;
    std::function<void()> change;
    const char* complaint;
  } kCases[] = {
      {"shorter", [&] { cache_.dir().write(in_tree("etc/more"), "short"); }, "5 bytes instead of"},
      {"longer", [&] { cache_.dir().write(in_tree("etc/more"), noise(514, 2)); }, "514 bytes inst"},
      {"other", [&] { cache_.dir().write(in_tree("etc/more"), noise(513, 4)); },
       "another checksum"},
      {"missing", [] {}, "No such file"},
      {"a symlink", [&] { boost::filesystem::create_symlink("../last", path_in_tree("etc/more")); },
       "Too many levels of symbolic links"},
      {"a fifo", [&] { ::mkfifo(path_in_tree("etc/more").c_str(), 0644); }, "not a regular file"},
      {"a directory", [&] { cache_.dir().make_dir(in_tree("etc/more")); }, "not a regular file"},
  };
  for (const auto& one : kCases) {
    boost::filesystem::remove_all(path_in_tree("etc/more"));
    one.change();
    const auto whole = read_in_order();
    EXPECT_TRUE(fails_saying(one.complaint, whole)) << one.name;
    EXPECT_TRUE(fails_saying("etc/more: ", whole)) << one.name;
  }
}

// A name may lead through a symlink of its layer (sys::open_within): the files are there, too.
TEST_F(LayerBlobTest, NoSymlinkLeadsOutOfTheTree) {
  const test::TempDir outside;
  boost::filesystem::rename(path_in_tree("etc"), outside / "etc");
  boost::filesystem::create_symlink(outside / "etc", path_in_tree("etc"));
  EXPECT_TRUE(fails_saying("etc/one: ", read_in_order()));
}

TEST_F(LayerBlobTest, NoticesAFileThatIsCutWhileItIsRead) {
  const auto blob = open();
  ASSERT_TRUE(ok(blob));
  const std::size_t large_at = tar_.find(noise(1000, 3));
  ASSERT_TRUE(ok(read_range(**blob, large_at, 1000)));
  ASSERT_EQ(::truncate(path_in_tree("large").c_str(), 500'000), 0);
  EXPECT_TRUE(ok(read_range(**blob, large_at + 1000, 1000)));
  EXPECT_TRUE(fails_saying("too early", read_range(**blob, large_at + 499'000, 2000)));
}

TEST_F(LayerBlobTest, IsOfNoUseOnceItFailed) {
  ::unlink(path_in_tree("last").c_str());
  const auto blob = open();
  ASSERT_TRUE(ok(blob));
  EXPECT_TRUE(ok(read_range(**blob, 0, 1000)));
  EXPECT_TRUE(fails_saying("last: ", read_whole(**blob, 100'000)));
  EXPECT_TRUE(fails_saying("last: ", read_range(**blob, 0, 1000)));
}

TEST_F(LayerBlobTest, NeedsATarSplitAndATree) {
  const std::string whole = tar_split();
  replace_tar_split(std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_TRUE(fails_saying("cut short", read_in_order()));
  replace_tar_split("{}");
  EXPECT_TRUE(fails_saying("damaged", read_in_order()));
  replace_tar_split("");
  EXPECT_TRUE(fails_saying("ends at byte 0 of", read_in_order()));
  ::unlink((cache_.dir() / cache::tar_split_file(diff_id_)).c_str());
  EXPECT_FALSE(open());
  replace_tar_split(whole);
  EXPECT_TRUE(ok(open()));
  boost::filesystem::remove_all(path_in_tree(""));
  EXPECT_FALSE(open());
}

TEST_F(LayerBlobTest, HoldsTheTarSplitAgainstTheSizeOfTheTar) {
  const auto longer = LayerBlob::open(cache_.dir().fd(), diff_id_, tar_.size() + 1);
  EXPECT_TRUE(fails_saying("ends at byte", read_range(**longer, tar_.size() - 10, 100)));
  const auto shorter = LayerBlob::open(cache_.dir().fd(), diff_id_, tar_.size() - 1);
  EXPECT_TRUE(fails_saying("can have", read_range(**shorter, tar_.size() - 10, 100)));
}

std::string compressed(std::string_view text) {
  archive::GzipWriter gzip;
  gzip.write(text);
  gzip.finish();
  return gzip.take();
}

std::string mutated(std::string bytes, std::minstd_rand& random) {
  for (unsigned changes = random() % 4 + 1; changes > 0 && !bytes.empty(); --changes) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 4) {
    case 0:
      bytes[at] = static_cast<char>(random());
      break;
    case 1:
      bytes.erase(at, random() % 100);
      break;
    case 2:
      bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 300));
      break;
    default:
      bytes[at] = "0123456789\"{}:,\n"[random() % 16];
    }
  }
  return bytes;
}

// What a damaged or hostile tar-split says is read or refused, and nothing else happens.
TEST_F(LayerBlobTest, SurvivesMutationsOfTheTarSplit) {
  const std::string gzip = tar_split();
  archive::MemorySource source(gzip);
  const std::string json = test::read_whole(*archive::decompress(source)->source).value();
  std::minstd_rand random(11);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    replace_tar_split(i % 3 == 0 ? mutated(gzip, random) : compressed(mutated(json, random)));
    const auto whole = read_in_order();
    EXPECT_TRUE(!whole || whole->size() == tar_.size());
    refused += whole ? 0 : 1;
    const auto blob = open();
    ASSERT_TRUE(ok(blob));
    std::ignore = read_range(**blob, random() % tar_.size(), 5000);
  }
  EXPECT_GT(refused, 0);
}

// So large a tar-split that checkpoints are laid, and most of them dropped again: 100 MB of it,
// for a tar of segments that say where they are.
class LargeLayerBlobTest : public testing::Test {
protected:
  static constexpr std::size_t kSegment = 8192;
  static constexpr std::size_t kSegments = 9000;

  void SetUp() override {
    cache_.make_dir(cache::tree_dir(diff_id_));
    archive::GzipWriter gzip;
    for (std::size_t i = 0; i < kSegments; ++i) {
      gzip.write(fmt::format("{{\"type\":2,\"payload\":\"{}\",\"position\":{}}}\n",
                             base64_encode(segment(i)), i));
    }
    gzip.finish();
    cache_.write(cache::tar_split_file(diff_id_), gzip.take());
  }

  static std::string segment(std::size_t at) {
    const std::string place = fmt::format("{:8}", at);
    std::string text;
    while (text.size() < kSegment) {
      text += place;
    }
    return text;
  }

  static std::string range(std::size_t offset, std::size_t size) {
    std::string bytes;
    for (std::size_t at = offset / kSegment; bytes.size() < offset % kSegment + size; ++at) {
      bytes += segment(at);
    }
    return bytes.substr(offset % kSegment, size);
  }

  const test::TempDir cache_;
  const Digest diff_id_ = archive::sha256_of("large");
};

TEST_F(LargeLayerBlobTest, HasEveryRange) {
  const std::size_t bytes = kSegment * kSegments;
  const auto blob = LayerBlob::open(cache_.fd(), diff_id_, bytes);
  ASSERT_TRUE(ok(blob));
  std::minstd_rand random(5);
  for (int i = 0; i < 100; ++i) {
    const std::size_t offset = i == 0 ? bytes - 5000 : random() % (bytes - 5000);
    const auto found = read_range(**blob, offset, 5000);
    ASSERT_TRUE(ok(found));
    ASSERT_TRUE(*found == range(offset, 5000)) << offset;
  }
}

} // namespace
} // namespace dind::blobs
