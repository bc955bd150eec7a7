#include <images/image.hpp>

#include <archive/sha256.hpp>
#include <images/image_config.hpp>

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

Result<SourceImage> make_source_image(std::string config) {
  ImageConfig parsed = TRY(parse_image_config(config));
  cache::Image image{.id = std::move(parsed.id),
                     .platform = std::move(parsed.platform),
                     .config_bytes = config.size(),
                     .layers = std::move(parsed.diff_ids)};
  return SourceImage{std::move(image), std::move(config), {}};
}

} // namespace dind::images
