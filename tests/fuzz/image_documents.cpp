#include <fuzz/target.hpp>

#include <archive/sha256.hpp>
#include <fuzz/memory_file.hpp>
#include <images/docker_archive.hpp>
#include <images/image.hpp>
#include <images/oci_layout.hpp>

#include <fmt/format.h>

namespace dind::fuzz {
namespace {

// Documents of an image, by name. The first of an input is index.json and manifest.json, the others
// are blobs. "@1" in a document stands for the digest of the blob behind it, "#1" for its size: a
// mutated blob would be no document of the image any more.
class Documents final : public images::Bundle {
public:
  explicit Documents(std::vector<std::string> documents) {
    documents.resize(std::min(documents.size(), std::size_t{8}));
    for (std::size_t i = documents.size(); i-- > 1;) {
      for (std::size_t user = 0; user < i; ++user) {
        replace(documents[user], fmt::format("@{}", i), archive::sha256_of(documents[i]).hex());
        replace(documents[user], fmt::format("#{}", i), std::to_string(documents[i].size()));
      }
    }
    add("oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
    add(images::kOciIndex, documents[0]);
    add(images::kDockerManifest, documents[0]);
    for (std::size_t i = 1; i < documents.size(); ++i) {
      add(images::blob_file(archive::sha256_of(documents[i])), documents[i]);
    }
    file_ = memory_file(text_);
  }

  bool has(const std::string& name) const override { return places_.contains(name); }
  Result<images::Stored> find(const std::string& name) const override {
    const auto place = places_.find(name);
    return place == places_.end()
               ? Result<images::Stored>(input_error("no {}", name))
               : images::Stored{file_, place->second.first, place->second.second};
  }

private:
  static void replace(std::string& text, std::string_view what, const std::string& by) {
    for (std::size_t at = text.find(what); at != std::string::npos && text.size() < (1U << 20U);
         at = text.find(what, at + by.size())) {
      text.replace(at, what.size(), by);
    }
  }
  void add(const std::string& name, const std::string& text) {
    places_[name] = {text_.size(), text.size()};
    text_ += text;
  }

  std::string text_;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> places_;
  std::shared_ptr<const Fd> file_;
};

// The documents of OCI layouts (index, manifest, configuration) and of `docker save`.
void run_image_documents(std::string_view input) {
  const auto documents = std::make_shared<const Documents>(split(input));
  for (const char* reference : {"", "alpine:3.20"}) {
    std::ignore = images::read_oci_layout(documents, reference);
    std::ignore = images::read_docker_archive(documents, reference);
  }
}

const Target kTargetImageDocuments("image_documents", run_image_documents);

} // namespace
} // namespace dind::fuzz
