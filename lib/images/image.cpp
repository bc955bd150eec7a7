#include <images/image.hpp>

#include <archive/sha256.hpp>
#include <images/image_config.hpp>
#include <images/oci_descriptor.hpp>

namespace dind::images {

std::string blob_file(const Digest& digest) {
  return "blobs/sha256/" + digest.hex();
}

Result<std::string> read_verified(const Bundle& bundle, const std::string& file,
                                  const Digest& digest) {
  std::string text = TRY(bundle.read_document(file));
  if (const Digest found = archive::sha256_of(text); found != digest) {
    return input_error("{}: its digest is {}, not {}", file, found.text(), digest.text());
  }
  return text;
}

Result<SourceImage> make_source_image(std::string config, const std::string& own) {
  ImageConfig parsed = TRY(parse_image_config(config, own));
  const bool says_platform = parsed.says_platform;
  cache::Image image{.id = std::move(parsed.id),
                     .platform = std::move(parsed.platform),
                     .config_bytes = config.size(),
                     .layers = std::move(parsed.diff_ids)};
  return SourceImage{.image = std::move(image),
                     .config = std::move(config),
                     .says_platform = says_platform,
                     .layers = {}};
}

std::optional<std::string> platform_remark(std::string_view label, const SourceImage& source,
                                           const std::string& wanted) {
  const std::string& own = source.image.platform;
  const std::string& is_for =
      source.listed_platform.starts_with(own + "/") ? source.listed_platform : own;
  if (match_platform(is_for, wanted) == 0) {
    return platform_warning(label, is_for, wanted);
  }
  if (!source.says_platform) {
    return assumption_warning(label, is_for);
  }
  if (is_for != wanted && is_for.starts_with("linux/amd64/v")) {
    return fmt::format("{} is for {}, which not every machine of {} runs", label, is_for, wanted);
  }
  return std::nullopt;
}

} // namespace dind::images
