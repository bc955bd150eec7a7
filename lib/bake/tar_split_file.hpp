#pragma once

#include <archive/compression.hpp>
#include <archive/tar_split_writer.hpp>
#include <base/fd.hpp>

namespace dind::bake {

// Compresses what TarSplitWriter says into a file as it comes.
class TarSplitFile {
public:
  explicit TarSplitFile(const Fd& file)
      : file_(file), split_([this](std::string_view text) { return put(text); }) {}
  TarSplitFile(const TarSplitFile&) = delete;
  TarSplitFile& operator=(const TarSplitFile&) = delete;

  archive::TarSplitWriter& observer() { return split_; }
  Result<void> finish();

private:
  Result<void> put(std::string_view text);
  Result<void> flush();

  const Fd& file_;
  archive::GzipWriter gzip_;
  archive::TarSplitWriter split_;
};

} // namespace dind::bake
