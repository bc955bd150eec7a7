#pragma once

#include <bake/image_target.hpp>
#include <bake/outer_image.hpp>
#include <bake/source_spec.hpp>

#include <string>
#include <vector>

namespace dind::ctl {

// What `dindctl image` was told, as it is written.
struct ImageArguments {
  std::string base;
  std::string target;
  std::vector<std::string> tags;
  std::vector<std::string> sources;
  std::vector<std::string> copies;
  std::string reuse;
  std::string cache_dir = "/var/lib/dind-cache";
  std::string programs;
  std::string compression = "zstd";
  std::string platform = bake::host_platform();
  std::string progress = "auto";
};

// The same as it is meant.
struct ImageJob {
  std::vector<bake::SourceSpec> base;
  std::vector<bake::SourceSpec> sources;
  bake::ImageTarget target;
  std::string platform;
  bake::OuterImageOptions options;
};

// All that can be wrong with the arguments.
Result<ImageJob> parse_arguments(const ImageArguments& arguments);

} // namespace dind::ctl
