#include <containerd/image_names.hpp>

#include <support/digest.hpp>

#include <gtest/gtest.h>

#include <string>

namespace dind::containerd {
namespace {

using test::digest;

const std::string kNumbered = kContentLabel; // and a number

// A manifest, its unpacked configuration and a layer.
State state_of(const std::string& config_label, const std::string& layer_label) {
  State state;
  state.blobs[digest('a')].labels = {{config_label, digest('b').text()},
                                     {layer_label, digest('c').text()}};
  state.blobs[digest('b')].labels = {{kSnapshotLabel, digest('d').text()}};
  state.blobs[digest('c')].labels = {{kUncompressedLabel, digest('d').text()}};
  return state;
}

TEST(ImageNamesTest, AnImageIsKnownByTheConfigurationOfItsManifest) {
  const State loaded = state_of(kConfigLabel, std::string(kLayerLabel) + "0");
  EXPECT_EQ(image_id_of(loaded, digest('a').text()), digest('b'));
  EXPECT_EQ(image_id_of(loaded, digest('c').text()), std::nullopt);
  EXPECT_EQ(image_id_of(loaded, digest('e').text()), std::nullopt);
  EXPECT_EQ(image_id_of(loaded, "sha512:ab"), std::nullopt);
}

TEST(ImageNamesTest, AnImageThatWasCommittedOrBuiltIsKnownToo) {
  const State committed = state_of(kNumbered + "0", kNumbered + "1");
  EXPECT_EQ(image_id_of(committed, digest('a').text()), digest('b'));
}

TEST(ImageNamesTest, OfAnIndexTheFirstManifestThatIsThereCounts) {
  for (const std::string& prefix : {std::string(kManifestLabel), kNumbered}) {
    State state = state_of(kNumbered + "0", kNumbered + "1");
    state.blobs[digest('f')].labels = {{prefix + "0", digest('e').text()},
                                       {prefix + "1", digest('a').text()}};
    EXPECT_EQ(image_id_of(state, digest('f').text()), digest('b')) << prefix;
  }
}

} // namespace
} // namespace dind::containerd
