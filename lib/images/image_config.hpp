#pragma once

#include <base/digest.hpp>
#include <base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace dind::images {

// What baking needs of an image's configuration (OCI image spec, config.md).
struct ImageConfig {
  Digest id;            // sha256 of the bytes
  std::string platform; // "linux/amd64", "linux/arm/v7"
  std::vector<Digest> diff_ids;
};

// Refuses what no Linux engine can run, and more layers than an engine takes.
Result<ImageConfig> parse_image_config(std::string_view text);

// The platform that this program was built for: "linux/amd64".
std::string host_platform();

// "linux/arm64" or "linux/arm/v7", or an error that shows the form. Pure.
Result<std::string> parse_platform(std::string_view text);

// That an image is not for the platform that was wanted.
std::string platform_warning(std::string_view image, std::string_view is_for,
                             std::string_view wanted);

} // namespace dind::images
