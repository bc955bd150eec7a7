#include <seed/load_stream.hpp>

#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <archive/tar_writer.hpp>
#include <base/json.hpp>
#include <sys/file.hpp>
#include <tar_split/tar_source.hpp>

#include <optional>
#include <utility>

namespace dind::seed {
namespace {

std::string layer_file(const Digest& diff_id) {
  return diff_id.hex() + "/layer.tar";
}

class TextSource final : public archive::ByteSource {
public:
  explicit TextSource(std::string text) : text_(std::move(text)), source_(text_) {}
  Result<std::size_t> read(std::span<std::byte> into) override { return source_.read(into); }

private:
  std::string text_;
  archive::MemorySource source_;
};

// A layer's own tar, from a cache. Its end is an error unless all of it hashes to its diff ID.
class LayerTar final : public archive::ByteSource {
public:
  static Result<std::unique_ptr<archive::ByteSource>> open(const cache::Cache& cache,
                                                           const Digest& diff_id) {
    auto layer = std::unique_ptr<LayerTar>(new LayerTar(diff_id));
    layer->tree_ = TRY(cache.open_tree(diff_id));
    layer->compressed_ = TRY(cache.open_tar_split(diff_id));
    layer->json_ = TRY(archive::decompress(layer->file_));
    layer->tar_.emplace(*layer->json_.source, tar_split::payloads_in(layer->tree_));
    layer->hashed_.emplace(*layer->tar_);
    return std::unique_ptr<archive::ByteSource>(std::move(layer));
  }

  Result<std::size_t> read(std::span<std::byte> into) override {
    if (checked_) {
      return std::size_t{0};
    }
    const std::size_t got = TRY(hashed_->read(into));
    if (got == 0) {
      if (hashed_->finish() != diff_id_) {
        return input_error("its content does not hash to its diff ID");
      }
      checked_ = true;
    }
    return got;
  }

private:
  explicit LayerTar(const Digest& diff_id) : diff_id_(diff_id), file_(compressed_) {}

  Digest diff_id_;
  Fd tree_;
  Fd compressed_;
  archive::FdSource file_;
  archive::Decompressed json_;
  std::optional<tar_split::TarSource> tar_;
  std::optional<archive::HashingSource> hashed_;
  bool checked_ = false;
};

std::string print_manifest(const LoadRequest& request) {
  json::array layers;
  for (const Digest& diff_id : request.image.layers) {
    layers.emplace_back(layer_file(diff_id));
  }
  json::object image;
  image["Config"] = request.image.id.hex() + ".json";
  image["RepoTags"] = json::array(request.tags.begin(), request.tags.end());
  image["Layers"] = std::move(layers);
  return json::print(json::array{std::move(image)}, json::Style::compact);
}

// The files of an archive, in order: documents first, then layers, the base first.
class Files {
public:
  Files(const LoadRequest& request, std::string config)
      : cache_(request.cache), manifest_(print_manifest(request)), config_(std::move(config)),
        config_name_(request.image.id.hex() + ".json") {
    const auto chain = cache::chain_ids(request.image.layers);
    std::set<Digest> listed; // a diff ID may occur twice in one chain
    for (std::size_t i = 0; i < chain.size(); ++i) {
      const Digest& diff_id = request.image.layers[i];
      if (!request.held.contains(chain[i]) && listed.insert(diff_id).second) {
        layers_.push_back(diff_id);
      }
    }
  }

  Result<std::optional<archive::TarFile>> next() {
    const std::size_t index = next_++;
    if (index == 0) {
      return document("manifest.json", manifest_);
    }
    if (index == 1) {
      return document(config_name_, config_);
    }
    const std::size_t layer = index - 2;
    return layer < layers_.size() ? open_layer(layers_[layer]) : std::optional<archive::TarFile>();
  }

private:
  static std::optional<archive::TarFile> document(const std::string& name, std::string text) {
    const std::uint64_t size = text.size();
    return archive::TarFile{name, size, std::make_unique<TextSource>(std::move(text))};
  }

  Result<std::optional<archive::TarFile>> open_layer(const Digest& diff_id) const {
    const cache::Layer* layer = cache_.manifest().find(diff_id);
    if (!layer) {
      return input_error("layer {} is not in the cache", diff_id.hex());
    }
    auto content = TRY(LayerTar::open(cache_, diff_id).within(layer_file(diff_id)));
    return std::optional(
        archive::TarFile{layer_file(diff_id), layer->tar_bytes, std::move(content)});
  }

  const cache::Cache& cache_;
  std::string manifest_;
  std::string config_;
  std::string config_name_;
  std::vector<Digest> layers_;
  std::size_t next_ = 0;
};

} // namespace

Result<std::unique_ptr<archive::ByteSource>> open_load_stream(const LoadRequest& request) {
  std::string config = TRY(request.cache.read_config(request.image.id));
  const auto files = std::make_shared<Files>(request, std::move(config));
  return std::unique_ptr<archive::ByteSource>(
      std::make_unique<archive::TarWriterSource>([files]() { return files->next(); }));
}

} // namespace dind::seed
