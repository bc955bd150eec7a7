#include <images/image_config.hpp>

#include <archive/sha256.hpp>
#include <base/json.hpp>
#include <cache/manifest.hpp>

#include <algorithm>
#include <optional>

namespace dind::images {
namespace {

// Go's names (GOARCH), which is what image configurations use.
constexpr std::string_view host_architecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#elif defined(__arm__)
  return "arm";
#elif defined(__i386__)
  return "386";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
  return "ppc64le";
#elif defined(__s390x__)
  return "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
  return "riscv64";
#elif defined(__loongarch64)
  return "loong64";
#else
#error "add Go's name of this architecture"
#endif
}

// A platform, and whether the configuration says all of it. "crane append" and images made before
// Docker 1.10 leave it out.
struct ReadPlatform {
  std::string name;
  bool is_said = true;
};

Result<ReadPlatform> read_platform(const json::Fields& config, const std::string& own) {
  const std::string os = TRY(config.text_or_none("os"));
  const std::string architecture = TRY(config.text_or_none("architecture"));
  const std::string variant = TRY(config.text_or_none("variant"));
  if (!os.empty() && os != "linux") {
    return input_error("an image for {}, and only those for linux can be baked", os);
  }
  if (architecture.empty()) {
    return ReadPlatform{own, false};
  }
  return ReadPlatform{"linux/" + architecture + (variant.empty() ? "" : "/" + variant),
                      !os.empty()};
}

Result<std::vector<Digest>> read_diff_ids(const json::Fields& config) {
  const auto* const root = TRY(config.child("rootfs"));
  const json::Fields rootfs(*root);
  if (const std::string type = TRY(rootfs.text("type")); type != "layers") {
    return input_error("its root filesystem is of the unknown kind \"{}\"", type);
  }
  const auto texts = TRY(rootfs.texts_or_none("diff_ids"));
  if (texts.size() > cache::kMaxDepth) {
    return input_error("{} layers, and engines take at most {}", texts.size(), cache::kMaxDepth);
  }
  std::vector<Digest> diff_ids;
  for (const std::string& text : texts) {
    diff_ids.push_back(TRY(Digest::parse(text)));
  }
  return diff_ids;
}

} // namespace

Result<ImageConfig> parse_image_config(std::string_view text, const std::string& own) {
  const json::value document = TRY(json::parse_as_go(text));
  const auto config = TRY(json::Fields::of(document));
  ReadPlatform platform = TRY(read_platform(config, own));
  auto diff_ids = TRY(read_diff_ids(config)); // in the braces, g++ 12 leaks members before it
  return ImageConfig{archive::sha256_of(text), std::move(platform.name), platform.is_said,
                     std::move(diff_ids)};
}

std::string host_platform() {
  return "linux/" + std::string(host_architecture());
}

Result<std::string> parse_platform(std::string_view text) {
  const auto slashes = std::count(text.begin(), text.end(), '/');
  const auto is_named = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/' ||
           c == '_' || c == '.' || c == '-';
  };
  if (!text.starts_with("linux/") || text.ends_with('/') || slashes > 2 ||
      text.find("//") != std::string_view::npos ||
      !std::all_of(text.begin(), text.end(), is_named)) {
    return input_error("{}: give linux/ARCHITECTURE[/VARIANT], such as linux/arm64", text);
  }
  return std::string(text);
}

std::string platform_warning(std::string_view image, std::string_view is_for,
                             std::string_view wanted) {
  return fmt::format("{} is for {}, and {} {}", image, is_for,
                     wanted == host_platform() ? "this machine is" : "wanted is", wanted);
}

std::string assumption_warning(std::string_view image, std::string_view taken_for) {
  return fmt::format("{} does not say its platform in full; it is taken for one of {}", image,
                     taken_for);
}

} // namespace dind::images
