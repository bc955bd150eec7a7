#pragma once

#include <bake/sentinel_picker.hpp>
#include <cache/skeleton_recorder.hpp>
#include <images/image.hpp>

#include <functional>

namespace dind::bake {

// What a layer turned out to be.
struct WrittenLayer {
  cache::Layer facts; // without blobs
  images::Warnings warnings;
};

// Adds up what a layer's members are, wherever its tree is made.
class LayerTally {
public:
  // Both must outlive the tally.
  LayerTally(WrittenLayer& layer, cache::SkeletonRecorder& recorder)
      : layer_(layer), recorder_(recorder) {}

  // After the tree has the member at `path`.
  void see(const archive::TarEntry& entry, const std::string& path);

  // How a path of the finished tree looks.
  using MakeSentinel = std::function<Result<cache::Sentinel>(const std::string& path)>;
  Result<cache::Skeleton> finish(const MakeSentinel& make_sentinel);

private:
  WrittenLayer& layer_;
  cache::SkeletonRecorder& recorder_;
  SentinelPicker sentinels_;
  std::uint64_t odd_names_ = 0;
  std::string odd_name_;
};

} // namespace dind::bake
