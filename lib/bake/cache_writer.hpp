#pragma once

#include <archive/byte_source.hpp>
#include <base/digest.hpp>
#include <base/fd.hpp>
#include <base/result.hpp>
#include <cache/manifest.hpp>

#include <boost/filesystem/path.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace dind::bake {

// A cache in the making: a hidden directory beside `target`, which gets its name
// only when it is whole. Unless it does, the destructor removes it.
class CacheWriter {
public:
  // The parent of `target` must exist, and `target` must not.
  static Result<std::unique_ptr<CacheWriter>> create(const boost::filesystem::path& target);
  ~CacheWriter();
  CacheWriter(const CacheWriter&) = delete;
  CacheWriter& operator=(const CacheWriter&) = delete;

  const boost::filesystem::path& target() const { return target_; }
  // For scratch files without a name.
  const Fd& root() const { return root_; }

  // An empty directory for the files of a layer. From any thread.
  Result<Fd> make_layer_dir(const Digest& diff_id) const;
  // Takes it away with all that is in it.
  Result<void> remove_layer_dir(const Digest& diff_id) const;
  Result<void> write_config(const Digest& image_id, std::string_view bytes) const;
  Result<void> write_document(const Digest& digest, std::string_view bytes) const;
  Result<void> write_blob(const Digest& digest, archive::ByteSource& bytes) const;

  // Adds the canary, whose state it notes in `manifest`, and cache.json, and gives
  // the cache its name.
  Result<void> finish(cache::Manifest& manifest);

private:
  CacheWriter() = default;

  boost::filesystem::path target_;
  std::string target_name_;
  std::string draft_name_;
  Fd parent_;
  Fd root_;
  Fd layers_;
  Fd configs_;
  Fd documents_;
  Fd blobs_;
  bool finished_ = false;
};

} // namespace dind::bake
