#include <seed/load_stream.hpp>

#include <archive/sha256.hpp>
#include <cache/reader.hpp>
#include <support/cache_builder.hpp>
#include <support/expect.hpp>
#include <support/image_builder.hpp>
#include <support/layer.hpp>
#include <support/tar_builder.hpp>
#include <images/docker_archive.hpp>
#include <images/image_config.hpp>

#include <gtest/gtest.h>

#include <fstream>

namespace dind::seed {
namespace {

using test::fails_saying;
using test::ok;
using test::TarBuilder;

const std::string kBase =
    TarBuilder().directory("etc").file("etc/kept", "kept").file("etc/gone", "gone").finish();
const std::string kTop = TarBuilder()
                             .directory("etc")
                             .whiteout("etc/gone")
                             .file("etc/new", std::string(600'000, 'n'))
                             .finish();

// A cache of one image, of the base, a layer on top, and the base once more.
class LoadStreamTest : public testing::Test {
protected:
  LoadStreamTest() {
    const test::ImageSpec spec{"app:1", {kBase, kTop, kBase}, images::host_platform().substr(6)};
    base_ = builder_.add_layer(kBase);
    top_ = builder_.add_layer(kTop, {"etc/gone"});
    builder_.add_image(spec.name, {base_, top_, base_}, spec.config());
    builder_.finish();
    cache_ = cache::Cache::open(builder_.dir().path()).value();
  }

  const cache::Image& image() const { return cache_->manifest().images.front(); }

  Result<std::string> stream(std::set<Digest> held = {}) const {
    const LoadRequest request{*cache_, image(), {"app:1", "b/app:2"}, std::move(held)};
    const auto source = TRY(open_load_stream(request));
    return test::read_whole(*source);
  }

  static Result<std::vector<std::string>> names_in(const std::string& tar) {
    const auto members = TRY(test::members_of(tar));
    std::vector<std::string> names;
    for (const archive::TarEntry& member : members) {
      names.push_back(member.name);
    }
    return names;
  }

  test::CacheBuilder builder_;
  Digest base_ = archive::sha256_of("");
  Digest top_ = base_;
  std::optional<cache::Cache> cache_;
};

TEST_F(LoadStreamTest, IsAnArchiveWhoseLayersHashToTheirDiffIds) {
  const auto tar = stream();
  ASSERT_TRUE(ok(tar));
  const auto path = builder_.dir().write("a.tar", *tar);
  auto fd = std::make_shared<const Fd>(sys::open_path(path, O_RDONLY).value());
  auto bundle = images::index_tar(std::move(fd), 0);
  ASSERT_TRUE(ok(bundle));
  const auto content = images::read_docker_archive(std::move(*bundle), "");
  ASSERT_TRUE(ok(content));
  ASSERT_TRUE(content->refused.empty());
  ASSERT_EQ(content->images.size(), 1U);
  const images::SourceImage& read = content->images.front();
  EXPECT_EQ(read.image.id, image().id);
  EXPECT_EQ(read.image.names, (std::vector<std::string>{"app:1", "b/app:2"}));
  EXPECT_EQ(read.image.layers, image().layers);
  ASSERT_EQ(read.layers.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto layer = read.layers[i].bundle->read_document(read.layers[i].file);
    ASSERT_TRUE(ok(layer));
    EXPECT_EQ(archive::sha256_of(*layer), image().layers[i]);
  }
}

TEST_F(LoadStreamTest, CarriesALayerOnceThatAnImageHasTwice) {
  const auto tar = stream();
  ASSERT_TRUE(ok(tar));
  const auto names = names_in(*tar);
  ASSERT_TRUE(ok(names));
  EXPECT_EQ(*names,
            (std::vector<std::string>{"manifest.json", image().id.hex() + ".json",
                                      base_.hex() + "/layer.tar", top_.hex() + "/layer.tar"}));
}

TEST_F(LoadStreamTest, LeavesOutWhatTheEngineHoldsAtThatPlaceOfTheChain) {
  const auto chain = cache::chain_ids(image().layers);
  const auto tar = stream({chain[0], chain[1]});
  ASSERT_TRUE(ok(tar));
  const auto names = names_in(*tar);
  ASSERT_TRUE(ok(names));
  // The base is held as the lowest layer, and not as the highest.
  EXPECT_EQ(names->size(), 3U);
  EXPECT_EQ(names->back(), base_.hex() + "/layer.tar");
  const auto documents = names_in(stream({chain[0], chain[1], chain[2]}).value());
  ASSERT_TRUE(ok(documents));
  EXPECT_EQ(documents->size(), 2U);
}

TEST_F(LoadStreamTest, EndsWithAnErrorAtAByteThatWasChanged) {
  const auto file = builder_.dir() / (cache::tree_dir(top_) + "/etc/new");
  std::fstream(file.native(), std::ios::in | std::ios::out).seekp(500'000).put('x');
  EXPECT_TRUE(fails_saying("etc/new", stream()));
}

TEST_F(LoadStreamTest, EndsWithAnErrorAtMetadataThatWasChanged) {
  // A tar-split that makes a tar, only not this layer's.
  const test::TempDir other;
  test::RecordingMarks marks;
  const std::string forged = TarBuilder()
                                 .directory("etc")
                                 .file("etc/kept", "kept", 0777)
                                 .file("etc/gone", "gone")
                                 .finish();
  ASSERT_EQ(forged.size(), kBase.size());
  const auto split = test::unpack(forged, other.fd(), marks);
  ASSERT_TRUE(ok(split));
  builder_.dir().write(cache::tar_split_file(base_), *split);
  EXPECT_TRUE(fails_saying("does not hash to its diff ID", stream()));
}

TEST_F(LoadStreamTest, NeedsAFileThatIsMissing) {
  sys::unlink_at({sys::open_dir(builder_.dir() / (cache::tree_dir(base_) + "/etc")).value(),
                  std::string("kept")})
      .value();
  EXPECT_TRUE(test::fails_with(ENOENT, stream()));
}

} // namespace
} // namespace dind::seed
